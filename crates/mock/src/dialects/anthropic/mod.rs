//! The Anthropic Messages API in both versions: which path does what, and what every call must have.

mod content;
mod error;
mod message;
mod models;
mod order;
mod prompt;
mod rules;
pub(super) mod signature;
mod stream;
mod tables;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use self::{error::ApiError, models::Model};
use super::{Address, Call, Dialect, Refusal, limits};
use crate::{
    reply::{Frame, Reply, Role, json_bytes},
    text,
};

/// The Anthropic dialect.
pub(super) struct Anthropic;

/// What a handler gives back.
type Answered = Result<Reply, ApiError>;

/// A JSON object.
type Object = Map<String, Value>;

/// The API versions that are still answered, in order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V2023,
    /// Takes no sampling parameters, no documents from assistants, no citations from users.
    V2026,
}

/// A call that may come in.
struct Ask<'a> {
    call: &'a Call<'a>,
    version: Version,
    /// The `anthropic-beta` headers.
    betas: Vec<&'a str>,
}

impl Dialect for Anthropic {
    fn claims(&self, address: &Address<'_>) -> bool {
        let Some(tail) = address.path.strip_prefix("/v1/") else { return false };
        tail == "messages"
            || tail.starts_with("messages/")
            || (tail == "models" || tail.starts_with("models/")) && address.headers.contains_key(VERSION)
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        let reply = answer(call).unwrap_or_else(|error| error.into_reply(call));
        with_headers(reply, call)
    }

    fn refusal(&self, call: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        with_headers(ApiError::of(refusal, model).into_reply(call), call)
    }

    fn error_event(&self, call: &Call<'_>, refusal: Option<Refusal>, _: bool) -> Bytes {
        let error = ApiError::of(refusal.unwrap_or(Refusal::Status(529)), "");
        Frame::named(Role::Lifecycle, "error", &error.body(call)).bytes
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        Bytes::from_static(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\n\n",
        )
    }
}

const VERSION: &str = "anthropic-version";
const BETA: &str = "anthropic-beta";

/// Key, version, address, body: in the order the real one looks at them.
fn answer(call: &Call<'_>) -> Answered {
    if call.require_key {
        check_key(call)?;
    }
    let ask = Ask { call, version: version(call)?, betas: betas(call) };
    let tail = call.path.strip_prefix("/v1/").unwrap_or_default();
    match (tail, call.method == Method::POST, call.method == Method::GET) {
        ("messages", true, _) => create(&ask),
        ("messages/count_tokens", true, _) => count(&ask),
        ("models", _, true) => models::list(&ask),
        ("messages" | "messages/count_tokens" | "models", ..) => Err(ApiError::wrong_method()),
        (tail, _, get) => match tail.strip_prefix("models/") {
            Some(id) if get => models::show(&percent_decode_str(id).decode_utf8_lossy()),
            Some(_) => Err(ApiError::wrong_method()),
            None => Err(ApiError::not_found("Not Found")),
        },
    }
}

/// `POST /v1/messages`.
fn create(ask: &Ask<'_>) -> Answered {
    let body = ask.json()?;
    let model = ask.model(&body, tables::MESSAGES)?;
    if ask.call.strict {
        content::check(ask, &body, model)?;
    } else if !body.get("messages").is_some_and(Value::is_array) {
        return Err(ApiError::bad("messages: Field required"));
    }
    let prompt = prompt::of(&body);
    if prompt.is_refused(ask.call.behaviour) {
        return Err(ApiError::no_prefill());
    }
    let message = message::Message::new(ask, model, &body, &prompt);
    let (named, usage) = (message.model.clone(), Some(message.usage));
    let reply = if flag(&body, "stream") { stream::reply(message) } else { message.reply() };
    Ok(reply.noting(&named, usage))
}

/// `POST /v1/messages/count_tokens`.
fn count(ask: &Ask<'_>) -> Answered {
    let body = ask.json()?;
    let model = ask.model(&body, tables::COUNT_TOKENS)?;
    if ask.call.strict {
        content::check(ask, &body, model)?;
    }
    let tokens = prompt::cost(&body).total;
    Ok(Reply::json(200, json_bytes(&json!({ "input_tokens": tokens }))).noting(model.id, None))
}

