//! Whole answers.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME, finish,
    grounding::{self, Collected},
    logprobs,
    part::{self, Place},
    time, usage,
    wire::{self, Int},
    write::{self, Object},
};
use crate::{
    codec::{Encoded, Reply},
    ir::{Block, Choice, Content, Fault, FaultKind, Losses, Members, Response, Stop, StopReason},
};

/// Reads a `GenerateContentResponse`. A blocked prompt is one answer with nothing in it but its end.
pub(super) fn read(body: &[u8]) -> Result<Response<'_>, Fault> {
    let garbled = |detail: String| {
        Fault::new(FaultKind::Garbled, "the provider's answer is not what Gemini answers").with_detail(detail)
    };
    let wire: wire::Response<'_> =
        serde_json::from_slice(body).map_err(|error| garbled(error.to_string()))?;
    if wire.error.is_some() {
        return Err(garbled("it is an error".into()));
    }
    let mut response = Response {
        origin: NAME,
        model: wire.model,
        created: wire.created.as_deref().and_then(time::read),
        extra: wire.extra,
        ..Response::default()
    };
    if let Some(wire) = &wire.usage {
        response.usage = usage::read(wire);
        response.extra.extend(usage::leftovers(wire));
        response.service_tier.clone_from(&wire.tier);
    }
    let candidates = wire.candidates.unwrap_or_default().0;
    match wire.feedback {
        Some(feedback) if candidates.is_empty() => {
            let stop = finish::blocked(feedback);
            response.choices.push(Choice { stop, ..Choice::default() });
        }
        Some(feedback) => response.extra.push(("promptFeedback".into(), Cow::Borrowed(feedback))),
        None if candidates.is_empty() => {
            return Err(garbled("it has neither `candidates` nor `promptFeedback`".into()));
        }
        None => {}
    }
    let mut calls = part::Calls::of_answer(wire.id.clone());
    for (place, candidate) in candidates.into_iter().enumerate() {
        calls.turn();
        let choice = choice(candidate, place as u64, &mut calls);
        if choice.blocks.iter().any(part::is_nameless) {
            return Err(garbled(format!("`candidates[{place}]` calls a function without a name")));
        }
        response.choices.push(choice);
    }
    response.id = wire.id;
    Ok(response)
}

fn choice<'a>(candidate: wire::Candidate<'a>, place: u64, calls: &mut part::Calls<'a>) -> Choice<'a> {
    let mut blocks = part::content(candidate.content.unwrap_or_default(), calls);
    let mut extra = candidate.extra;
    if let Some(grounding) = candidate.grounding {
        cite(grounding, &mut blocks);
        extra.push(("groundingMetadata".into(), Cow::Borrowed(grounding)));
    }
    let details = [("finishMessage", candidate.message), ("safetyRatings", candidate.ratings)];
    extra.extend(details.into_iter().filter_map(|(key, raw)| Some((key.into(), Cow::Borrowed(raw?)))));
    let stop = candidate.finish.and_then(|raw| finish::read(raw, finish::calls_tools(&blocks)));
    Choice {
        index: candidate.index.map_or(place, Int::count),
        blocks,
        stop,
        logprobs: candidate.logprobs.as_deref().map(logprobs::read),
        extra,
    }
}

/// Puts each citation to the text that it stands in.
fn cite<'a>(raw: &'a RawValue, blocks: &mut [Block<'a>]) {
    for (part, mut citation) in grounding::read(raw) {
        let is_text = |block: &Block<'_>| matches!(block.content, Content::Text { .. });
        let at = Some(part).filter(|part| blocks.get(*part).is_some_and(is_text));
        let Some(at) = at.or_else(|| blocks.iter().position(is_text)) else { continue };
        if let Content::Text { text, citations } = &mut blocks[at].content {
            citation.range = citation.range.and_then(|range| grounding::in_characters(text, range));
            citations.push(citation);
        }
    }
}

