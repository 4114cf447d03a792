//! The Ollama API: chat, generate, embeddings and the lists of models, as the server of August 2026 has them.

mod embed;
mod error;
mod models;
mod render;
mod rules;
mod talk;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{Method, header::AUTHORIZATION};
use serde_json::{Map, Value, error::Category};

use self::error::ApiError;
use super::{Address, Call, Dialect, Refusal};
use crate::reply::Reply;

/// The Ollama dialect.
pub(super) struct Ollama;

/// What a handler gives back.
type Answered = Result<Reply, ApiError>;

/// A JSON object.
type Object = Map<String, Value>;

/// One endpoint: method, path below `/api/`, handler.
struct Route(Method, &'static str, Handler);

/// What a handler takes.
enum Handler {
    Json(fn(&Call<'_>, &Object) -> Answered),
    Plain(fn(&Call<'_>) -> Answered),
}

const ROUTES: &[Route] = &[
    Route(Method::POST, "chat", Handler::Json(talk::chat)),
    Route(Method::POST, "generate", Handler::Json(talk::generate)),
    Route(Method::POST, "embed", Handler::Json(embed::embed)),
    Route(Method::POST, "embeddings", Handler::Json(embed::embeddings)),
    Route(Method::POST, "show", Handler::Json(models::show)),
    Route(Method::GET, "tags", Handler::Plain(models::tags)),
    Route(Method::GET, "ps", Handler::Plain(models::ps)),
    Route(Method::GET, "version", Handler::Plain(models::version)),
    Route(Method::HEAD, "tags", Handler::Plain(models::tags)),
    Route(Method::HEAD, "version", Handler::Plain(models::version)),
];

impl Dialect for Ollama {
    fn claims(&self, address: &Address<'_>) -> bool {
        let path = address.path;
        path.starts_with("/api/")
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        answer(call).unwrap_or_else(ApiError::into_reply)
    }

    fn refusal(&self, _: &Call<'_>, model: &str, refusal: Refusal) -> Reply {
        ApiError::of(refusal, model).into_reply()
    }

    fn error_event(&self, _: &Call<'_>, refusal: Option<Refusal>, _: bool) -> Bytes {
        let mut line = ApiError::of(refusal.unwrap_or(Refusal::Status(500)), "").body();
        line.push(b'\n');
        line.into()
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        Bytes::from_static(b"{\"model\":\"mock-1\",\"created_at\":\"2026-08-07T06:08:09Z\",\"mess\n")
    }
}

/// Key, address, method, body: in the order the real one looks at them.
fn answer(call: &Call<'_>) -> Answered {
    if call.require_key {
        check_key(call)?;
    }
    let tail = call.path.strip_prefix("/api/").unwrap_or_default();
    let mut known = false;
    for Route(method, path, handler) in ROUTES {
        if *path != tail {
            continue;
        }
        known = true;
        if method == call.method {
            return match handler {
                Handler::Json(handle) => handle(call, &body(call)?),
                Handler::Plain(handle) => handle(call),
            };
        }
    }
    Err(if known { ApiError::wrong_method() } else { ApiError::no_such_page() })
}

/// The server itself asks for no key; the cloud in front of it refuses a wrong one.
fn check_key(call: &Call<'_>) -> Result<(), ApiError> {
    let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).unwrap_or_default();
    if key == "invalid" || key.starts_with("bad") { Err(ApiError::unauthorized()) } else { Ok(()) }
}

/// The body, refused in the words of Go's decoder. The content type does not matter.
fn body(call: &Call<'_>) -> Result<Object, ApiError> {
    if call.body.is_empty() {
        return Err(ApiError::bad("missing request body"));
    }
    match serde_json::from_slice(call.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(other) => {
            let kind = rules::kind_of(&other);
            Err(ApiError::bad(format!("json: cannot unmarshal {kind} into Go value of type api.Request")))
        }
        Err(error) if error.classify() == Category::Eof => Err(ApiError::bad("unexpected EOF")),
        Err(error) => {
            let at = error.column().saturating_sub(1);
            let line = call.body.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1));
            let found = line.and_then(|line| line.get(at)).map_or(' ', |byte| char::from(*byte));
            Err(ApiError::bad(format!("invalid character {found:?} looking for beginning of value")))
        }
    }
}
