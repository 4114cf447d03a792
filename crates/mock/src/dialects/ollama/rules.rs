//! The Go types that the server decodes a request into. Unknown members pass, `null` passes, wrong types do not.

use serde_json::Value;

use super::{ApiError, Object};

/// A member's type.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Any,
    Text,
    Bool,
    Int,
    Map,
    /// A struct of the package `api`.
    Struct(&'static str, &'static [Field]),
    /// A list of these.
    List(&'static Self),
    /// Base64.
    Image,
    Think,
    Duration,
    /// A JSON object whose order counts.
    Arguments,
    /// The properties of a schema, each one a [`PROPERTY`].
    Properties,
    /// Schemas beside each other, likewise.
    Alternatives,
    /// One text or several.
    PropertyType,
}

/// One member.
#[derive(Clone, Copy)]
pub(super) struct Field(&'static str, Kind);

const TEXTS: Kind = Kind::List(&Kind::Text);
const IMAGES: Kind = Kind::List(&Kind::Image);

const CALL: Kind = Kind::Struct(
    "ToolCall",
    &[
        Field("id", Kind::Text),
        Field(
            "function",
            Kind::Struct(
                "ToolCallFunction",
                &[Field("index", Kind::Int), Field("name", Kind::Text), Field("arguments", Kind::Arguments)],
            ),
        ),
    ],
);

const MESSAGE: Kind = Kind::Struct(
    "Message",
    &[
        Field("role", Kind::Text),
        Field("content", Kind::Text),
        Field("thinking", Kind::Text),
        Field("images", IMAGES),
        Field("tool_calls", Kind::List(&CALL)),
        Field("tool_name", Kind::Text),
        Field("tool_call_id", Kind::Text),
    ],
);

const PARAMETERS: Kind = Kind::Struct(
    "ToolFunctionParameters",
    &[Field("type", Kind::Text), Field("required", TEXTS), Field("properties", Kind::Properties)],
);

const TOOL: Kind = Kind::Struct(
    "Tool",
    &[
        Field("type", Kind::Text),
        Field(
            "function",
            Kind::Struct(
                "ToolFunction",
                &[
                    Field("name", Kind::Text),
                    Field("description", Kind::Text),
                    Field("parameters", PARAMETERS),
                ],
            ),
        ),
    ],
);

/// One property of a schema.
static PROPERTY: &[Field] = &[
    Field("anyOf", Kind::Alternatives),
    Field("type", Kind::PropertyType),
    Field("description", Kind::Text),
    Field("enum", Kind::List(&Kind::Any)),
    Field("properties", Kind::Properties),
    Field("required", TEXTS),
];

/// `api.ChatRequest`.
pub(super) const CHAT: &[Field] = &[
    Field("model", Kind::Text),
    Field("messages", Kind::List(&MESSAGE)),
    Field("stream", Kind::Bool),
    Field("keep_alive", Kind::Duration),
    Field("tools", Kind::List(&TOOL)),
    Field("options", Kind::Map),
    Field("think", Kind::Think),
    Field("truncate", Kind::Bool),
    Field("shift", Kind::Bool),
    Field("logprobs", Kind::Bool),
    Field("top_logprobs", Kind::Int),
];

/// `api.GenerateRequest`.
pub(super) const GENERATE: &[Field] = &[
    Field("model", Kind::Text),
    Field("prompt", Kind::Text),
    Field("suffix", Kind::Text),
    Field("system", Kind::Text),
    Field("template", Kind::Text),
    Field("context", Kind::List(&Kind::Int)),
    Field("stream", Kind::Bool),
    Field("raw", Kind::Bool),
    Field("keep_alive", Kind::Duration),
    Field("images", IMAGES),
    Field("options", Kind::Map),
    Field("think", Kind::Think),
    Field("truncate", Kind::Bool),
    Field("shift", Kind::Bool),
    Field("logprobs", Kind::Bool),
    Field("top_logprobs", Kind::Int),
];

/// `api.EmbedRequest` and `api.EmbeddingRequest`.
pub(super) const EMBED: &[Field] = &[
    Field("model", Kind::Text),
    Field("prompt", Kind::Text),
    Field("keep_alive", Kind::Duration),
    Field("truncate", Kind::Bool),
    Field("dimensions", Kind::Int),
    Field("options", Kind::Map),
];

/// `api.ShowRequest`.
pub(super) const SHOW: &[Field] =
    &[Field("model", Kind::Text), Field("name", Kind::Text), Field("verbose", Kind::Bool)];

/// Options of `api.Options` by type; others are ignored with a word in the server's log.
const FLOATS: &[&str] = &[
    "temperature",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
];
const INTS: &[&str] = &[
    "num_keep",
    "seed",
    "num_predict",
    "top_k",
    "repeat_last_n",
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
];

/// What Go's decoder calls a value.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Checks a body against the members of `root`.
pub(super) fn check(root: &str, fields: &[Field], body: &Object) -> Result<(), ApiError> {
    members(fields, body, root)
}

fn members(fields: &[Field], object: &Object, path: &str) -> Result<(), ApiError> {
    for Field(name, kind) in fields {
        if let Some(value) = object.get(*name) {
            self::value(*kind, value, &format!("{path}.{name}"))?;
        }
    }
    Ok(())
}

fn value(kind: Kind, value: &Value, path: &str) -> Result<(), ApiError> {
    let wrong = |go: &str| {
        let found = match value {
            Value::Number(number) => format!("number {number}"),
            other => kind_of(other).to_owned(),
        };
        Err(ApiError::bad(format!("json: cannot unmarshal {found} into Go struct field {path} of type {go}")))
    };
    match (kind, value) {
        (_, Value::Null)
        | (Kind::Any, _)
        | (Kind::Text, Value::String(_))
        | (Kind::Bool, Value::Bool(_))
        | (Kind::Map | Kind::Arguments, Value::Object(_))
        | (Kind::PropertyType, Value::String(_)) => Ok(()),
        (Kind::Int, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
        (Kind::Struct(_, fields), Value::Object(object)) => members(fields, object, path),
        (Kind::List(item), Value::Array(items)) => {
            items.iter().try_for_each(|each| self::value(*item, each, path))
        }
        (Kind::Image, Value::String(text)) => image(text),
        (Kind::Think, Value::Bool(_)) => Ok(()),
        (Kind::Think, Value::String(level)) => think(level),
        (Kind::Duration, Value::Number(_)) => Ok(()),
        (Kind::Duration, Value::String(text)) => duration(text),
        (Kind::Properties, Value::Object(properties)) => properties
            .values()
            .try_for_each(|property| self::value(Kind::Struct("ToolProperty", PROPERTY), property, path)),
        (Kind::Alternatives, Value::Array(items)) => {
            items.iter().try_for_each(|item| self::value(Kind::Struct("ToolProperty", PROPERTY), item, path))
        }
        (Kind::PropertyType, Value::Array(items)) => {
            items.iter().try_for_each(|item| self::value(Kind::Text, item, path))
        }
        (Kind::Text | Kind::PropertyType, _) => wrong("string"),
        (Kind::Bool, _) => wrong("bool"),
        (Kind::Int, _) => wrong("int"),
        (Kind::Map, _) => wrong("map[string]interface {}"),
        (Kind::Struct(name, _), _) => wrong(&format!("api.{name}")),
        (Kind::List(item), _) => wrong(&format!("[]{}", go_name(*item))),
        (Kind::Image, _) => wrong("[]uint8"),
        (Kind::Think, _) => Err(ApiError::bad(
            "think must be a boolean or string (\"high\", \"medium\", \"low\", \"max\", true, or false)",
        )),
        (Kind::Duration, other) => Err(ApiError::bad(format!("Unsupported type: '{}'", kind_of(other)))),
        (Kind::Arguments, _) => wrong("api.ToolCallFunctionArguments"),
        (Kind::Properties, _) => wrong("api.ToolPropertiesMap"),
        (Kind::Alternatives, _) => wrong("[]api.ToolProperty"),
    }
}

fn go_name(kind: Kind) -> String {
    match kind {
        Kind::Struct(name, _) => format!("api.{name}"),
        Kind::Image => "api.ImageData".to_owned(),
        Kind::Int => "int".to_owned(),
        _ => "string".to_owned(),
    }
}

/// Standard base64 with padding.
fn image(text: &str) -> Result<(), ApiError> {
    let digits = text.trim_end_matches('=');
    let bad = digits.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')));
    let short = (!text.len().is_multiple_of(4) || text.len() - digits.len() > 2).then_some(text.len() & !3);
    match bad.or(short) {
        None => Ok(()),
        Some(at) => Err(ApiError::bad(format!("illegal base64 data at input byte {at}"))),
    }
}

fn think(level: &str) -> Result<(), ApiError> {
    if ["high", "medium", "low", "max"].contains(&level) {
        return Ok(());
    }
    let known = "must be \"high\", \"medium\", \"low\", \"max\", true, or false";
    Err(ApiError::bad(format!("invalid think value: {level:?} ({known})")))
}

/// Go's durations: numbers with units, no blanks.
fn duration(text: &str) -> Result<(), ApiError> {
    let rest = text.trim_start_matches(['-', '+']);
    if rest == "0" || humantime::parse_duration(rest).is_ok() {
        return Ok(());
    }
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::bad(format!("time: missing unit in duration {text:?}")));
    }
    Err(ApiError::bad(format!("time: invalid duration {text:?}")))
}

/// Checks the options, as the scheduler does: a wrong one is the server's failure, not the client's.
pub(super) fn options(body: &Object) -> Result<(), ApiError> {
    for (name, value) in body.get("options").and_then(Value::as_object).into_iter().flatten() {
        let known = name.as_str();
        let wanted = match value {
            Value::Null => continue,
            Value::Number(_) if FLOATS.contains(&known) || INTS.contains(&known) => continue,
            _ if FLOATS.contains(&known) => "of type float32",
            _ if INTS.contains(&known) => "of type integer",
            Value::Array(items) if known == "stop" && items.iter().all(Value::is_string) => continue,
            Value::Array(_) if known == "stop" => "of an array of strings",
            _ if known == "stop" => "of type array",
            _ => continue,
        };
        return Err(ApiError::failed(format!("option {name:?} must be {wanted}")));
    }
    Ok(())
}
