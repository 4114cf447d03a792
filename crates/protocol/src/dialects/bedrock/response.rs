//! Reads and writes whole answers of Converse.

use serde_json::value::RawValue;

use super::{
    NAME,
    content_decode::{blocks, keep_rest, read},
    content_encode::{At, Blocks, Toward},
    wire,
    write::{Json, object_of},
};
use crate::{
    codec::Encoded,
    dialects::leftover,
    ir::{
        Choice, Content, Fault, FaultKind, Loss, Losses, Members, Response, Role, Stop, StopReason, Text,
        Usage,
    },
};

/// Stop reasons with what they mean (API description, `StopReason`).
const STOPS: &[(&str, StopReason)] = &[
    ("end_turn", StopReason::End),
    ("tool_use", StopReason::ToolUse),
    ("max_tokens", StopReason::MaxTokens),
    ("stop_sequence", StopReason::StopSequence),
    ("content_filtered", StopReason::ContentFilter),
    ("guardrail_intervened", StopReason::ContentFilter),
    ("malformed_tool_use", StopReason::Malformed),
    ("malformed_model_output", StopReason::Malformed),
    ("model_context_window_exceeded", StopReason::ContextFull),
];

/// Reads a provider's answer.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, Fault> {
    response(body).map_err(|error| {
        Fault::new(FaultKind::Garbled, "the provider's answer is not one of Converse").with_detail(error)
    })
}

fn response(body: &[u8]) -> Result<Response<'_>, String> {
    let wire: wire::Response<'_> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let message = wire.output.and_then(|output| output.message).ok_or("output: message is missing")?;
    let blocks = blocks(message.content.unwrap_or_default(), Role::Assistant)
        .map_err(|error| format!("output: message: content{error}"))?;
    let mut extra = wire.extra;
    let usage = wire.usage.map(|usage| take_usage(usage, &mut extra));
    let service_tier = wire.tier.and_then(|tier| take_tier(tier, &mut extra));
    let additional = extra.iter().find(|(key, _)| key == ADDITIONAL);
    let sequence = additional.and_then(|(_, raw)| sequence(raw)).map(Text::into_owned);
    let calls = blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
    let stop = wire.stop.map(|word| stop(word, sequence, calls));
    let choice = Choice { index: 0, blocks, stop, logprobs: None, extra: message.extra };
    Ok(Response { origin: NAME, choices: vec![choice], usage, service_tier, extra, ..Response::default() })
}

/// The member that has the fields of a maker's own answer.
pub(super) const ADDITIONAL: &str = "additionalModelResponseFields";

/// The usage; what only Converse counts goes to `extra`.
pub(super) fn take_usage(usage: wire::Usage<'_>, extra: &mut Members<'_>) -> Usage {
    let read = self::usage(&usage);
    let mut rest = usage.extra;
    let total = usage.total.filter(|total| *total != total_of(&read));
    if let Some(total) = total {
        rest.push(("totalTokens".into(), crate::ir::raw(&total)));
    }
    keep_rest(extra, "usage", &rest);
    read
}

/// The class of service; what else is said of it goes to `extra`.
pub(super) fn take_tier<'a>(tier: wire::Tier<'a>, extra: &mut Members<'_>) -> Option<Text<'a>> {
    keep_rest(extra, "serviceTier", &tier.extra);
    tier.kind
}

/// The stop sequence among Anthropic's own fields, which a client can ask for.
pub(super) fn sequence(additional: &RawValue) -> Option<Text<'_>> {
    read::<wire::Additional<'_>>(additional).ok()?.sequence
}

/// The meaning of a stop reason. A turn that calls tools ends for them, whatever it says.
pub(super) fn stop<'a>(word: Text<'a>, sequence: Option<Text<'a>>, calls: bool) -> Stop<'a> {
    let known = STOPS.iter().find(|(name, _)| word == *name).map_or(StopReason::Other, |row| row.1);
    let reason = if calls && known == StopReason::End { StopReason::ToolUse } else { known };
    Stop { reason, sequence, word: Some(word), details: None }
}

/// The usage; Converse counts cached tokens beside the input, as the model here does.
pub(super) fn usage(wire: &wire::Usage<'_>) -> Usage {
    let written = |ttl: &str| -> u64 {
        let details = wire.cache_details.as_deref().unwrap_or_default().iter();
        let of_life = details.filter(|detail| detail.ttl.as_deref().is_some_and(|known| known == ttl));
        of_life.fold(0, |sum: u64, detail| sum.saturating_add(detail.tokens.unwrap_or(0)))
    };
    let cache_write = wire.cache_write.unwrap_or_else(|| written(HOUR).saturating_add(written(FIVE_MINUTES)));
    Usage {
        input: wire.input.unwrap_or(0),
        cache_read: wire.cache_read.unwrap_or(0),
        cache_write,
        cache_write_1h: written(HOUR).min(cache_write),
        output: wire.output.unwrap_or(0),
        ..Usage::default()
    }
}

/// How long what is written to the cache may live (API description, `CacheTTL`).
const HOUR: &str = "1h";
const FIVE_MINUTES: &str = "5m";

fn total_of(usage: &Usage) -> u64 {
    usage.total_input().saturating_add(usage.output)
}

/// Members of an answer that this file writes and that `extra` may hold the rest of.
pub(super) const OWN: &[&str] = &["usage", "serviceTier", "metrics"];

