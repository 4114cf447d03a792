//! Writes requests of Converse and ConverseStream.

use std::borrow::Cow;

use super::{
    NAME,
    content_encode::{Blocks, Toward},
    model::{self, Asked, Family},
    turns_encode::lacks_its_reasoning,
    wire,
    write::{Json, object_of},
};
use crate::{
    codec::{Encoded, Target},
    dialects::anthropic::schema,
    ir::{Losses, Members, OutputFormat, Raw, Request, Text, ToolChoice},
};

/// Members that this file writes and that `extra` may hold the rest of.
const OWN: &[&str] =
    &["inferenceConfig", "toolConfig", "serviceTier", "additionalModelRequestFields", "outputConfig"];

/// Writes one request.
pub(super) fn encode(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let family = Family::of(target.model);
    let mut writer = Writer {
        request,
        family,
        own: request.origin == NAME,
        blocks: Blocks::new(Toward::Provider(family), request.origin),
        none: Members::new(),
    };
    let body = object_of(request.size(), |json| writer.body(target, json));
    Encoded { body, losses: writer.blocks.losses }
}

pub(super) struct Writer<'r> {
    pub(super) request: &'r Request<'r>,
    pub(super) family: Family,
    /// Whether the request was read from Converse: then its order and shape are kept as they were.
    pub(super) own: bool,
    pub(super) blocks: Blocks,
    none: Members<'r>,
}

impl<'r> Writer<'r> {
    pub(super) fn losses(&mut self) -> &mut Losses {
        &mut self.blocks.losses
    }

