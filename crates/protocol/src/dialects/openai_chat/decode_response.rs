//! A provider's whole answer, from the wire.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    decode_parts::{Call, Function, call, citation, part},
    error,
    object::{List, TextOr, keep_inner, object, read},
    reasoning,
    wire::{DETAILS, Usage, usage_rest},
};
use crate::ir::{
    Block, Choice, Content, Fault, FaultKind, Media, Members, Response, Source, Stop, StopReason, Text,
};

object! {
    ResponseWire<'a> {
        id = "id": &'a RawValue,
        object = "object": &'a RawValue,
        created = "created": &'a RawValue,
        model = "model": &'a RawValue,
        choices = "choices": List<ChoiceWire<'a>>,
        usage = "usage": &'a RawValue,
        service_tier = "service_tier": &'a RawValue,
        error = "error": &'a RawValue,
    }
}

object! {
    ChoiceWire<'a> {
        index = "index": u64,
        message = "message": MessageWire<'a>,
        logprobs = "logprobs": &'a RawValue,
        finish_reason = "finish_reason": &'a RawValue,
        stop_reason = "stop_reason": &'a RawValue,
    }
}

object! {
    MessageWire<'a> {
        role = "role": &'a RawValue,
        content = "content": TextOr<'a, &'a RawValue>,
        refusal = "refusal": Text<'a>,
        annotations = "annotations": Vec<&'a RawValue>,
        audio = "audio": AudioWire<'a>,
        images = "images": Vec<&'a RawValue>,
        tool_calls = "tool_calls": List<Call<'a>>,
        function_call = "function_call": Function<'a>,
        reasoning_content = "reasoning_content": &'a RawValue,
        reasoning = "reasoning": &'a RawValue,
        reasoning_details = "reasoning_details": &'a RawValue,
    }
}

object! {
    /// Sound in an answer. In the conversation model its id is the medium's name and its transcript the context.
    AudioWire<'a> {
        id = "id": Text<'a>,
        data = "data": Text<'a>,
        transcript = "transcript": Text<'a>,
    }
}

/// Reads the answer to `POST /v1/chat/completions`. Source: the OpenAI API description, schema
/// `CreateChatCompletionResponse`, and what clones put beside it.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, Fault> {
    let garbled = |text: String| {
        Fault::new(FaultKind::Garbled, "the provider's answer cannot be read").with_detail(text)
    };
    let wire: ResponseWire<'_> = serde_json::from_slice(body).map_err(|error| {
        // Not the parser's own words, which quote the answer: they would end in a log.
        garbled(format!("at line {} column {}", error.line(), error.column()))
    })?;
    if wire.error.is_some() {
        let mut fault = garbled("an error body with a status of success".to_owned());
        fault.complaint = error::decode(body).map(Box::new);
        return Err(fault);
    }
    let id = wire.id.and_then(read::<Text<'_>>).filter(|id| !id.is_empty());
    let seed = id.clone().unwrap_or_default();
    let choices = wire.choices.filter(|choices| !choices.0.is_empty());
    let choices = choices.ok_or_else(|| garbled("`choices` is missing or empty".to_owned()))?;
    let choices = choices
        .0
        .into_iter()
        .enumerate()
        .map(|(place, wire)| {
            choice(place, wire, &seed).map_err(|what| garbled(format!("{what} of choice {place}")))
        })
        .collect::<Result<_, _>>()?;
    let mut extra = wire.extra;
    extra.extend(wire.usage.into_iter().flat_map(|raw| usage_rest(raw, DETAILS)));
    Ok(Response {
        origin: NAME,
        id,
        model: wire.model.and_then(read::<Text<'_>>).filter(|model| !model.is_empty()),
        created: wire.created.and_then(seconds),
        choices,
        usage: wire.usage.and_then(|raw| Usage::read(raw.get().as_bytes())),
        service_tier: wire.service_tier.and_then(read),
        extra,
    })
}

/// A time in seconds; some servers add a fraction. Azure's first chunk says 0, which is no time.
pub(super) fn seconds(raw: &RawValue) -> Option<u64> {
    let whole = raw.get().split('.').next()?;
    whole.parse().ok().filter(|seconds| *seconds > 0)
}

fn choice<'a>(place: usize, wire: ChoiceWire<'a>, seed: &str) -> Result<Choice<'a>, &'static str> {
    let mut extra = wire.extra;
    let index = wire.index.unwrap_or(place as u64);
    let message = wire.message.unwrap_or_default();
    keep_inner(&mut extra, "message", message.extra);

    let text = |raw: Option<&'a RawValue>| raw.and_then(read::<Text<'a>>);
    let (content, plain) = (text(message.reasoning_content), text(message.reasoning));
    let thinking = reasoning::thinking(content, plain, message.reasoning_details, true);
    let mut blocks: Vec<Block<'a>> =
        thinking.into_iter().map(|thinking| Content::Thinking(thinking).into()).collect();
    match message.content {
        None => {}
        Some(TextOr::Text(text)) if text.is_empty() => {}
        Some(TextOr::Text(text)) => blocks.push(Content::text(text).into()),
        Some(TextOr::List(parts)) => {
            for raw in parts {
                blocks.push(part(raw).map_err(|_| "a part of the content")?);
            }
        }
    }
    cite(&mut blocks, message.annotations.unwrap_or_default());
    let has_refusal = message.refusal.as_ref().is_some_and(|refusal| !refusal.is_empty());
    blocks.extend(message.refusal.filter(|_| has_refusal).map(|refusal| Content::Refusal(refusal).into()));
    blocks.extend(message.audio.map(audio));
    for raw in message.images.into_iter().flatten() {
        blocks.push(part(raw).map_err(|_| "a picture")?);
    }
    let legacy = message.function_call.map(|function| Call { function: Some(function), ..Call::default() });
    let calls = message.tool_calls.map(|list| list.0).unwrap_or_default();
    let has_calls = !calls.is_empty() || legacy.is_some();
    for (place, wire) in calls.into_iter().chain(legacy).enumerate() {
        let block = call(wire, |name| made_up_id(seed, index, place as u64, name)).map_err(|_| "a call")?;
        blocks.push(block);
    }
    let sequence = text(wire.stop_reason);
    if let (None, Some(raw)) = (&sequence, wire.stop_reason) {
        super::object::keep(&mut extra, "stop_reason".into(), raw);
    }
    let word = text(wire.finish_reason).filter(|word| !word.is_empty());
    Ok(Choice {
        index,
        blocks,
        stop: word.map(|word| stop(word, sequence, has_calls, has_refusal)),
        logprobs: wire.logprobs.map(Cow::Borrowed),
        extra,
    })
}

