//! The parts of the wire format that the gateway reads.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::few::Few;
use crate::ir;

/// Usage in either OpenAI spelling. Chat counts `prompt_tokens` and `completion_tokens`, Responses and the audio
/// endpoints `input_tokens` and `output_tokens`; cached tokens are inside the total, reasoning inside the output.
/// Source: the OpenAI API description, schemas `CompletionUsage` and `ResponseUsage`. xAI counts reasoning beside the
/// completion, which only the total tells, and some hosts name more cached tokens than the prompt has.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::dialects) struct Usage {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
struct Details {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
}

impl Usage {
    /// Reads the value of a `usage` member; `None` for null and for shapes nobody documented.
    pub(in crate::dialects) fn read(raw: &[u8]) -> Option<ir::Usage> {
        let wire = serde_json::from_slice::<Option<Self>>(raw).ok()??;
        let input = wire.prompt_tokens.or(wire.input_tokens);
        let output = wire.completion_tokens.or(wire.output_tokens);
        if input.is_none() && output.is_none() {
            return None;
        }
        let of_input = wire.prompt_tokens_details.or(wire.input_tokens_details).unwrap_or_default();
        let of_output = wire.completion_tokens_details.or(wire.output_tokens_details).unwrap_or_default();
        let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
        let cache_read = of_input.cached_tokens.unwrap_or(0).min(input);
        let cache_write = of_input.cache_write_tokens.unwrap_or(0).min(input - cache_read);
        let reasoning = of_output.reasoning_tokens.unwrap_or(0);
        let is_beside =
            input.checked_add(output).and_then(|sum| sum.checked_add(reasoning)) == wire.total_tokens;
        let output = if is_beside { output.saturating_add(reasoning) } else { output };
        Some(ir::Usage {
            input: input - cache_read - cache_write,
            cache_read,
            cache_write,
            output,
            reasoning: reasoning.min(output),
            audio_input: of_input.audio_tokens.unwrap_or(0),
            audio_output: of_output.audio_tokens.unwrap_or(0),
            image_input: of_input.image_tokens.unwrap_or(0),
            image_output: of_output.image_tokens.unwrap_or(0),
            ..ir::Usage::default()
        })
    }
}

/// Writes usage as this dialect counts it, as the value of a `usage` member: cached tokens inside the total. Counts that
/// the conversation model does not have (predictions, costs) are not made up; pictures are counted as the images API
/// and the servers that imitate this one do, where there are any.
pub(super) fn write_usage(object: &mut super::object::Writer<'_>, usage: &ir::Usage) {
    let input = usage.total_input();
    let some = |count: u64| Some(count).filter(|count| *count > 0);
    object.object("usage", |object| {
        object.put("prompt_tokens", &input);
        object.put("completion_tokens", &usage.output);
        object.put("total_tokens", &input.saturating_add(usage.output));
        object.object("prompt_tokens_details", |object| {
            object.put("cached_tokens", &usage.cache_read);
            object.put("cache_write_tokens", &usage.cache_write);
            object.put("audio_tokens", &usage.audio_input);
            object.put_some("image_tokens", some(usage.image_input).as_ref());
        });
        object.object("completion_tokens_details", |object| {
            object.put("reasoning_tokens", &usage.reasoning);
            object.put("audio_tokens", &usage.audio_output);
            object.put_some("image_tokens", some(usage.image_output).as_ref());
        });
    });
}

/// Names the counts that have no members here.
pub(super) fn lose_counts(usage: &ir::Usage, losses: &mut ir::Losses) {
    let said = [
        "cache_read",
        "cache_write",
        "reasoning",
        "audio_input",
        "audio_output",
        "image_input",
        "image_output",
    ];
    usage.lose_parts(&said, "no such count here", losses);
}

/// One chunk of a streamed chat or text completion.
#[derive(Debug, Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) choices: Option<Few<Choice<'a>>>,
    #[serde(borrow, default)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

/// One choice of a chunk: `delta` in chat, `text` in the older endpoint.
#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default)]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<&'a RawValue>,
}

/// True if a value says something: not null, not empty.
pub(super) fn says_something(raw: &[u8]) -> bool {
    !matches!(raw, b"null" | b"\"\"" | b"[]" | b"{}" | b"false")
}

/// True if `data` is an object whose `error` is not null.
pub(in crate::dialects) fn failure(data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Failure<'a> {
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Failure<'_>>(data).is_ok_and(|data| data.error.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(usage: &str, [input, cache_read, output, reasoning]: [u64; 4]) {
        let expect = ir::Usage { input, cache_read, output, reasoning, ..ir::Usage::default() };
        assert_eq!(Usage::read(usage.as_bytes()), Some(expect), "{usage}");
    }

    #[test]
    fn reasoning_is_counted_once() {
        let inside = r#"{"prompt_tokens":10,"completion_tokens":30,"total_tokens":40,"completion_tokens_details":{"reasoning_tokens":20}}"#;
        check(inside, [10, 0, 30, 20]);
        let beside = r#"{"prompt_tokens":10,"completion_tokens":9,"total_tokens":39,"completion_tokens_details":{"reasoning_tokens":20}}"#;
        check(beside, [10, 0, 29, 20]);
        let unsaid =
            r#"{"input_tokens":10,"output_tokens":9,"output_tokens_details":{"reasoning_tokens":20}}"#;
        check(unsaid, [10, 0, 9, 9]);
    }

    #[test]
    fn no_more_is_cached_than_there_is() {
        // As recorded of Grok at Azure.
        let usage = r#"{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":163}}"#;
        check(usage, [0, 7, 1, 0]);
        let most = u64::MAX;
        check(
            &format!(r#"{{"prompt_tokens":{most},"completion_tokens":{most},"total_tokens":1}}"#),
            [most, 0, most, 0],
        );
    }
}
