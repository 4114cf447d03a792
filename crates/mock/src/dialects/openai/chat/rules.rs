//! What a chat request may say: the parameters of the OpenAPI description (2.3.0) and how they depend on each other.

use serde_json::Value;

use super::super::{
    ApiError, Object,
    rules::{self, ANY, Kind, Param, nullable, optional, place, required},
};

/// Most choices one request may ask for.
pub(super) const MAX_CHOICES: u64 = 128;

const EFFORTS: &[&str] = &["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const LEVELS: &[&str] = &["low", "medium", "high"];
const TIERS: &[&str] = &["auto", "default", "flex", "scale", "priority"];

pub(super) const PARAMS: &[Param] = &[
    // Asked for before, and not needed where the path has a deployment.
    optional("model", Kind::Text(ANY)),
    required("messages", Kind::Array("objects", 1, ANY)),
    nullable("stream", Kind::Bool),
    nullable("stream_options", Kind::Object),
    nullable("temperature", Kind::Decimal(0.0, 2.0)),
    nullable("top_p", Kind::Decimal(0.0, 1.0)),
    nullable("n", Kind::Integer(1, MAX_CHOICES as i64)),
    nullable("max_tokens", Kind::Integer(1, i64::MAX)),
    nullable("max_completion_tokens", Kind::Integer(1, i64::MAX)),
    nullable("frequency_penalty", Kind::Decimal(-2.0, 2.0)),
    nullable("presence_penalty", Kind::Decimal(-2.0, 2.0)),
    nullable("logprobs", Kind::Bool),
    nullable("top_logprobs", Kind::Integer(0, 20)),
    nullable("stop", Kind::TextOrArray("strings", 1, 4)),
    nullable("seed", Kind::Integer(i64::MIN, i64::MAX)),
    nullable("logit_bias", Kind::Object),
    optional("user", Kind::Text(ANY)),
    nullable("safety_identifier", Kind::Text(64)),
    nullable("prompt_cache_key", Kind::Text(ANY)),
    nullable("prompt_cache_retention", Kind::OneOf(&["in_memory", "24h"])),
    nullable("prompt_cache_options", Kind::Object),
    nullable("metadata", Kind::Object),
    nullable("store", Kind::Bool),
    nullable("service_tier", Kind::OneOf(TIERS)),
    nullable("modalities", Kind::Array("strings", 1, ANY)),
    nullable("audio", Kind::Object),
    nullable("verbosity", Kind::OneOf(LEVELS)),
    nullable("reasoning_effort", Kind::OneOf(EFFORTS)),
    nullable("web_search_options", Kind::Object),
    nullable("response_format", Kind::Object),
    nullable("moderation", Kind::Object),
    nullable("prediction", Kind::Object),
    optional("tools", Kind::Array("objects", 0, 128)),
    optional("tool_choice", Kind::TextOrObject),
    optional("parallel_tool_calls", Kind::Bool),
    optional("functions", Kind::Array("objects", 1, 128)),
    optional("function_call", Kind::TextOrObject),
];

const STREAM_OPTIONS: &[Param] =
    &[nullable("include_usage", Kind::Bool), nullable("include_obfuscation", Kind::Bool)];

const TOOL: &[Param] = &[
    required("type", Kind::OneOf(&["function", "custom"])),
    optional("function", Kind::Object),
    optional("custom", Kind::Object),
];

const FUNCTION: &[Param] = &[
    required("name", Kind::Text(64)),
    nullable("description", Kind::Text(ANY)),
    nullable("parameters", Kind::Object),
    nullable("strict", Kind::Bool),
];

/// What a model that thinks does not take, and what to use instead.
const NOT_WHEN_REASONING: &[(&str, Option<&str>)] = &[
    ("max_tokens", Some("max_completion_tokens")),
    ("top_p", None),
    ("frequency_penalty", None),
    ("presence_penalty", None),
    ("logprobs", None),
    ("top_logprobs", None),
    ("logit_bias", None),
    ("stop", None),
];
/// Of these, what it takes when told not to think (OpenAI's guide to GPT-5.2).
const UNLESS_OFF: &[&str] = &["top_p", "logprobs", "top_logprobs"];

/// Everything but the messages.
pub(super) fn check(body: &Object, reasons: Option<bool>) -> Result<(), ApiError> {
    rules::check_names(PARAMS, body, "")?;
    match reasons {
        Some(true) => check_reasoning(body)?,
        // To these models the parameter does not exist.
        Some(false) if given(body, "reasoning_effort").is_some() => {
            return Err(ApiError::bad("Unrecognized request argument supplied: reasoning_effort"));
        }
        _ => {}
    }
    rules::check_values(PARAMS, body, "")?;
    check_pairs(body)?;
    check_tools(body)?;
    check_format(body)
}

/// Nobody may ask for more than the model can say.
pub(super) fn check_limit(body: &Object, most: Option<u64>) -> Result<(), ApiError> {
    for name in ["max_completion_tokens", "max_tokens"] {
        if let (Some(asked), Some(most)) = (given(body, name).and_then(Value::as_u64), most)
            && asked > most
        {
            let message = format!(
                "max_tokens is too large: {asked}. This model supports at most {most} completion tokens, whereas you \
                 provided {asked}."
            );
            return Err(ApiError::bad(message).param(name).code("invalid_value"));
        }
    }
    Ok(())
}

fn given<'a>(body: &'a Object, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn check_reasoning(body: &Object) -> Result<(), ApiError> {
    let is_off = given(body, "reasoning_effort").is_some_and(|effort| effort == "none");
    for (param, instead) in NOT_WHEN_REASONING {
        if given(body, param).is_some() && !(is_off && UNLESS_OFF.contains(param)) {
            return Err(ApiError::unsupported_parameter(param, *instead));
        }
    }
    match given(body, "temperature") {
        Some(Value::Number(number)) if !is_off && number.as_f64() != Some(1.0) => {
            Err(ApiError::unsupported_value(
                "temperature",
                &number.to_string(),
                " Only the default (1) value is supported.",
            ))
        }
        _ => Ok(()),
    }
}

/// Parameters that go, or do not go, with others.
fn check_pairs(body: &Object) -> Result<(), ApiError> {
    let has = |name| given(body, name).is_some();
    if let Some(Value::Object(options)) = given(body, "stream_options") {
        if !super::flag(body, "stream") {
            let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(ApiError::bad(message).param("stream_options"));
        }
        rules::check(STREAM_OPTIONS, options, "stream_options")?;
    }
    if has("max_tokens") && has("max_completion_tokens") {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(ApiError::bad(message).code("invalid_parameter_combination"));
    }
    if has("top_logprobs") && !super::flag(body, "logprobs") {
        let message = "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.";
        return Err(ApiError::bad(message).param("top_logprobs"));
    }
    for param in ["tool_choice", "parallel_tool_calls"] {
        if has(param) && !has("tools") {
            let message =
                format!("Invalid value for '{param}': '{param}' is only allowed when 'tools' are specified.");
            return Err(ApiError::bad(message).param(param));
        }
    }
    Ok(())
}

fn check_tools(body: &Object) -> Result<(), ApiError> {
    let tools = body.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut names = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let at = format!("tools[{index}]");
        let tool = tool.as_object().ok_or_else(|| ApiError::wrong_type(&at, "an object", tool))?;
        rules::check(TOOL, tool, &at)?;
        let kind = tool.get("type").and_then(Value::as_str).unwrap_or_default();
        let at = place(&at, kind);
        let function = tool.get(kind).and_then(Value::as_object).ok_or_else(|| ApiError::missing(&at))?;
        if kind == "function" {
            rules::check(FUNCTION, function, &at)?;
        }
        let name_at = place(&at, "name");
        let name = function.get("name").and_then(Value::as_str).ok_or_else(|| ApiError::missing(&name_at))?;
        check_name(name, &name_at)?;
        if super::flag(function, "strict")
            && let Some(schema) = function.get("parameters")
            && !is_closed(schema)
        {
            return Err(open_schema(
                "function",
                name,
                place(&at, "parameters"),
                "invalid_function_parameters",
            ));
        }
        names.push(name);
    }
    check_choice(body.get("tool_choice"), &names)
}