/// Writes an answer for a client.
pub(super) fn encode(response: &Response<'_>) -> Encoded {
    let mut blocks = Blocks::new(Toward::Client, response.origin);
    let own = blocks.own;
    let none = (Choice::default(), Members::new());
    let choice = response.choices.first().unwrap_or(&none.0);
    let extra = if own { &response.extra } else { &none.1 };
    around(response, own, &mut blocks.losses);
    let body = object_of(response.size(), |json| {
        json.member_object("output", |json| {
            json.member_object("message", |json| {
                json.member_text("role", "assistant");
                json.member_array("content", |json| {
                    for (place, block) in choice.blocks.iter().enumerate() {
                        blocks.block(At::Answer(place), block, json);
                    }
                });
                if own {
                    json.members(&choice.extra);
                }
            });
        });
        // Old servers of other dialects do not say why a whole answer ended.
        let calls = choice.blocks.iter().any(|block| matches!(block.content, Content::ToolUse(_)));
        let silent = Stop::new(if calls { StopReason::ToolUse } else { StopReason::End });
        let word = stop_word(choice.stop.as_ref().unwrap_or(&silent), own, &mut blocks.losses);
        json.member_text("stopReason", word);
        if let Some(usage) = &response.usage {
            lose_counts(usage, &mut blocks.losses);
            write_usage(usage, extra, json);
        }
        match extra.iter().find(|(key, _)| key == "metrics") {
            Some((_, metrics)) => json.member("metrics", metrics.get()),
            None => json.member_object("metrics", |json| json.member_number("latencyMs", 0)),
        }
        if let Some(tier) = &response.service_tier {
            write_tier(tier, own, extra, &mut blocks.losses, json);
        }
        let sequence = choice.stop.as_ref().and_then(|stop| stop.sequence.as_deref()).filter(|_| !own);
        if let Some(sequence) = sequence {
            json.member_object(ADDITIONAL, |json| {
                json.member_text("stop_sequence", sequence);
            });
        }
        json.members_but(extra, OWN);
    });
    Encoded { body, losses: blocks.losses }
}

/// Names what of an answer Converse has no place for. An answer's id, model and time are addresses, not content.
fn around(response: &Response<'_>, own: bool, losses: &mut Losses) {
    if response.choices.len() > 1 {
        losses.add("choices", "Converse has one answer");
    }
    if response.choices.first().is_some_and(|choice| choice.logprobs.is_some()) {
        losses.add("choices[0].logprobs", "Converse has no log probabilities");
    }
    if !own {
        leftover::lose(&response.extra, Loss::PROVIDERS_OWN, losses);
        if let Some(choice) = response.choices.first() {
            leftover::lose_of_choice(&choice.extra, Loss::PROVIDERS_OWN, losses);
        }
    }
}

/// The stop reason in Converse's words.
pub(super) fn stop_word<'s>(stop: &'s Stop<'_>, own: bool, losses: &mut Losses) -> &'s str {
    if stop.details.is_some() {
        losses.add("choices[0].stop_details", "Converse has no such field");
    }
    if let Some(word) = stop.word.as_deref().filter(|_| own) {
        return word;
    }
    if let Some((word, _)) = STOPS.iter().find(|(_, reason)| *reason == stop.reason) {
        return word;
    }
    // A refusal is often known by what was said, under a word that means no more than an end.
    let word = if stop.reason == StopReason::Refusal { Some("refusal") } else { stop.word.as_deref() };
    let word: String = word.unwrap_or("other").chars().filter(char::is_ascii_graphic).take(40).collect();
    losses.add("choices[0].stop_reason", format!("Converse has no stop reason `{word}`"));
    match stop.reason {
        StopReason::Refusal => "content_filtered",
        _ => "end_turn",
    }
}

/// Names the counts that Converse has no members for.
pub(super) fn lose_counts(usage: &Usage, losses: &mut Losses) {
    let said = ["cache_read", "cache_write", "cache_write_1h"];
    usage.lose_parts(&said, "Converse counts input, output and cache only", losses);
}

/// Writes usage. A count of cached tokens that is zero is left out.
pub(super) fn write_usage(usage: &Usage, extra: &Members<'_>, json: &mut Json<'_>) {
    json.member_object("usage", |json| {
        json.member_number("inputTokens", usage.input);
        json.member_number("outputTokens", usage.output);
        let kept = extra.iter().find(|(key, _)| key == "usage");
        if !kept.is_some_and(|(_, rest)| rest.get().contains("\"totalTokens\"")) {
            json.member_number("totalTokens", total_of(usage));
        }
        for (name, count) in
            [("cacheReadInputTokens", usage.cache_read), ("cacheWriteInputTokens", usage.cache_write)]
        {
            if count > 0 {
                json.member_number(name, count);
            }
        }
        if usage.cache_write_1h > 0 {
            json.member_array("cacheDetails", |json| {
                let short = usage.cache_write.saturating_sub(usage.cache_write_1h);
                for (ttl, tokens) in [(HOUR, usage.cache_write_1h), (FIVE_MINUTES, short)] {
                    if tokens > 0 {
                        json.object(|json| {
                            json.member_text("ttl", ttl);
                            json.member_number("inputTokens", tokens);
                        });
                    }
                }
            });
        }
        json.rest(extra, "usage");
    });
}

/// Writes the class of service. What others call standard is the default here (API description, `ServiceTierType`).
pub(super) fn write_tier(
    tier: &str,
    own: bool,
    extra: &Members<'_>,
    losses: &mut Losses,
    json: &mut Json<'_>,
) {
    let tier = if tier == "standard" { "default" } else { tier };
    if !own && !super::request_encode::TIERS.contains(&tier) {
        losses.add("service_tier", "Converse has no such class of service");
        return;
    }
    json.member_object("serviceTier", |json| {
        json.member_text("type", tier);
        json.rest(extra, "serviceTier");
    });
}

/// Whether `word` is Converse's own for this reason, which tells two words of one meaning apart in a stream.
pub(super) fn is_known(word: &str, reason: StopReason) -> bool {
    STOPS.iter().any(|(known, meaning)| *known == word && *meaning == reason)
}