    pub(super) fn extra(&self) -> &Members<'r> {
        if self.own { &self.request.extra } else { &self.none }
    }

    fn body(&mut self, target: Target<'_>, json: &mut Json<'_>) {
        self.messages(json);
        self.system(json);
        let asked = self.reasoning(target.model);
        let highest = model::max_output(target.model).filter(|_| !self.own).unwrap_or(u64::MAX);
        if self.request.max_tokens.is_some_and(|asked| asked > highest) {
            self.losses().add("max_tokens", "lowered to the most that the model puts out");
        }
        let max_tokens = self.request.max_tokens.map(|asked| asked.min(highest)).or_else(|| {
            // A budget to reason has to fit under a limit, and the default limit of the models is lower than most.
            let limit = target.max_output.filter(|_| asked.thinks && !self.own);
            if limit.is_some() {
                self.losses().add("max_tokens", "required by the model to reason: its limit is used");
            }
            limit
        });
        self.inference(max_tokens, &asked, json);
        self.tools(json);
        self.additional(&asked, json);
        self.output(&asked, json);
        self.around(json);
        self.unsaid();
    }

    /// What Converse has no field for.
    fn unsaid(&mut self) {
        let request = self.request;
        let sampling = &request.sampling;
        let has = |raw: &Option<Raw<'_>>| raw.is_some();
        let unsaid = [
            ("min_p", has(&sampling.min_p)),
            ("frequency_penalty", has(&sampling.frequency_penalty)),
            ("presence_penalty", has(&sampling.presence_penalty)),
            ("repetition_penalty", has(&sampling.repetition_penalty)),
            ("seed", has(&sampling.seed)),
            ("logit_bias", has(&sampling.logit_bias)),
            ("n", request.choices.is_some_and(|choices| choices > 1)),
            ("logprobs", request.logprobs.is_some()),
            ("audio", request.audio.is_some()),
            ("modalities", request.modalities.iter().any(|kind| *kind != "text")),
            ("verbosity", request.verbosity.is_some()),
            ("user", request.user.is_some()),
            ("prompt_cache_key", request.cache_key.is_some()),
            ("store", request.store == Some(true)),
            ("previous_response_id", request.previous.is_some()),
            ("parallel_tool_calls", request.parallel_tools == Some(false)),
        ];
        for (name, _) in unsaid.iter().filter(|(_, is_there)| *is_there) {
            self.losses().add(*name, "Converse has no such field");
        }
        if !self.own {
            for (name, _) in &request.extra {
                self.losses().add(&**name, "only the client's own dialect has it");
            }
        }
    }

    fn reasoning(&mut self, model: &str) -> Asked {
        let request = self.request;
        let Some(reasoning) = &request.reasoning else { return Asked::default() };
        let (family, own) = (self.family, self.own);
        let asked = model::ask(family, model, own, reasoning, request.max_tokens, self.losses());
        if own || !asked.thinks {
            return asked;
        }
        // Anthropic refuses both: https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking
        if matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named(_) | ToolChoice::Allowed { required: true, .. })
        ) {
            self.losses().add("reasoning", "this model does not reason when a tool has to be called");
            return Asked::default();
        }
        if lacks_its_reasoning(&request.messages, family) {
            self.losses().add("reasoning", "this turn's reasoning so far is not in the request");
            return Asked::default();
        }
        asked
    }

    fn inference(&mut self, max_tokens: Option<u64>, asked: &Asked, json: &mut Json<'_>) {
        let sampling = &self.request.sampling;
        let is_free = self.own || !asked.thinks;
        for (name, value) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
            // 1 is what such a model does anyway.
            if value.as_ref().is_some_and(|raw| raw.get().parse() != Ok(1.0)) && !is_free {
                self.losses().add(name, "not together with this model's reasoning");
            }
        }
        let temperature = sampling.temperature.as_ref().filter(|_| is_free).map(|raw| self.at_most_one(raw));
        // Claude on Bedrock refuses both at once; the temperature is what people set on purpose.
        let is_one_too_many = !self.own && self.family == Family::Anthropic && temperature.is_some();
        if is_one_too_many && is_free && sampling.top_p.is_some() {
            self.losses().add("top_p", "not together with a temperature");
        }
        let top_p = sampling.top_p.as_ref().filter(|_| is_free && !is_one_too_many);
        // Converse refuses stop sequences of white space only.
        let (stops, blank): (Vec<_>, Vec<_>) =
            sampling.stop.iter().partition(|stop| self.own || !stop.trim().is_empty());
        if !blank.is_empty() {
            self.losses().add("stop", "the target takes no stop sequence of white space only");
        }
        let mark = json.mark();
        let mut is_empty = true;
        json.member_object("inferenceConfig", |json| {
            let start = json.mark();
            if let Some(max_tokens) = max_tokens {
                json.member_number("maxTokens", max_tokens);
            }
            if let Some(temperature) = temperature {
                json.member("temperature", &temperature);
            }
            if let Some(top_p) = top_p {
                json.member("topP", top_p.get());
            }
            if !stops.is_empty() {
                json.member_array("stopSequences", |json| {
                    stops.iter().for_each(|stop| json.item_text(stop));
                });
            }
            json.rest(self.extra(), "inferenceConfig");
            is_empty = json.mark() == start;
        });
        if is_empty {
            json.forget(mark);
        }
    }

    /// Converse takes temperatures up to 1.
    fn at_most_one<'t>(&mut self, temperature: &'t Raw<'_>) -> Cow<'t, str> {
        if !self.own && temperature.get().parse::<f64>().is_ok_and(|number| number > 1.0) {
            self.losses().add("temperature", "Converse takes at most 1");
            return "1".into();
        }
        temperature.get().into()
    }

    fn additional(&mut self, asked: &Asked, json: &mut Json<'_>) {
        let mut fields = asked.fields.clone();
        let sampling = &self.request.sampling;
        if sampling.top_k.is_some() && asked.thinks && !self.own {
            self.losses().add("top_k", "not together with this model's reasoning");
        } else {
            model::ask_top_k(self.family, self.own, sampling, &mut fields, self.losses());
        }
        let kept = self.extra().iter().find(|(key, _)| key == "additionalModelRequestFields");
        if fields.is_empty() && kept.is_none() {
            return;
        }
        json.member_object("additionalModelRequestFields", |json| {
            json.members(&fields);
            json.rest(self.extra(), "additionalModelRequestFields");
        });
    }

    fn output(&mut self, asked: &Asked, json: &mut Json<'_>) {
        let schema = match &self.request.format {
            Some(OutputFormat::Schema { name, description, schema, strict }) => {
                if *strict == Some(false) {
                    self.losses().add("response_format.strict", "Converse always holds to the schema");
                }
                // The makers take no schema of another dialect as it is: theirs has fewer keywords.
                let taken = if self.own {
                    Some(Cow::Borrowed(&**schema))
                } else {
                    schema::fitted(schema, "response_format.schema", self.losses())
                };
                if taken.is_none() {
                    self.losses().add("response_format", "Converse takes no schema that refers to itself");
                }
                taken.map(|schema| (name, description, schema))
            }
            Some(OutputFormat::Json) => {
                self.losses().add("response_format", "Converse has no JSON without a schema");
                None
            }
            Some(OutputFormat::Text) | None => None,
        };
        let kept = self.extra().iter().any(|(key, _)| key == "outputConfig");
        if schema.is_none() && asked.effort.is_none() && !kept {
            return;
        }
        json.member_object("outputConfig", |json| {
            if let Some((name, description, schema)) = schema {
                json.member_object("textFormat", |json| {
                    json.member_text("type", "json_schema");
                    json.member_object("structure", |json| {
                        json.member_object("jsonSchema", |json| {
                            json.member_text("schema", schema.get());
                            json.member_some("name", name.as_deref());
                            json.member_some("description", description.as_deref());
                        });
                    });
                });
            }
            json.member_some("effort", asked.effort);
            json.rest(self.extra(), "outputConfig");
        });
    }

    /// The members around the conversation.
    fn around(&mut self, json: &mut Json<'_>) {
        if let Some(tier) = self.request.service_tier.as_deref() {
            // What others call standard is the default here (API description, `ServiceTierType`).
            match if tier == "standard" && !self.own { "default" } else { tier } {
                tier if self.own || TIERS.contains(&tier) => json.member_object("serviceTier", |json| {
                    json.member_text("type", tier);
                    json.rest(self.extra(), "serviceTier");
                }),
                // What Converse does when nothing is said.
                "auto" => {}
                _ => self.losses().add("service_tier", "Converse has no such class of service"),
            }
        }
        if let Some(metadata) = &self.request.metadata {
            if self.own || fits_as_metadata(metadata) {
                json.member("requestMetadata", metadata.get());
            } else {
                self.losses().add("metadata", "Converse takes at most 16 short texts");
            }
        }
        json.members_but(self.extra(), OWN);
    }
}

/// Classes of service (API description, `ServiceTierType`).
pub(super) const TIERS: &[&str] = &["priority", "default", "flex", "reserved"];

/// Whether metadata are as few and as short as Converse takes them (API description, `RequestMetadata`).
fn fits_as_metadata(metadata: &Raw<'_>) -> bool {
    let fits = |text: &str| {
        text.len() <= 256
            && text.chars().all(|letter| {
                letter.is_ascii_alphanumeric() || letter.is_whitespace() || "_:@$#=/+,-.".contains(letter)
            })
    };
    let members = serde_json::from_str::<wire::Empty<'_>>(metadata.get()).map(|metadata| metadata.extra);
    members.is_ok_and(|members| {
        (1..=16).contains(&members.len())
            && members.iter().all(|(key, raw)| {
                let value = serde_json::from_str::<Text<'_>>(raw.get());
                !key.is_empty() && fits(key) && value.is_ok_and(|value| fits(&value))
            })
    })
}
