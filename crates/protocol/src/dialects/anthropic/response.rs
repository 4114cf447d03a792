//! Reads and writes whole answers (type `Message` of the official SDK).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    block_decode::content,
    block_encode::{Blocks, Path},
    turns::is_blank,
    wire::{Fields, Usage, as_object, read, reason, whole},
    write::Object,
};
use crate::{
    codec::{Encoded, Reply},
    dialects::leftover,
    ir::{
        self, Choice, Content, Fault, FaultKind, Loss, Losses, Members, Response, Role, Stop, StopReason,
        Text,
    },
};

/// Every reason this dialect knows with its word (types `StopReason` and `BetaStopReason`).
const STOPS: &[(&str, StopReason)] = &[
    ("end_turn", StopReason::End),
    ("max_tokens", StopReason::MaxTokens),
    ("stop_sequence", StopReason::StopSequence),
    ("tool_use", StopReason::ToolUse),
    ("pause_turn", StopReason::Pause),
    ("refusal", StopReason::Refusal),
    ("model_context_window_exceeded", StopReason::ContextFull),
    ("compaction", StopReason::Other),
];

/// See [`crate::codec::Codec::decode_response`].
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, Fault> {
    let fields = serde_json::from_slice(body).map_err(|error| garbled(&reason(&error)))?;
    response(fields).map_err(|error| garbled(&error))
}

fn garbled(error: &str) -> Fault {
    Fault::new(FaultKind::Garbled, "the provider's answer cannot be read").with_detail(error)
}

fn response(mut fields: Fields<'_>) -> Result<Response<'_>, String> {
    let kind: Option<Text<'_>> = fields.take("type")?;
    if kind.is_some_and(|kind| kind != "message") {
        return Err("`type` is not `message`".to_owned());
    }
    fields.raw("role");
    let raw = fields.raw("content").ok_or("`content` is missing")?;
    let mut response = Response {
        origin: NAME,
        id: fields.take("id")?,
        model: fields.take("model")?,
        ..Response::default()
    };
    let choice = Choice { blocks: content(raw)?, stop: stop(&mut fields)?, ..Choice::default() };
    response.choices.push(choice);
    let mut rest = None;
    if let Some(raw) = fields.raw("usage") {
        response.usage = Usage::read(raw.get()).map(ir::Usage::from);
        let (tier, usage) = around_counts(raw)?;
        response.service_tier = tier;
        rest = (!usage.is_empty()).then(|| as_object(&usage));
    }
    response.extra = fields.rest();
    response.extra.extend(rest.map(|raw| ("usage".into(), raw)));
    Ok(response)
}

/// What a value of `usage` says beyond the counts: the class of service, and what only this dialect knows.
pub(super) fn around_counts(raw: &RawValue) -> Result<(Option<Text<'_>>, Members<'_>), String> {
    let mut usage: Fields<'_> = read(raw).map_err(|error| format!("`usage`: {error}"))?;
    for counted in COUNTS {
        usage.raw(counted);
    }
    // Both lives are in the model; what is neither stays.
    usage.take_if("cache_creation", |raw| {
        let mut lives: Fields<'_> = read(raw).ok()?;
        let known = ["ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"];
        for life in known {
            lives.raw(life);
        }
        lives.is_empty().then_some(())
    });
    let mut rest = None;
    // A count of nothing stays, so that it is still there for a client of this dialect.
    let details: Option<Fields<'_>> = usage.peek(DETAILS).and_then(|raw| read(raw).ok());
    if let Some(mut details) = details
        && details.peek(THINKING).is_some_and(|raw| raw.get().parse::<u64>().is_ok_and(|count| count > 0))
    {
        details.raw(THINKING);
        usage.raw(DETAILS);
        rest = (!details.is_empty()).then(|| (DETAILS.into(), whole(&details)));
    }
    let tier = usage.take("service_tier")?;
    let mut left = usage.rest();
    left.extend(rest);
    Ok((tier, left))
}

/// The members of `usage` that the model has; all others travel in `extra.usage`.
const COUNTS: [&str; 4] =
    ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];

/// The member of `usage` that counts parts of the output, and the part that the model has.
const DETAILS: &str = "output_tokens_details";
const THINKING: &str = "thinking_tokens";

