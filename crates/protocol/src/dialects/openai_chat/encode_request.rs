//! A request, towards a provider.

use super::{
    NAME, Spelling,
    encode_messages::Conversation,
    encode_parts::cache,
    object::{Writer, inner, list_into, object_into, put, read},
};
use crate::{
    codec::{Encoded, Target},
    dialects::gpt,
    ir::{
        Audio, Effort, Losses, Members, OutputFormat, Raw, Reasoning, Request, Sampling, Text, Tool,
        ToolChoice, ToolKind,
    },
};

/// Most stop sequences that OpenAI takes.
const MAX_STOPS: usize = 4;
/// The longest name of an end user that OpenAI takes, in characters.
const MAX_USER: usize = 64;
/// The classes of service of this dialect. Source: the OpenAI API description, schema `ServiceTier`.
pub(super) const TIERS: &[&str] = &["auto", "default", "flex", "scale", "priority", "fast"];
/// The inner objects of which members may be kept.
const INNER: &[&str] = &["stream_options", "json_schema", "audio", "reasoning", "thinking"];

/// Writes the body of `POST /v1/chat/completions`.
pub(super) fn encode(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let mut body = Vec::with_capacity(request.size());
    let mut losses = Losses::default();
    object_into(&mut body, |object| {
        Body { request, home: request.origin == NAME, losses: &mut losses }.write(object, target);
    });
    Encoded { body, losses }
}

struct Body<'r> {
    request: &'r Request<'r>,
    /// The request was decoded from this dialect.
    home: bool,
    losses: &'r mut Losses,
}

