//! The parts of the wire format that the gateway reads.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    few::Few,
    object::{Lax, Writer, inner, keep_inner, object},
};
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

object! {
    /// What of a `usage` [`Usage`] does not read.
    Rest<'a> {
        prompt_tokens = "prompt_tokens": IgnoredAny,
        input_tokens = "input_tokens": IgnoredAny,
        completion_tokens = "completion_tokens": IgnoredAny,
        output_tokens = "output_tokens": IgnoredAny,
        total_tokens = "total_tokens": IgnoredAny,
        prompt_tokens_details = "prompt_tokens_details": Lax<InputRest<'a>>,
        input_tokens_details = "input_tokens_details": Lax<InputRest<'a>>,
        completion_tokens_details = "completion_tokens_details": Lax<OutputRest<'a>>,
        output_tokens_details = "output_tokens_details": Lax<OutputRest<'a>>,
    }
}

object! {
    InputRest<'a> {
        cached_tokens = "cached_tokens": IgnoredAny,
        cache_write_tokens = "cache_write_tokens": IgnoredAny,
        audio_tokens = "audio_tokens": IgnoredAny,
        image_tokens = "image_tokens": IgnoredAny,
    }
}

object! {
    OutputRest<'a> {
        reasoning_tokens = "reasoning_tokens": IgnoredAny,
        audio_tokens = "audio_tokens": IgnoredAny,
        image_tokens = "image_tokens": IgnoredAny,
    }
}

/// The members of `usage` that say what input and output consist of, in either spelling.
#[derive(Clone, Copy)]
pub(in crate::dialects) struct DetailNames {
    pub(in crate::dialects) input: &'static str,
    pub(in crate::dialects) output: &'static str,
}

/// As the chat endpoint spells them.
pub(super) const DETAILS: DetailNames =
    DetailNames { input: "prompt_tokens_details", output: "completion_tokens_details" };

/// What the value of a `usage` member says beside the counts of [`ir::Usage`], as members of the answer: `usage.cost`,
/// or `usage.completion_tokens_details.rejected_prediction_tokens` for what stands in the details, whose names are
/// `details` however they were spelled. Counts of nothing say nothing.
pub(in crate::dialects) fn usage_rest(raw: &RawValue, details: DetailNames) -> ir::Members<'_> {
    let rest: Rest<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let input = [rest.prompt_tokens_details, rest.input_tokens_details];
    let output = [rest.completion_tokens_details, rest.output_tokens_details];
    let mut all = rest.extra;
    for part in input.into_iter().flatten().filter_map(|part| part.0) {
        keep_inner(&mut all, details.input, part.extra);
    }
    for part in output.into_iter().flatten().filter_map(|part| part.0) {
        keep_inner(&mut all, details.output, part.extra);
    }
    all.retain(|(_, raw)| says_something(raw.get().as_bytes()) && raw.get().parse() != Ok(0.0));
    let mut members = ir::Members::new();
    keep_inner(&mut members, "usage", all);
    members
}

/// What was kept of the usage, apart: the members of its input's details, of its output's, and its own.
pub(in crate::dialects) fn usage_kept<'m>(
    members: &'m ir::Members<'_>,
    details: DetailNames,
) -> [Vec<(&'m str, &'m RawValue)>; 3] {
    let mut kept = [Vec::new(), Vec::new(), Vec::new()];
    for (name, raw) in inner(members, "usage") {
        let within = |outer: &str| name.strip_prefix(outer)?.strip_prefix('.');
        let (at, name) = match (within(details.input), within(details.output)) {
            (Some(name), _) => (0, name),
            (_, Some(name)) => (1, name),
            _ => (2, name),
        };
        kept[at].push((name, &**raw));
    }
    kept
}

/// Writes usage as this dialect counts it, as the value of a `usage` member: cached tokens inside the total. Counts that
/// the conversation model does not have (predictions, costs) are not made up, only given back at home; pictures are counted as the images API
/// and the servers that imitate this one do, where there are any.
/// `kept` are members of an answer of this dialect; what [`usage_rest`] kept among them goes back.
pub(super) fn write_usage(object: &mut Writer<'_>, usage: &ir::Usage, kept: &ir::Members<'_>) {
    let [of_input, of_output, rest] = usage_kept(kept, DETAILS);
    let input = usage.total_input();
    let some = |count: u64| Some(count).filter(|count| *count > 0);
    object.object("usage", |object| {
        object.put("prompt_tokens", &input);
        object.put("completion_tokens", &usage.output);
        object.put("total_tokens", &input.saturating_add(usage.output));
        object.object(DETAILS.input, |object| {
            object.put("cached_tokens", &usage.cache_read);
            object.put("cache_write_tokens", &usage.cache_write);
            object.put("audio_tokens", &usage.audio_input);
            object.put_some("image_tokens", some(usage.image_input).as_ref());
            of_input.iter().for_each(|(name, raw)| object.put(name, raw));
        });
        object.object(DETAILS.output, |object| {
            object.put("reasoning_tokens", &usage.reasoning);
            object.put("audio_tokens", &usage.audio_output);
            object.put_some("image_tokens", some(usage.image_output).as_ref());
            of_output.iter().for_each(|(name, raw)| object.put(name, raw));
        });
        rest.iter().for_each(|(name, raw)| object.put(name, raw));
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
    fn what_is_not_counted_is_kept_by_its_name() {
        let raw: &RawValue = serde_json::from_str(
            r#"{"prompt_tokens":1,"cost":7,"zero":0,"input_tokens_details":{"text_tokens":1,"cached_tokens":3},
            "completion_tokens_details":{"accepted_prediction_tokens":0,"rejected_prediction_tokens":2}}"#,
        )
        .unwrap();
        let kept = usage_rest(raw, DETAILS);
        let names: Vec<&str> = kept.iter().map(|(name, _)| &**name).collect();
        let rejected = "usage.completion_tokens_details.rejected_prediction_tokens";
        assert_eq!(names, ["usage.cost", "usage.prompt_tokens_details.text_tokens", rejected]);
        let mut out = Vec::new();
        super::super::object::object_into(&mut out, |object| {
            write_usage(object, &ir::Usage::default(), &kept);
        });
        let again: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let usage = &again["usage"];
        assert_eq!(usage["cost"], 7);
        assert_eq!(usage["prompt_tokens_details"]["text_tokens"], 1);
        assert_eq!(usage["completion_tokens_details"]["rejected_prediction_tokens"], 2);
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