/// Takes `stop_reason`, `stop_sequence` and `stop_details`.
pub(super) fn stop<'a>(fields: &mut Fields<'a>) -> Result<Option<Stop<'a>>, String> {
    let word: Option<Text<'a>> = fields.take("stop_reason")?;
    let sequence = fields.take("stop_sequence")?;
    let details = fields.raw("stop_details").map(Cow::Borrowed);
    Ok(word.map(|word| {
        let known = STOPS.iter().find(|(name, _)| word == *name);
        Stop {
            reason: known.map_or(StopReason::Other, |(_, reason)| *reason),
            sequence,
            word: Some(word),
            details,
        }
    }))
}

/// Writes `stop_reason`, `stop_sequence` and `stop_details`. The answer may come from anywhere, so the origin's word
/// counts only if it is one of this dialect, and so with the details.
pub(super) fn stop_into(into: &mut Object<'_>, stop: Option<&Stop<'_>>, home: bool, losses: &mut Losses) {
    let Some(stop) = stop else {
        into.value("stop_reason", &None::<&str>);
        into.value("stop_sequence", &None::<&str>);
        return;
    };
    let own = stop.word.as_deref().filter(|word| home || STOPS.iter().any(|(name, _)| name == word));
    if own.is_none() && matches!(stop.reason, StopReason::Malformed | StopReason::Other) {
        losses.add("choices[0].stop_reason", "the target has no such reason");
    }
    into.value("stop_reason", own.unwrap_or_else(|| stop_word(stop.reason)));
    into.value("stop_sequence", &stop.sequence);
    let is_refusal = |details: &&ir::Raw<'_>| {
        read::<Fields<'_>>(details)
            .is_ok_and(|fields| fields.peek_text("type").is_some_and(|kind| kind == "refusal"))
    };
    match &stop.details {
        Some(details) if is_refusal(&details) => into.json("stop_details", details.get()),
        Some(_) => losses.add("choices[0].stop_details", "only its own dialect knows it"),
        None => {}
    }
}

fn stop_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::End | StopReason::Malformed | StopReason::Other => "end_turn",
        StopReason::MaxTokens => "max_tokens",
        StopReason::StopSequence => "stop_sequence",
        StopReason::ToolUse => "tool_use",
        StopReason::ContentFilter | StopReason::Refusal => "refusal",
        StopReason::Pause => "pause_turn",
        StopReason::ContextFull => "model_context_window_exceeded",
    }
}

/// Writes the counts as members of `into`; the SDKs read all four. How long what was written to the cache lives is said
/// if some of it lives an hour: nobody else says that the rest lives five minutes.
pub(super) fn usage_into(into: &mut Object<'_>, usage: &ir::Usage) {
    if usage.cache_write_1h > 0 {
        let mut lives = into.object("cache_creation");
        let short = usage.cache_write.saturating_sub(usage.cache_write_1h);
        lives.value("ephemeral_5m_input_tokens", &short);
        lives.value("ephemeral_1h_input_tokens", &usage.cache_write_1h);
    }
    into.value("input_tokens", &usage.input);
    into.value("cache_creation_input_tokens", &usage.cache_write);
    into.value("cache_read_input_tokens", &usage.cache_read);
    into.value("output_tokens", &usage.output);
}

/// Names the counts that have no members here.
pub(super) fn lose_counts(usage: &ir::Usage, losses: &mut Losses) {
    let said = ["cache_read", "cache_write", "cache_write_1h", "reasoning"];
    usage.lose_parts(&said, "the target does not count it by itself", losses);
}

/// Writes how much of the output was thinking, if any, and what `rest` has beyond the counts.
pub(super) fn rest_into(into: &mut Object<'_>, usage: &ir::Usage, mut rest: Fields<'_>) {
    if usage.reasoning > 0 {
        let mut details: Fields<'_> = rest.raw(DETAILS).and_then(|raw| read(raw).ok()).unwrap_or_default();
        details.raw(THINKING);
        let mut object = into.object(DETAILS);
        object.value(THINKING, &usage.reasoning);
        object.members(&details.rest());
    }
    into.members(&rest.rest());
}

