//! The request's own parameters, under the names that the chat API has for them.
//!
//! What says only how the answer travels (`stream_options`, `include`) is no parameter of the answer and left out.

use std::collections::BTreeMap;

use lockgate_protocol::ir::{Effort, Losses, OutputFormat, Raw, Request, Text, ToolChoice, raw};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

/// All of them, in every line: null for a number or flag, and empty for a text, that the request does not have.
#[derive(Debug, Serialize)]
pub(crate) struct Parameters<'p> {
    stream: bool,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<i64>,
    min_p: Option<f64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    repetition_penalty: Option<f64>,
    seed: Option<i64>,
    max_tokens: Option<u64>,
    n: Option<u64>,
    logprobs: Option<bool>,
    top_logprobs: Option<u64>,
    parallel_tool_calls: Option<bool>,
    store: Option<bool>,
    reasoning_effort: &'p str,
    verbosity: &'p str,
    service_tier: &'p str,
    user: &'p str,
    prompt_cache_key: &'p str,
    // JSON in a text.
    reasoning: String,
    stop: String,
    tool_choice: String,
    response_format: String,
    logit_bias: &'p str,
    metadata: &'p str,
    modalities: String,
    audio: String,
    other: String,
}

impl<'p> Parameters<'p> {
    /// Reads them; a number that is none, or too large for its column, is lost.
    pub(crate) fn of(request: &'p Request<'_>, losses: &mut Losses) -> Self {
        let sampling = &request.sampling;
        let mut float = |name: &str, value: &Option<Raw<'_>>| number::<f64>(name, value.as_deref(), losses);
        let temperature = float("temperature", &sampling.temperature);
        let top_p = float("top_p", &sampling.top_p);
        let min_p = float("min_p", &sampling.min_p);
        let frequency_penalty = float("frequency_penalty", &sampling.frequency_penalty);
        let presence_penalty = float("presence_penalty", &sampling.presence_penalty);
        let repetition_penalty = float("repetition_penalty", &sampling.repetition_penalty);
        Self {
            stream: request.stream,
            temperature,
            top_p,
            top_k: number("top_k", sampling.top_k.as_deref(), losses),
            min_p,
            frequency_penalty,
            presence_penalty,
            repetition_penalty,
            seed: number("seed", sampling.seed.as_deref(), losses),
            max_tokens: request.max_tokens,
            n: request.choices,
            logprobs: request.logprobs.map(|_| true),
            top_logprobs: request.logprobs,
            parallel_tool_calls: request.parallel_tools,
            store: request.store,
            reasoning_effort: request
                .reasoning
                .as_ref()
                .and_then(|reasoning| reasoning.effort)
                .map_or("", Effort::name),
            verbosity: text(&request.verbosity),
            service_tier: text(&request.service_tier),
            user: text(&request.user),
            prompt_cache_key: text(&request.cache_key),
            reasoning: reasoning(request),
            stop: if sampling.stop.is_empty() { String::new() } else { json_of(&sampling.stop) },
            tool_choice: request.tool_choice.as_ref().map_or_else(String::new, tool_choice),
            response_format: request.format.as_ref().map_or_else(String::new, format),
            logit_bias: spelled(&sampling.logit_bias),
            metadata: spelled(&request.metadata),
            modalities: if request.modalities.is_empty() {
                String::new()
            } else {
                json_of(&request.modalities)
            },
            audio: request.audio.as_ref().map_or_else(String::new, |audio| {
                said([
                    ("voice", audio.voice.as_deref().map(Value::from)),
                    ("format", audio.format.as_deref().map(Value::from)),
                ])
            }),
            other: other(request, losses),
        }
    }
}

/// A number for its column. JSON has one kind of numbers, so `40.0` is a whole one.
fn number<N: for<'de> serde::Deserialize<'de>>(
    name: &str,
    value: Option<&RawValue>,
    losses: &mut Losses,
) -> Option<N> {
    let spelled = value?.get();
    let read = serde_json::from_str(spelled).or_else(|_| {
        let is_zero = |byte: char| byte == '0';
        let whole = spelled.split_once('.').filter(|(_, rest)| rest.chars().all(is_zero));
        serde_json::from_str(whole.map_or(spelled, |(whole, _)| whole))
    });
    if read.is_err() {
        losses.add(name, "no number of this column's kind");
    }
    read.ok()
}

fn text<'p>(text: &'p Option<Text<'_>>) -> &'p str {
    text.as_deref().unwrap_or_default()
}

fn spelled<'p>(value: &'p Option<Raw<'_>>) -> &'p str {
    value.as_ref().map_or("", |value| value.get())
}

fn json_of<T: Serialize + ?Sized>(value: &T) -> String {
    raw(value).get().to_owned()
}