impl Body<'_> {
    fn write(&mut self, object: &mut Writer<'_>, target: Target<'_>) {
        let request = self.request;
        object.put("model", target.model);
        self.messages(object.value("messages"));
        if request.stream {
            object.put("stream", &true);
            self.stream_options(object);
        }
        let has_tools = self.tools(object);
        // OpenAI refuses both without tools; at home what the client sent goes on.
        if has_tools || self.home {
            self.tool_choice(object);
            object.put_some("parallel_tool_calls", request.parallel_tools.as_ref());
        } else if !matches!(request.tool_choice, None | Some(ToolChoice::Auto | ToolChoice::None)) {
            self.losses.add("tool_choice", "there is no tool left to choose");
        }
        self.format(object);
        self.reasoning(object, target.model);
        let plain = self.home || !gpt::refuses_sampling(target.model, request);
        self.sampling(object, &request.sampling, plain);
        if let Some(most) = request.max_tokens {
            let name =
                if self.spelled(Spelling::MAX_TOKENS) { "max_tokens" } else { "max_completion_tokens" };
            let limit = gpt::max_output(target.model).filter(|limit| !self.home && *limit < most);
            if limit.is_some() {
                self.losses.add("max_tokens", "lowered to the most that the model puts out");
            }
            object.put(name, &limit.unwrap_or(most));
        }
        object.put_some("n", request.choices.as_ref());
        match request.logprobs {
            Some(top) if plain => {
                object.put("logprobs", &true);
                object.put_some("top_logprobs", (top > 0).then_some(&top));
            }
            Some(_) => self.losses.add("logprobs", gpt::REASONS),
            None => {}
        }
        self.audio(object);
        object.put_some("verbosity", request.verbosity.as_ref());
        self.account(object);
        object.put_some("prompt_cache_key", request.cache_key.as_ref());
        self.keeping(object);
        if self.home {
            object.extra(&request.extra, INNER);
        } else {
            for (name, _) in &request.extra {
                self.losses.add(&**name, "no such member here");
            }
        }
    }

    fn spelled(&self, word: &'static str) -> bool {
        self.home && self.request.spelling.contains(&word)
    }

    fn kept(&self) -> &Members<'_> {
        const NONE: &Members<'static> = &Vec::new();
        if self.home { &self.request.extra } else { NONE }
    }

    fn messages(&mut self, out: &mut Vec<u8>) {
        let role = if self.spelled(Spelling::DEVELOPER) { "developer" } else { "system" };
        let legacy = self.spelled(Spelling::FUNCTIONS);
        out.push(b'[');
        let mut conversation = Conversation::new(out, self.losses, self.home, legacy);
        conversation.system(&self.request.system, role);
        for (place, message) in self.request.messages.iter().enumerate() {
            conversation.push(place, message);
        }
        conversation.finish();
        out.push(b']');
    }

    /// Usage is always asked for: it is what the call is billed by. A client that did not ask is spared the chunk.
    fn stream_options(&self, object: &mut Writer<'_>) {
        object.object("stream_options", |object| {
            object.put("include_usage", &true);
            object.inner_extra(self.kept(), "stream_options");
        });
    }

    /// Writes the tools; true if there were any.
    fn tools(&mut self, object: &mut Writer<'_>) -> bool {
        let request = self.request;
        let legacy = self.spelled(Spelling::FUNCTIONS);
        let home = self.home;
        let mut written = Vec::new();
        for (place, tool) in request.tools.iter().enumerate() {
            match tool {
                Tool::Client { .. } => written.push(tool),
                Tool::Foreign { origin, .. } if *origin == NAME => written.push(tool),
                Tool::Foreign { .. } => {
                    self.losses.add(format!("tools[{place}]"), "a tool that only another provider runs")
                }
            }
            let Tool::Client { cache, extra, .. } = tool else { continue };
            if !home {
                if cache.is_some() {
                    let path = format!("tools[{place}].cache");
                    self.losses.add(path, "caching is not steered by marks here");
                }
                for (name, _) in extra {
                    self.losses.add(format!("tools[{place}].{name}"), "no such member here");
                }
            }
        }
        if !written.is_empty() {
            let name = if legacy { "functions" } else { "tools" };
            list_into(object.value(name), &written, |out, tool| write_tool(out, tool, home, legacy));
        }
        !written.is_empty()
    }

    fn tool_choice(&mut self, object: &mut Writer<'_>) {
        let Some(choice) = &self.request.tool_choice else { return };
        let legacy = self.spelled(Spelling::FUNCTIONS);
        let member = if legacy { "function_call" } else { "tool_choice" };
        match choice {
            ToolChoice::Auto => object.put(member, "auto"),
            ToolChoice::None => object.put(member, "none"),
            ToolChoice::Required => object.put(member, "required"),
            ToolChoice::Named(name) if legacy => object.object(member, |object| object.put("name", name)),
            ToolChoice::Named(name) => object.object(member, |object| self.named(object, name)),
            ToolChoice::Allowed { names, required } => object.object(member, |object| {
                object.put("type", "allowed_tools");
                object.object("allowed_tools", |object| {
                    object.put("mode", if *required { "required" } else { "auto" });
                    list_into(object.value("tools"), names, |out, name| {
                        object_into(out, |object| self.named(object, name));
                    });
                });
            }),
            ToolChoice::Foreign { origin, raw } if *origin == NAME => object.put(member, raw),
            ToolChoice::Foreign { .. } => {
                self.losses.add("tool_choice", "a choice that only another dialect has")
            }
        }
    }

    /// Names one tool, as the kind that it is.
    fn named(&self, object: &mut Writer<'_>, name: &Text<'_>) {
        let is_custom = self.request.tools.iter().any(
            |tool| matches!(tool, Tool::Client { name: known, kind: ToolKind::Custom, .. } if known == name),
        );
        let kind = if is_custom { "custom" } else { "function" };
        object.put("type", kind);
        object.object(kind, |object| object.put("name", name));
    }

    fn format(&mut self, object: &mut Writer<'_>) {
        let Some(format) = &self.request.format else { return };
        object.object("response_format", |object| match format {
            OutputFormat::Text => object.put("type", "text"),
            OutputFormat::Json => object.put("type", "json_object"),
            OutputFormat::Schema { name, description, schema, strict } => {
                object.put("type", "json_schema");
                object.object("json_schema", |object| {
                    // The name is required; dialects that have none do not care what it is.
                    match name {
                        Some(name) => object.put("name", name),
                        None if self.home => {}
                        None => object.put("name", "answer"),
                    }
                    object.put_some("description", description.as_ref());
                    object.put("schema", schema);
                    object.put_some("strict", strict.as_ref());
                    object.inner_extra(self.kept(), "json_schema");
                });
            }
        });
    }

    fn reasoning(&mut self, object: &mut Writer<'_>, model: &str) {
        let Some(reasoning) = &self.request.reasoning else { return };
        if self.home {
            return self.own_reasoning(object, reasoning);
        }
        let (effort, lost) = gpt::effort(model, Some(reasoning));
        object.put_some("reasoning_effort", effort.map(Effort::name).as_ref());
        if let Some(lost) = lost {
            self.losses.add("reasoning", lost);
        }
        if reasoning.budget.is_some() && reasoning.is_on() && effort.is_some() {
            self.losses.add("reasoning.budget", "said as the nearest effort");
        }
        if reasoning.display.is_some() {
            self.losses.add("reasoning.display", "how much reasoning is shown is the server's choice");
        }
    }

    fn own_reasoning(&self, object: &mut Writer<'_>, reasoning: &Reasoning<'_>) {
        let effort = reasoning.effort.map(Effort::name);
        let (as_object, as_thinking) = (self.spelled(Spelling::REASONING), self.spelled(Spelling::THINKING));
        if as_object {
            object.object(Spelling::REASONING, |object| {
                object.put_some("effort", effort.as_ref());
                object.put_some("max_tokens", reasoning.budget.as_ref());
                object.put_some("enabled", reasoning.enabled.as_ref());
                object.inner_extra(self.kept(), Spelling::REASONING);
            });
        } else {
            object.put_some("reasoning_effort", effort.as_ref());
        }
        if as_thinking {
            object.object(Spelling::THINKING, |object| {
                object.put("type", if reasoning.enabled == Some(false) { "disabled" } else { "enabled" });
                object.put_some("budget_tokens", reasoning.budget.as_ref());
                object.inner_extra(self.kept(), Spelling::THINKING);
            });
        }
    }

    /// `top_k` and its like are not OpenAI's, which refuses them; clones have them, and their clients get them there.
    /// Not `plain`: the model refuses to be steered.
    fn sampling(&mut self, object: &mut Writer<'_>, sampling: &Sampling<'_>, plain: bool) {
        let put = |object: &mut Writer<'_>, losses: &mut Losses, name, value: &Option<Raw<'_>>| match value {
            Some(value) if plain => object.put(name, value),
            // The default is taken.
            Some(value) if name == "temperature" && value.get().parse() == Ok(1.0) => object.put(name, value),
            Some(_) => losses.add(name, gpt::REASONS),
            None => {}
        };
        put(object, self.losses, "temperature", &sampling.temperature);
        put(object, self.losses, "top_p", &sampling.top_p);
        let clones: [(&str, &Option<Raw<'_>>); 3] = [
            ("top_k", &sampling.top_k),
            ("min_p", &sampling.min_p),
            ("repetition_penalty", &sampling.repetition_penalty),
        ];
        for (name, value) in clones {
            match value {
                Some(value) if self.home => object.put(name, value),
                Some(_) => self.losses.add(name, "no such member here"),
                None => {}
            }
        }
        put(object, self.losses, "frequency_penalty", &sampling.frequency_penalty);
        put(object, self.losses, "presence_penalty", &sampling.presence_penalty);
        object.put_some("seed", sampling.seed.as_ref());
        put(object, self.losses, "logit_bias", &sampling.logit_bias);
        match &sampling.stop[..] {
            [] => {}
            _ if !plain => self.losses.add("stop", gpt::REASONS),
            [stop] if self.spelled(Spelling::STOP) => object.put("stop", stop),
            [first @ .., _] if first.len() >= MAX_STOPS && !self.home => {
                object.put("stop", &sampling.stop[..MAX_STOPS]);
                self.losses.add("stop", "only four stop sequences are taken");
            }
            all => object.put("stop", all),
        }
    }

    fn audio(&mut self, object: &mut Writer<'_>) {
        let request = self.request;
        let has_kept = inner(self.kept(), "audio").next().is_some();
        // OpenAI requires voice and format, and both of them where sound is asked for.
        let is_whole = |audio: &Audio<'_>| audio.voice.is_some() && audio.format.is_some();
        if !self.home && !request.audio.as_ref().is_some_and(is_whole) {
            return self.no_audio(object);
        }
        if !request.modalities.is_empty() {
            object.put("modalities", &request.modalities);
        }
        match &request.audio {
            Some(audio) => object.object("audio", |object| {
                object.put_some("voice", audio.voice.as_ref());
                object.put_some("format", audio.format.as_ref());
                object.inner_extra(self.kept(), "audio");
            }),
            None if has_kept => object.object("audio", |object| object.inner_extra(self.kept(), "audio")),
            None => {}
        }
    }

    /// Writes what else is asked for than sound, whose form is not said.
    fn no_audio(&mut self, object: &mut Writer<'_>) {
        const WHY: &str = "sound needs both a voice and a format here";
        if self.request.audio.is_some() {
            self.losses.add("audio", WHY);
        }
        let kinds: Vec<_> = self.request.modalities.iter().filter(|kind| **kind != "audio").collect();
        if kinds.len() < self.request.modalities.len() {
            self.losses.add("modalities", WHY);
        }
        if !kinds.is_empty() {
            object.put("modalities", &kinds);
        }
    }

    /// Who pays how, and for whom.
    fn account(&mut self, object: &mut Writer<'_>) {
        let request = self.request;
        match request.service_tier.as_deref() {
            None => {}
            Some(tier) if self.home => object.put("service_tier", tier),
            Some(tier) => match gpt::tier(tier, TIERS) {
                Some(tier) => object.put("service_tier", tier),
                None => self.losses.add("service_tier", "no such tier here"),
            },
        }
        let name =
            if self.spelled(Spelling::SAFETY_IDENTIFIER) { Spelling::SAFETY_IDENTIFIER } else { "user" };
        match &request.user {
            Some(user) if !self.home && user.chars().count() > MAX_USER => {
                self.losses.add("user", "longer than the 64 characters that are taken");
            }
            user => object.put_some(name, user.as_ref()),
        }
    }

    /// What the provider shall keep. Not to keep the answer is what this dialect does unless told otherwise, so other
    /// dialects need not say it; and OpenAI takes metadata of answers that it keeps, and refuses it for others.
    fn keeping(&mut self, object: &mut Writer<'_>) {
        let request = self.request;
        let store = request.store.filter(|store| self.home || *store);
        object.put_some("store", store.as_ref());
        match &request.metadata {
            Some(metadata) if self.home || store == Some(true) => object.put("metadata", metadata),
            Some(_) => self.losses.add("metadata", "only stored answers have metadata here"),
            None => {}
        }
        if request.previous.is_some() {
            self.losses.add("previous_response_id", "a request holds its whole conversation here");
        }
    }
}

