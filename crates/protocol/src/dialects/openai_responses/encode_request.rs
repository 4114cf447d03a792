//! Writes a request for a provider.

use super::{
    HERE,
    decode_request::{INCLUDE_LOGPROBS, INCLUDE_PROOF, extra},
    encode_items, settings,
    write::{self, Array, Object},
};
use crate::{
    codec::{Encoded, Target},
    dialects::{gpt, orphan},
    ir::{Block, Content, Effort, Losses, Members, Reasoning, Request, Text},
};

/// The least `max_output_tokens` that the API takes (OpenAI API description, schema `CreateResponse`).
const LEAST_TOKENS: u64 = 16;
/// The longest end user that the API takes.
const LONGEST_USER: usize = 64;
/// The classes of service that the API knows (schemas `ServiceTierResponses`).
pub(super) const TIERS: &[&str] = &["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"];
/// How much of the reasoning may be shown (schema `Reasoning`).
const SUMMARIES: &[&str] = &["auto", "concise", "detailed"];

/// Writes a request.
pub(super) fn encode(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let mut losses = Losses::default();
    let mut body = Vec::with_capacity(request.size());
    write::object(&mut body, |o| {
        o.put("model", target.model);
        let instructions = instructions(&request.system).filter(|text| !is_all(text, request));
        o.some("instructions", instructions);
        o.array("input", |array| input(request, instructions.is_none(), &mut losses, array));
        if request.stream {
            o.put("stream", &true);
        }
        tools(request, &mut losses, o);
        text(request, o);
        reasoning(request, target.model, &mut losses, o);
        limits(request, &mut losses, o);
        sampling(request, target.model, &mut losses, o);
        include(request, target.model, o);
        names(request, &mut losses, o);
        rest(request, &mut losses, o);
    });
    Encoded { body, losses }
}

/// Whether a system prompt is all that there is to say: instructions alone are refused, so that it becomes the input. At
/// home a kept answer or conversation may be what is continued.
fn is_all(system: &str, request: &Request<'_>) -> bool {
    request.origin != HERE && request.messages.is_empty() && !system.trim().is_empty()
}

/// The items, the system prompt's first if it is to be one. A request of another dialect gets some input in any case,
/// because one without is refused ("One of 'input' or 'previous_response_id' or 'prompt' must be provided").
fn input(request: &Request<'_>, with_system: bool, losses: &mut Losses, array: &mut Array<'_>) {
    if with_system {
        encode_items::system(request, losses, array);
    }
    encode_items::messages(request, losses, array);
    if array.is_empty() && request.origin != HERE {
        losses.add("messages", orphan::MODEL_FIRST);
        array.object(|o| {
            o.put("role", "user");
            o.put("content", orphan::PLACEHOLDER);
        });
    }
}

/// The system prompt as `instructions`: if it is one plain text.
pub(super) fn instructions<'r>(system: &'r [Block<'_>]) -> Option<&'r Text<'r>> {
    match system {
        [Block { content: Content::Text { text, citations }, cache: None, extra }]
            if citations.is_empty() && extra.is_empty() =>
        {
            Some(text)
        }
        _ => None,
    }
}

fn tools(request: &Request<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    if !request.tools.is_empty() {
        o.array_of_some("tools", |array| settings::tools(request, losses, array));
    }
    settings::tool_choice(request, losses, o);
    o.some("parallel_tool_calls", request.parallel_tools.as_ref());
}

fn text(request: &Request<'_>, o: &mut Object<'_>) {
    if request.format.is_some() || request.verbosity.is_some() || settings::has_inner(request, "text") {
        o.object("text", |o| settings::text(request, o));
    }
}

fn reasoning(request: &Request<'_>, model: &str, losses: &mut Losses, o: &mut Object<'_>) {
    let asked = request.reasoning.as_ref();
    let (effort, lost) = match request.origin {
        HERE => (asked.and_then(|asked| asked.effort), None),
        _ => gpt::effort(model, asked),
    };
    if let Some(lost) = lost {
        losses.add("reasoning", lost);
    }
    if request.origin != HERE && gpt::reasons(model) == Some(false) {
        return;
    }
    let summary = match asked.and_then(|reasoning| reasoning.display.as_deref()) {
        Some("summarized") => Some("auto"),
        Some("omitted") | None => None,
        Some(word) if request.origin == HERE || SUMMARIES.contains(&word) => Some(word),
        Some(_) => {
            losses.add("reasoning.display", "no such way to show reasoning");
            None
        }
    };
    if asked.is_some_and(|reasoning| reasoning.budget.is_some() && reasoning.is_on()) && effort.is_some() {
        losses.add("reasoning.budget", "said as the nearest effort");
    }
    if effort.is_none() && summary.is_none() && !settings::has_inner(request, "reasoning") {
        return;
    }
    o.object("reasoning", |o| {
        o.some("effort", effort.map(Effort::name).as_ref());
        o.some("summary", summary.as_ref());
        settings::inner(request, "reasoning", true, |members| o.extra(&members));
    });
}