/// Writes a `GenerateContentResponse`.
pub(super) fn write(response: &Response<'_>, reply: Reply<'_>) -> Encoded {
    let at_home = response.origin == NAME;
    let mut writer = part::Writer::new(at_home, true);
    let mut body = Vec::with_capacity(response.size());
    write::object(&mut body, |object| {
        let blocked = response.choices.iter().find_map(|choice| finish::feedback(choice.stop.as_ref()?));
        match blocked.filter(|_| at_home) {
            Some(feedback) => object.raw("promptFeedback", feedback),
            None => object.array("candidates", |array| {
                for choice in &response.choices {
                    array.object(|object| candidate(choice, &mut writer, object));
                }
            }),
        }
        let losses = &mut writer.losses;
        object.object_if_any("usageMetadata", |object| {
            if let Some(usage) = response.usage {
                let none = Members::new();
                usage::write(object, usage, if at_home { &response.extra } else { &none }, losses);
            }
            tier(object, response.service_tier.as_deref(), at_home, losses);
            if at_home {
                object.members_under("usageMetadata.", &response.extra);
            }
        });
        head(
            object,
            response.id.as_deref().unwrap_or(reply.seed),
            response.model.as_deref(),
            response.created,
        );
        if at_home {
            object.members_under("", &response.extra);
        }
    });
    writer.lose_extra(&response.extra, None);
    Encoded { body, losses: writer.losses }
}

/// Classes of service (discovery document, `UsageMetadata.serviceTier`).
const TIERS: &[&str] = &["standard", "flex", "priority"];

/// Writes the class of service, a member of the usage here; what others call the default is standard.
pub(super) fn tier(object: &mut Object<'_>, tier: Option<&str>, at_home: bool, losses: &mut Losses) {
    match tier {
        Some("default") => object.text("serviceTier", "standard"),
        Some(tier) if at_home || TIERS.contains(&tier) => object.text("serviceTier", tier),
        Some(_) => losses.add("service_tier", "Gemini has no such class"),
        None => {}
    }
}

/// Writes what every answer and every event of a stream says about itself.
pub(super) fn head(object: &mut Object<'_>, id: &str, model: Option<&str>, created: Option<u64>) {
    if let Some(model) = model {
        object.text("modelVersion", model);
    }
    if let Some(created) = created {
        object.text("createTime", &time::write(created));
    }
    object.text("responseId", id);
}

fn candidate<'r>(choice: &'r Choice<'r>, writer: &mut part::Writer<'r>, object: &mut Object<'_>) {
    let mut citations = Collected::default();
    object.object("content", |content| {
        content.text("role", "model");
        if choice.blocks.is_empty() {
            return;
        }
        content.array("parts", |parts| {
            for (place, block) in choice.blocks.iter().enumerate() {
                let place = Place::Choice(choice.index, place);
                if let Content::Text { text, citations: cited } = &block.content
                    && !writer.at_home
                {
                    cited.iter().for_each(|one| citations.add(one, place, &mut writer.losses));
                    citations.close(parts.len(), text, 0);
                }
                writer.block(block, place, parts);
            }
        });
    });
    match &choice.stop {
        Some(stop) => end(object, choice.index, stop, writer.at_home, &mut writer.losses),
        // Old servers of other dialects do not say why a whole answer ended; without a reason clients wait for more.
        None if !writer.at_home => {
            end(object, choice.index, &Stop::new(StopReason::End), false, &mut writer.losses);
        }
        None => {}
    }
    object.plain("index", choice.index);
    if let Some(raw) = &choice.logprobs
        && !logprobs::write(object, raw)
    {
        writer.losses.add(format!("choices[{}].logprobs", choice.index), "not in a shape that is known");
    }
    citations.write(object);
    if writer.at_home {
        object.members_under("", &choice.extra);
    } else {
        writer.lose_extra(&choice.extra, Some(&format_args!("choices[{}]", choice.index)));
    }
}

/// Writes why the candidate ended that is the answer `choice`.
pub(super) fn end(object: &mut Object<'_>, choice: u64, stop: &Stop<'_>, at_home: bool, losses: &mut Losses) {
    let mut lose = |member: &str, why| losses.add(format!("choices[{choice}].{member}"), why);
    object.text("finishReason", &finish::write(stop));
    if stop.details.is_some() {
        lose("stop_details", "Gemini has no such field");
    }
    if stop.sequence.is_some() {
        lose("stop_sequence", "Gemini does not say which one was met");
    }
    if stop.reason == StopReason::Pause && !at_home {
        lose("stop_reason", "Gemini has no pauses");
    }
}