/// See [`crate::codec::Codec::encode_response`].
pub(super) fn encode(response: &Response<'_>, reply: Reply<'_>) -> Encoded {
    let mut losses = Losses::default();
    let home = response.origin == NAME;
    let mut body = Vec::with_capacity(response.size());
    let mut into = Object::new(&mut body);
    let id = response.id.as_ref().map(Text::borrowed);
    into.value("id", &id.unwrap_or_else(|| made_up_id(reply.seed)));
    into.value("type", "message");
    into.value("role", "assistant");
    into.value("model", response.model.as_ref().unwrap_or(&reply.request.model));
    let none = Choice::default();
    let choice = response.choices.first().unwrap_or(&none);
    write_content(&mut into, choice, home, &mut losses);
    for other in response.choices.iter().skip(1) {
        losses.add(format!("choices[{}]", other.index), "the target has one answer");
    }
    // An answer without a choice is one that the provider refused to give.
    let refused = Stop::new(StopReason::Refusal);
    // Old servers of other dialects do not say why a whole answer ended; clients take none for an answer that goes on.
    let ended = Stop::new(match choice.blocks.iter().any(|it| matches!(it.content, Content::ToolUse(_))) {
        true => StopReason::ToolUse,
        false => StopReason::End,
    });
    let stop = match &choice.stop {
        _ if response.choices.is_empty() => Some(&refused),
        None if !home => Some(&ended),
        stop => stop.as_ref(),
    };
    stop_into(&mut into, stop, home, &mut losses);
    write_usage(&mut into, response, home, &mut losses);
    if choice.logprobs.is_some() {
        losses.add("choices[0].logprobs", "the target has no such field");
    }
    if home {
        let members = response.extra.iter().chain(&choice.extra).filter(|(key, _)| *key != "usage");
        members.for_each(|(key, raw)| into.json(key, raw.get()));
    } else {
        leftover::lose(&response.extra, Loss::PROVIDERS_OWN, &mut losses);
        leftover::lose_of_choice(&choice.extra, Loss::PROVIDERS_OWN, &mut losses);
    }
    drop(into);
    Encoded { body, losses }
}

/// The id of an answer whose provider gave none.
pub(super) fn made_up_id(seed: &str) -> Text<'static> {
    format!("msg_{seed}").into()
}

fn write_content(into: &mut Object<'_>, choice: &Choice<'_>, home: bool, losses: &mut Losses) {
    let mut array = into.array("content");
    let mut blocks = Blocks { home, to_provider: false, strict: false, losses };
    for (at, block) in choice.blocks.iter().enumerate() {
        let path = Path { parent: None, name: "choices[0].content", at };
        match &block.content {
            Content::Image(_) | Content::Document(_) | Content::ToolResult(_) if !home => {
                blocks.losses.add(path.to_string(), "the target has no such block in answers");
            }
            _ if !home && is_blank(block) => {}
            _ => blocks.block(&mut array, block, Role::Assistant, path),
        }
    }
}

/// `usage` is required by the SDKs' types, so it is there even if the provider did not report any.
fn write_usage(into: &mut Object<'_>, response: &Response<'_>, home: bool, losses: &mut Losses) {
    let mut usage = into.object("usage");
    let counts = response.usage.unwrap_or_default();
    lose_counts(&counts, losses);
    usage_into(&mut usage, &counts);
    let rest = response.extra.iter().find(|(key, _)| home && *key == "usage");
    let rest = rest.and_then(|(_, raw)| read::<Fields<'_>>(raw).ok()).unwrap_or_default();
    rest_into(&mut usage, &counts, rest);
    tier_into(&mut usage, response.service_tier.as_deref(), home, losses);
}

/// Writes the class of service as a member of `usage`.
pub(super) fn tier_into(usage: &mut Object<'_>, tier: Option<&str>, home: bool, losses: &mut Losses) {
    match tier {
        Some(tier) if home || matches!(tier, "standard" | "priority" | "batch") => {
            usage.value("service_tier", tier);
        }
        Some("default") => usage.value("service_tier", "standard"),
        Some(_) => losses.add("service_tier", "the target has no such tier"),
        None => {}
    }
}