fn limits(request: &Request<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    if let Some(most) = request.max_tokens {
        let raised = if request.origin == HERE { most } else { most.max(LEAST_TOKENS) };
        if raised != most {
            losses.add("max_tokens", "raised to 16, the least the API takes");
        }
        o.put("max_output_tokens", &raised);
    }
    if request.choices.is_some_and(|count| count != 1) {
        losses.add("n", "the API gives one answer only");
    }
    if request.audio.is_some() {
        losses.add("audio", "the API answers in text only");
    }
    for modality in request.modalities.iter().filter(|modality| **modality != "text") {
        losses.add("modalities", format!("the API does not answer in {modality}"));
    }
}

fn sampling(request: &Request<'_>, model: &str, losses: &mut Losses, o: &mut Object<'_>) {
    let sampling = &request.sampling;
    let home = request.origin == HERE;
    let plain = home || !gpt::refuses_sampling(model, request);
    for (name, value) in [("temperature", &sampling.temperature), ("top_p", &sampling.top_p)] {
        match value {
            Some(value) if plain => o.put(name, value),
            Some(_) => losses.add(name, gpt::REASONS),
            None => {}
        }
    }
    for (name, value) in
        [("frequency_penalty", &sampling.frequency_penalty), ("presence_penalty", &sampling.presence_penalty)]
    {
        match value {
            Some(value) if home => o.put(name, value),
            Some(_) => losses.add(name, "no such field"),
            None => {}
        }
    }
    for (name, is_given) in [
        ("top_k", sampling.top_k.is_some()),
        ("min_p", sampling.min_p.is_some()),
        ("repetition_penalty", sampling.repetition_penalty.is_some()),
        ("seed", sampling.seed.is_some()),
        ("logit_bias", sampling.logit_bias.is_some()),
        ("stop", !sampling.stop.is_empty()),
    ] {
        if is_given {
            losses.add(name, "no such field");
        }
    }
    match request.logprobs {
        Some(_) if !plain => losses.add("logprobs", gpt::REASONS),
        Some(count) if count > 0 => o.put("top_logprobs", &count),
        _ => {}
    }
}

/// What is to be in the answer. Where other dialects give the proof of reasoning unasked, this one has to be asked, and
/// without it the reasoning could not go back on the next turn. A model that does not reason refuses to be asked.
fn include(request: &Request<'_>, model: &str, o: &mut Object<'_>) {
    let mut list: Vec<String> =
        extra(request, "include").and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let home = request.origin == HERE;
    let reasons =
        request.reasoning.as_ref().is_some_and(Reasoning::is_on) && gpt::reasons(model) != Some(false);
    if request.reasoning_proof.unwrap_or(!home && reasons) {
        list.push(INCLUDE_PROOF.to_owned());
    }
    if request.logprobs.is_some() && (home || !gpt::refuses_sampling(model, request)) {
        list.push(INCLUDE_LOGPROBS.to_owned());
    }
    if !list.is_empty() {
        o.put("include", &list);
    }
}

fn names(request: &Request<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    let home = request.origin == HERE;
    match request.service_tier.as_deref() {
        None => {}
        Some(tier) if home => o.put("service_tier", tier),
        Some(tier) => match gpt::tier(tier, TIERS) {
            Some(tier) => o.put("service_tier", tier),
            None => losses.add("service_tier", "no such class of service"),
        },
    }
    match &request.user {
        Some(user) if home || user.len() <= LONGEST_USER => o.put("user", user),
        Some(_) => losses.add("user", "longer than the 64 characters the API takes"),
        None => {}
    }
    o.some("metadata", request.metadata.as_ref());
    o.some("prompt_cache_key", request.cache_key.as_ref());
    // Left out, it means yes here: a client of another dialect has not asked for that.
    o.some("store", request.store.or((!home).then_some(false)).as_ref());
    match &request.previous {
        Some(previous) if home => o.put("previous_response_id", previous),
        Some(_) => losses.add("previous_response_id", "an answer kept by another provider"),
        None => {}
    }
}

fn rest(request: &Request<'_>, losses: &mut Losses, o: &mut Object<'_>) {
    let is_rest = |key: &str| request.origin != HERE || !(key == "include" || settings::is_inner(key));
    let members = request.extra.iter().filter(|(key, _)| is_rest(key));
    let members: Members<'_> = members.map(|(key, raw)| (key.borrowed(), raw.clone())).collect();
    settings::foreign_members("", &members, request.origin, losses, Some(o));
}