fn write_tool(out: &mut Vec<u8>, tool: &Tool<'_>, home: bool, legacy: bool) {
    let Tool::Client { name, description, schema, strict, kind, cache: hint, extra } = tool else {
        if let Tool::Foreign { raw, .. } = tool {
            put(out, raw);
        }
        return;
    };
    let none = Vec::new();
    let extra = if home { extra } else { &none };
    let function = |object: &mut Writer<'_>| {
        object.put("name", name);
        object.put_some("description", description.as_ref());
        object.put_some("parameters", schema.as_ref());
        object.put_some("strict", strict.as_ref());
        object.inner_extra(extra, "function");
    };
    object_into(out, |object| match kind {
        ToolKind::Function if legacy => function(object),
        ToolKind::Function => {
            object.put("type", "function");
            object.object("function", function);
            object.extra(extra, &["function"]);
            cache(object, hint.as_ref().filter(|_| home));
        }
        ToolKind::Custom => {
            object.put("type", "custom");
            object.object("custom", |object| {
                object.put("name", name);
                object.put_some("description", description.as_ref());
                if let Some(schema) = schema {
                    custom_format(object, schema);
                }
                object.inner_extra(extra, "custom");
            });
            object.extra(extra, &["custom"]);
            cache(object, hint.as_ref().filter(|_| home));
        }
    });
}

/// Writes the form of a custom tool's input. The Responses API has a grammar's members beside its type, this one has
/// them one level further in.
fn custom_format(object: &mut Writer<'_>, format: &Raw<'_>) {
    super::object::object! {
        Flat<'a> {
            kind = "type": Text<'a>,
            definition = "definition": Text<'a>,
            syntax = "syntax": Text<'a>,
        }
    }
    match read::<Flat<'_>>(format) {
        Some(Flat { kind: Some(kind), definition: Some(definition), syntax, .. }) if *kind == *"grammar" => {
            object.object("format", |object| {
                object.put("type", "grammar");
                object.object("grammar", |object| {
                    object.put_some("syntax", syntax.as_ref());
                    object.put("definition", &definition);
                });
            });
        }
        _ => object.put("format", format),
    }
}