/// The id of a call whose server gave none: unlike any other call's in the conversation, and the same every time.
pub(super) fn made_up_id(seed: &str, choice: u64, place: u64, name: &str) -> String {
    format!("call_{seed}_{choice}_{place}_{name}")
}

/// Annotations belong to the text; an answer that has them but no text is given an empty one.
fn cite<'a>(blocks: &mut Vec<Block<'a>>, annotations: Vec<&'a RawValue>) {
    if annotations.is_empty() {
        return;
    }
    let cited = annotations.into_iter().map(citation);
    let first = blocks.iter_mut().find_map(|block| match &mut block.content {
        Content::Text { citations, .. } => Some(citations),
        _ => None,
    });
    match first {
        Some(citations) => citations.extend(cited),
        None => blocks.push(Content::Text { text: Text::default(), citations: cited.collect() }.into()),
    }
}

fn audio(wire: AudioWire<'_>) -> Block<'_> {
    let mut extra = Members::new();
    keep_inner(&mut extra, "audio", wire.extra);
    let source = Source::Base64(wire.data.unwrap_or_default());
    let media = Media { source, name: wire.id, context: wire.transcript, ..Media::default() };
    Block { content: Content::Audio(media), cache: None, extra }
}

/// What a finish reason means, given what the answer holds: OpenAI says `stop` after a call that was forced, and after
/// a refusal; some servers say `tool_calls` without any.
pub(super) fn stop<'a>(
    word: Text<'a>,
    sequence: Option<Text<'a>>,
    has_calls: bool,
    has_refusal: bool,
) -> Stop<'a> {
    let reason = match &*word {
        "stop" | "tool_calls" | "function_call" | "end_turn" | "eos" | "stop_sequence" => {
            if has_calls {
                StopReason::ToolUse
            } else if has_refusal {
                StopReason::Refusal
            } else if sequence.is_some() {
                StopReason::StopSequence
            } else {
                StopReason::End
            }
        }
        // `model_length` is Mistral's.
        "length" | "max_tokens" => StopReason::MaxTokens,
        "model_length" => StopReason::ContextFull,
        // `sensitive` is Z.ai's.
        "content_filter" | "sensitive" => StopReason::ContentFilter,
        _ => StopReason::Other,
    };
    Stop { reason, sequence, word: Some(word), details: None }
}