fn check_name(name: &str, at: &str) -> Result<(), ApiError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !name.is_empty() && name.bytes().all(allowed) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{at}': string does not match pattern. Expected a string that matches the pattern \
         '^[a-zA-Z0-9_-]+$'."
    );
    Err(ApiError::bad(message).param(at.to_owned()).code("invalid_value"))
}

fn check_choice(choice: Option<&Value>, names: &[&str]) -> Result<(), ApiError> {
    match choice {
        Some(Value::String(choice)) => {
            Kind::OneOf(&["none", "auto", "required"]).check("tool_choice", &Value::String(choice.clone()))
        }
        Some(Value::Object(choice)) => {
            let kind = choice
                .get("type")
                .and_then(Value::as_str)
                .ok_or_else(|| ApiError::missing("tool_choice.type"))?;
            Kind::OneOf(&["allowed_tools", "function", "custom"])
                .check("tool_choice.type", &Value::String(kind.to_owned()))?;
            if kind == "allowed_tools" {
                return Ok(());
            }
            let at = format!("tool_choice.{kind}.name");
            let name = choice.get(kind).and_then(|named| named.get("name")).and_then(Value::as_str);
            let name = name.ok_or_else(|| ApiError::missing(&at))?;
            if names.contains(&name) {
                return Ok(());
            }
            let message = format!("Tool choice '{name}' not found in 'tools' parameter.");
            Err(ApiError::bad(message).param("tool_choice"))
        }
        _ => Ok(()),
    }
}

fn check_format(body: &Object) -> Result<(), ApiError> {
    let Some(Value::Object(format)) = given(body, "response_format") else { return Ok(()) };
    let kind = format.get("type").ok_or_else(|| ApiError::missing("response_format.type"))?;
    Kind::OneOf(&["json_object", "json_schema", "text"]).check("response_format.type", kind)?;
    match kind.as_str() {
        Some("json_object") => {
            let messages = body.get("messages").map(ToString::to_string).unwrap_or_default();
            if messages.to_lowercase().contains("json") {
                return Ok(());
            }
            let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                           'json_object'.";
            Err(ApiError::bad(message).param("messages"))
        }
        Some("json_schema") => {
            let missing = |at| move || ApiError::missing(at);
            let schema = format.get("json_schema").ok_or_else(missing("response_format.json_schema"))?;
            let name = schema.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(missing("response_format.json_schema.name"))?;
            check_name(name, "response_format.json_schema.name")?;
            let strict = schema.get("strict").and_then(Value::as_bool).unwrap_or(false);
            match schema.get("schema") {
                Some(shape) if strict && !is_closed(shape) => {
                    Err(open_schema("response_format", name, "response_format".to_owned(), ""))
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A strict schema must forbid what it does not list.
fn is_closed(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) != Some("object")
        || schema.get("additionalProperties") == Some(&Value::Bool(false))
}

fn open_schema(what: &str, name: &str, param: String, code: &'static str) -> ApiError {
    let message = format!(
        "Invalid schema for {what} '{name}': In context=(), 'additionalProperties' is required to be supplied and to \
         be false."
    );
    let error = ApiError::bad(message).param(param);
    if code.is_empty() { error } else { error.code(code) }
}