/// The members that are said, as JSON; empty if none is.
fn said<const N: usize>(members: [(&str, Option<Value>); N]) -> String {
    let members: Vec<_> = members.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    if members.is_empty() {
        return String::new();
    }
    json_of(&members.into_iter().collect::<BTreeMap<_, _>>())
}

/// What is said about reasoning beside the effort.
fn reasoning(request: &Request<'_>) -> String {
    let Some(reasoning) = &request.reasoning else { return String::new() };
    said([
        ("enabled", reasoning.enabled.map(Value::from)),
        ("adaptive", reasoning.adaptive.then(|| true.into())),
        ("budget", reasoning.budget.map(Value::from)),
        ("display", reasoning.display.as_deref().map(Value::from)),
    ])
}

/// A word, or an object as JSON.
fn tool_choice(choice: &ToolChoice<'_>) -> String {
    let named = |name: &str| json!({ "type": "function", "function": { "name": name } });
    match choice {
        ToolChoice::Auto => "auto".to_owned(),
        ToolChoice::None => "none".to_owned(),
        ToolChoice::Required => "required".to_owned(),
        ToolChoice::Named(name) => json_of(&named(name)),
        ToolChoice::Allowed { names, required } => json_of(&json!({
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": if *required { "required" } else { "auto" },
                "tools": names.iter().map(|name| named(name)).collect::<Vec<_>>(),
            },
        })),
        ToolChoice::Foreign { raw, .. } => raw.get().to_owned(),
    }
}

fn format(format: &OutputFormat<'_>) -> String {
    #[derive(Serialize)]
    struct Format<'f> {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        json_schema: Option<Schema<'f>>,
    }
    #[derive(Serialize)]
    struct Schema<'f> {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'f str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<&'f str>,
        schema: &'f RawValue,
        #[serde(skip_serializing_if = "Option::is_none")]
        strict: Option<bool>,
    }
    let (kind, json_schema) = match format {
        OutputFormat::Text => ("text", None),
        OutputFormat::Json => ("json_object", None),
        OutputFormat::Schema { name, description, schema, strict } => (
            "json_schema",
            Some(Schema {
                name: name.as_deref(),
                description: description.as_deref(),
                schema,
                strict: *strict,
            }),
        ),
    };
    json_of(&Format { kind, json_schema })
}

/// Members that hold proofs of who asks: servers of tools that the provider is to call are given them in requests.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "authorization_token",
    "access_token",
    "api_key",
    "apikey",
    "headers",
    "password",
    "secret",
    "token",
];

/// The members that only the client's dialect has, as they were spelled. One with a proof of who asks is lost: training
/// files are handed on.
fn other(request: &Request<'_>, losses: &mut Losses) -> String {
    let mut members: BTreeMap<&str, &RawValue> = BTreeMap::new();
    for (name, value) in &request.extra {
        if serde_json::from_str(value.get()).is_ok_and(|value| has_credential(name, &value)) {
            losses.add(&**name, "it may hold a credential");
        } else {
            members.insert(name, value);
        }
    }
    if members.is_empty() { String::new() } else { json_of(&members) }
}

fn has_credential(name: &str, value: &Value) -> bool {
    let holds = |name: &str| CREDENTIALS.contains(&name.to_ascii_lowercase().as_str());
    match value {
        _ if holds(name) => true,
        Value::Object(members) => members.iter().any(|(name, value)| has_credential(name, value)),
        Value::Array(items) => items.iter().any(|item| has_credential("", item)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_however_deep() {
        let found = |json: &str| has_credential("x", &serde_json::from_str(json).unwrap());
        assert!(found(r#"[{"url":"u","authorization_token":"t"}]"#));
        assert!(found(r#"{"a":{"Headers":{}}}"#));
        assert!(!found(r#"[{"type":"url","max_tokens":3,"tokens":[1]}]"#));
        assert!(has_credential("token", &Value::Null));
    }

    #[track_caller]
    fn check<N: for<'de> serde::Deserialize<'de> + std::fmt::Debug + PartialEq>(
        spelled: &str,
        expect: Option<&N>,
    ) {
        let (value, mut losses) = (raw(&serde_json::from_str::<Value>(spelled).unwrap()), Losses::default());
        assert_eq!(number::<N>("x", Some(&value), &mut losses).as_ref(), expect);
        assert_eq!(losses.is_empty(), expect.is_some());
    }

    #[test]
    fn numbers_fit_their_columns_or_are_named() {
        check("1", Some(&1.0));
        check("0.7", Some(&0.7));
        check("40", Some(&40_i64));
        check("40.0", Some(&40_i64));
        check::<i64>("40.5", None);
        check::<i64>("18446744073709551615", None);
        check::<i64>("\"x\"", None);
    }
}