fn check_key(call: &Call<'_>) -> Result<(), ApiError> {
    let text = |name: HeaderName| call.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let bad = |key: &str| key == "invalid" || key.starts_with("bad");
    // Where both are given the API looks at `x-api-key` alone.
    match text(HeaderName::from_static("x-api-key")).filter(|key| !key.is_empty()) {
        Some(key) if bad(key) => Err(ApiError::unauthorized("invalid x-api-key")),
        Some(_) => Ok(()),
        None => match text(AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).map(str::trim) {
            None | Some("") => Err(ApiError::unauthorized("x-api-key header is required")),
            Some(key) if bad(key) => Err(ApiError::unauthorized("Invalid bearer token")),
            Some(_) => Ok(()),
        },
    }
}

fn version(call: &Call<'_>) -> Result<Version, ApiError> {
    match call.headers.get(VERSION).map(HeaderValue::as_bytes) {
        Some(b"2023-06-01") => Ok(Version::V2023),
        Some(b"2026-10-21") => Ok(Version::V2026),
        _ if !call.strict => Ok(Version::V2023),
        None => Err(ApiError::bad("anthropic-version: header is required")),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            Err(ApiError::bad(format!("anthropic-version: \"{other}\" is not a valid version")))
        }
    }
}

fn betas<'a>(call: &Call<'a>) -> Vec<&'a str> {
    let headers = call.headers.get_all(BETA).into_iter();
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

fn with_headers(mut reply: Reply, call: &Call<'_>) -> Reply {
    const LIMITS: &[(&str, &str)] = &[
        ("anthropic-ratelimit-requests-limit", "10000"),
        ("anthropic-ratelimit-requests-remaining", "9999"),
        ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
        ("anthropic-ratelimit-tokens-limit", "12000000"),
        ("anthropic-ratelimit-tokens-remaining", "11999000"),
        ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
    ];
    if let Ok(id) = HeaderValue::from_str(&request_id(call)) {
        reply.headers.push((HeaderName::from_static("request-id"), id));
    }
    if reply.status != 200 {
        let retry = if matches!(reply.status, 408 | 409 | 429 | 500..) { "true" } else { "false" };
        reply.headers.push((HeaderName::from_static("x-should-retry"), HeaderValue::from_static(retry)));
    }
    if let Some(limits) = call.behaviour.rate_limit {
        const NAMES: [limits::Names; 2] = [
            [
                "anthropic-ratelimit-requests-limit",
                "anthropic-ratelimit-requests-remaining",
                "anthropic-ratelimit-requests-reset",
            ],
            [
                "anthropic-ratelimit-tokens-limit",
                "anthropic-ratelimit-tokens-remaining",
                "anthropic-ratelimit-tokens-reset",
            ],
        ];
        reply.headers.extend(limits::headers(limits, NAMES, limits::at));
    } else if reply.status == 200 && reply.usage.is_some() {
        let limits = LIMITS
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        reply.headers.extend(limits);
    }
    reply
}

/// The id of a request, in its header and in the body of an error.
fn request_id(call: &Call<'_>) -> String {
    long_id("req_011C", 28, call.serial)
}

/// An id of the API's own length.
fn long_id(prefix: &str, length: usize, serial: u64) -> String {
    let mut id = text::id(prefix, serial);
    id.truncate(length);
    id
}

fn flag(body: &Object, name: &str) -> bool {
    body.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A field's text, empty where there is none.
fn text_in<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

// === impl Ask ===

impl Ask<'_> {
    fn json(&self) -> Result<Object, ApiError> {
        match serde_json::from_slice(self.call.body) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(ApiError::bad("The request body is not valid JSON: expected an object")),
            Err(why) => Err(ApiError::bad(format!("The request body is not valid JSON: {why}"))),
        }
    }

    /// The model the body names, after the body has been found to be of the right form.
    fn model(&self, body: &Object, params: &[rules::Param]) -> Result<&'static Model, ApiError> {
        if self.call.strict {
            tables::check(self, params, body)?;
        }
        match body.get("model").and_then(Value::as_str) {
            None => Err(ApiError::bad("model: Field required")),
            Some(named) => match models::find(named) {
                Some(model) => Ok(model),
                None if self.call.strict => Err(ApiError::no_such_model(named)),
                None => Ok(&models::ANYTHING),
            },
        }
    }

    /// Whether a beta feature was asked for.
    fn has_beta(&self, prefix: &str) -> bool {
        self.betas.iter().any(|beta| beta.starts_with(prefix))
    }
}
