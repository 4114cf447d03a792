//! Writes the response object that whole answers have and that events carry: what happened, and the request again.

use super::{
    HERE,
    decode_request::extra,
    encode_request::instructions,
    openai_chat::{DetailNames, usage_kept},
    settings,
    write::{self, Object},
};
use crate::{
    codec::Reply,
    ir::{Effort, Losses, Members, Raw, Reasoning, Request, Usage},
};

/// What a response object says at one moment.
pub(super) struct Moment<'m> {
    pub(super) id: &'m str,
    pub(super) model: &'m str,
    pub(super) created: u64,
    pub(super) status: &'m str,
    /// When it was completed.
    pub(super) completed: Option<u64>,
    /// Code and message, if it failed.
    pub(super) error: Option<(&'m str, &'m str)>,
    /// Why it is incomplete.
    pub(super) reason: Option<&'m str>,
    /// The items, as JSON with commas.
    pub(super) output: &'m [u8],
    pub(super) usage: Option<Usage>,
    /// Members that only this dialect knows, those of the usage among them.
    pub(super) extra: &'m Members<'m>,
    pub(super) tier: Option<&'m str>,
}

/// The members that repeat the request, once for all response objects of one answer. Source: the OpenAI API
/// description, schema `Response`; the Open Responses specification requires all of them. What the request did not
/// say is said with the documented default.
pub(super) struct Echo {
    members: Vec<u8>,
    tier: String,
}

impl Echo {
    pub(super) fn new(reply: Reply<'_>) -> Self {
        let request = reply.request;
        let mut members = Vec::with_capacity(1024);
        write::members(&mut members, |o| echo(request, o));
        // Once here, not for each event that carries it.
        write::one_line(&mut members, 0);
        Self { members, tier: request.service_tier.as_deref().unwrap_or("default").to_owned() }
    }

    /// Appends the response object.
    pub(super) fn write(&self, moment: &Moment<'_>, o: &mut Object<'_>) {
        o.put("id", moment.id);
        o.put("object", "response");
        o.put("created_at", &moment.created);
        o.put("status", moment.status);
        o.put("completed_at", &moment.completed);
        match moment.error {
            None => o.put("error", &()),
            Some((code, message)) => o.object("error", |o| {
                o.put("code", code);
                o.put("message", message);
            }),
        }
        match moment.reason {
            None => o.put("incomplete_details", &()),
            Some(reason) => o.object("incomplete_details", |o| o.put("reason", reason)),
        }
        o.put("model", moment.model);
        o.list("output", moment.output);
        o.splice(&self.members);
        o.put("service_tier", moment.tier.unwrap_or(&self.tier));
        match moment.usage {
            None => o.put("usage", &()),
            Some(usage) => o.object("usage", |o| write_usage(usage, moment.extra, o)),
        }
        moment
            .extra
            .iter()
            .filter(|(name, _)| !name.starts_with("usage."))
            .for_each(|(name, raw)| o.put(name, raw));
    }
}

/// The details of the usage as this dialect spells them.
pub(super) const DETAILS: DetailNames =
    DetailNames { input: "input_tokens_details", output: "output_tokens_details" };

/// Cached tokens are part of the input here. Source: schema `ResponseUsage`. What an answer of this dialect says beside
/// them is among its own members.
fn write_usage(usage: Usage, members: &Members<'_>, o: &mut Object<'_>) {
    let [of_input, of_output, rest] = usage_kept(members, DETAILS);
    let input = usage.total_input();
    o.put("input_tokens", &input);
    o.object(DETAILS.input, |o| {
        o.put("cached_tokens", &usage.cache_read);
        o.put("cache_write_tokens", &usage.cache_write);
        of_input.iter().for_each(|(name, raw)| o.put(name, raw));
    });
    o.put("output_tokens", &usage.output);
    o.object(DETAILS.output, |o| {
        o.put("reasoning_tokens", &usage.reasoning);
        of_output.iter().for_each(|(name, raw)| o.put(name, raw));
    });
    o.put("total_tokens", &input.saturating_add(usage.output));
    rest.iter().for_each(|(name, raw)| o.put(name, raw));
}

fn echo(request: &Request<'_>, o: &mut Object<'_>) {
    // The client's own tools and choice can always be said to the client.
    let mut losses = Losses::default();
    let given = |o: &mut Object<'_>, name: &str, default: &dyn Fn(&mut Object<'_>)| match extra(request, name)
    {
        Some(value) => o.put(name, value),
        None => default(o),
    };
    o.put("instructions", &instructions(&request.system));
    given(o, "background", &|o| o.put("background", &false));
    o.put("max_output_tokens", &request.max_tokens);
    given(o, "max_tool_calls", &|o| o.put("max_tool_calls", &()));
    match &request.metadata {
        Some(metadata) => o.put("metadata", metadata),
        None => o.object("metadata", |_| {}),
    }
    o.put("parallel_tool_calls", &request.parallel_tools.unwrap_or(true));
    o.put("previous_response_id", &request.previous);
    o.put("prompt_cache_key", &request.cache_key);
    given(o, "prompt_cache_retention", &|o| o.put("prompt_cache_retention", &()));
    o.object("reasoning", |o| {
        let asked = request.reasoning.as_ref();
        o.put("effort", &asked.and_then(Reasoning::effort).map(Effort::name));
        o.put("summary", &asked.and_then(|asked| asked.display.as_ref()));
        settings::inner(request, "reasoning", true, |members| {
            o.extra(&members.into_iter().filter(|(key, _)| *key != "effort").collect());
        });
    });
    given(o, "safety_identifier", &|o| o.put("safety_identifier", &()));
    o.put("store", &request.store.unwrap_or(true));
    number(o, "temperature", request.sampling.temperature.as_ref(), 1);
    o.object("text", |o| {
        if request.format.is_none() && extra(request, "text.format").is_none() {
            o.object("format", |o| o.put("type", "text"));
        }
        settings::text(request, o);
    });
    match &request.tool_choice {
        Some(_) if request.origin == HERE => settings::tool_choice(request, &mut losses, o),
        _ => o.put("tool_choice", "auto"),
    }
    o.array("tools", |array| settings::tools(request, &mut losses, array));
    o.put("top_logprobs", &request.logprobs.unwrap_or(0));
    number(o, "top_p", request.sampling.top_p.as_ref(), 1);
    number(o, "frequency_penalty", request.sampling.frequency_penalty.as_ref(), 0);
    number(o, "presence_penalty", request.sampling.presence_penalty.as_ref(), 0);
    given(o, "truncation", &|o| o.put("truncation", "disabled"));
    o.put("user", &request.user);
}

fn number(o: &mut Object<'_>, name: &str, given: Option<&Raw<'_>>, default: u8) {
    match given {
        Some(given) => o.put(name, given),
        None => o.put(name, &default),
    }
}
