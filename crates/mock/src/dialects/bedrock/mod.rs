//! Amazon Bedrock's Converse, ConverseStream and InvokeModel: which path does what, and what every call must have.

mod content;
mod error;
mod invoke;
mod message;
mod models;
mod order;
mod prompt;
mod reasoning;
mod rules;
mod stream;
mod tables;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use self::{error::ApiError, message::Message};
use super::{Address, Call, Dialect, Refusal, aws::signature};
use crate::{clock, reply::Reply, text};

/// The Bedrock dialect.
pub(super) struct Bedrock;

/// What a handler gives back.
type Answered = Result<Reply, ApiError>;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Converse,
    Stream,
    CountTokens,
    Invoke,
    InvokeStream,
}

/// A JSON object.
type Object = Map<String, Value>;

impl Dialect for Bedrock {
    fn claims(&self, address: &Address<'_>) -> bool {
        address.path.starts_with("/model/")
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        with_id(answer(call).unwrap_or_else(ApiError::into_reply), call)
    }

    fn refusal(&self, call: &Call<'_>, _: &str, refusal: Refusal) -> Reply {
        with_id(ApiError::of(refusal).into_reply(), call)
    }

    fn error_event(&self, _: &Call<'_>, refusal: Option<Refusal>, _: bool) -> Bytes {
        match refusal {
            None => stream::exception(),
            Some(refusal) => stream::refused(&ApiError::of(refusal)),
        }
    }

    fn malformed_event(&self, call: &Call<'_>) -> Bytes {
        if call.path.ends_with("/invoke-with-response-stream") {
            return invoke::malformed();
        }
        stream::malformed()
    }
}

/// Address, key, model, body: the refusals come in this order.
fn answer(call: &Call<'_>) -> Answered {
    let tail = call.path.strip_prefix("/model/").unwrap_or_default();
    let (id, verb) = match tail.rsplit_once('/') {
        Some((id, "converse")) => (id, Verb::Converse),
        Some((id, "converse-stream")) => (id, Verb::Stream),
        Some((id, "count-tokens")) => (id, Verb::CountTokens),
        Some((id, "invoke")) => (id, Verb::Invoke),
        Some((id, "invoke-with-response-stream")) => (id, Verb::InvokeStream),
        _ => return Err(ApiError::unknown_operation()),
    };
    if call.method != Method::POST {
        return Err(ApiError::unknown_operation());
    }
    if call.require_key {
        check_key(call)?;
    }
    // ARNs have slashes, which most clients escape.
    let id = percent_decode_str(id).decode_utf8_lossy();
    let model = match models::find(&id) {
        Ok(model) => model,
        Err(_) if !call.strict => models::ANYTHING,
        Err(refused) => return Err(refused),
    };
    let body = json(call)?;
    match verb {
        Verb::CountTokens => return count(call, &id, &model, &body),
        Verb::Invoke | Verb::InvokeStream => {
            return invoke::answer(call, &id, verb == Verb::InvokeStream, body);
        }
        Verb::Converse | Verb::Stream => {}
    }
    if call.strict {
        tables::check(&body)?;
        content::check(&body, &model)?;
    } else if !body.get("messages").is_some_and(Value::is_array) {
        return Err(ApiError::invalid(
            "1 validation error detected: Value null at 'messages' failed to satisfy constraint: Member must not be null",
        ));
    }
    let schema = prompt::schema(&body);
    let prompt = prompt::of(&id, &body, schema.as_ref());
    if prompt.is_refused(call.behaviour) {
        return Err(ApiError::of(Refusal::Prefill));
    }
    let message = Message::new(call, &model, &body, &prompt);
    let usage = Some(message.usage);
    let reply = if verb == Verb::Stream { stream::reply(message) } else { message.reply() };
    Ok(reply.noting(&id, usage))
}

/// CountTokens: a conversation, or the body of InvokeModel, whose dialect is its maker's and is counted by its length.
fn count(call: &Call<'_>, id: &str, model: &models::Model, body: &Object) -> Answered {
    if call.strict {
        tables::check_count(body)?;
    }
    let input = body.get("input");
    let tokens = match input.and_then(|input| input.get("converse")).and_then(Value::as_object) {
        Some(conversation) => {
            if call.strict {
                content::check(conversation, model)?;
            }
            prompt::cost(conversation).total
        }
        None => {
            let inner = input.and_then(|input| input.pointer("/invokeModel/body")).and_then(Value::as_str);
            text::input_tokens(inner.unwrap_or_default())
        }
    };
    Ok(Reply::json(200, crate::reply::json_bytes(&serde_json::json!({ "inputTokens": tokens })))
        .noting(id, None))
}

fn json(call: &Call<'_>) -> Result<Object, ApiError> {
    match serde_json::from_slice(call.body) {
        Ok(Value::Object(body)) => Ok(body),
        Ok(_) => Err(ApiError::serialization("Unexpected field type")),
        Err(why) => Err(ApiError::serialization(format!("The request body is not valid JSON: {why}"))),
    }
}

/// An API key or a signature; of the latter only the name of the key is looked at, unless the mock has a key.
fn check_key(call: &Call<'_>) -> Result<(), ApiError> {
    let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim);
    let bad = |key: &str| key.is_empty() || key == "invalid" || key.starts_with("bad");
    let Some(header) = header.filter(|header| !header.is_empty()) else { return Err(ApiError::no_key()) };
    if let Some(key) = header.strip_prefix("Bearer ") {
        return if bad(key.trim()) { Err(ApiError::wrong_key()) } else { Ok(()) };
    }
    if let Some(key) = call.aws {
        return signature::check(call, key, "bedrock", clock::wall()).map_err(ApiError::denied_by_front);
    }
    match header.strip_prefix("AWS4-HMAC-SHA256 Credential=") {
        Some(credential) if bad(credential) => Err(ApiError::wrong_token()),
        Some(_) => Ok(()),
        None => Err(ApiError::no_key()),
    }
}

fn with_id(mut reply: Reply, call: &Call<'_>) -> Reply {
    let hex = text::id("", call.serial);
    let id = format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
    if let Ok(id) = HeaderValue::from_str(&id) {
        reply.headers.push((HeaderName::from_static("x-amzn-requestid"), id));
    }
    reply
}

/// The items of a list; none where there is no list.
fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A field's text, empty where there is none.
fn text_in<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The conversation.
fn messages(body: &Object) -> &[Value] {
    items(body.get("messages"))
}

/// The blocks of a message.
fn blocks(message: &Value) -> &[Value] {
    items(message.get("content"))
}

/// What `pointer` (RFC 6901) leads to; absent where that is `null`.
fn at<'a>(body: &'a Object, name: &str, pointer: &str) -> Option<&'a Value> {
    body.get(name)?.pointer(pointer).filter(|value| !value.is_null())
}
