//! Kiro's `GenerateAssistantResponse`: which calls are refused, and what is said to the others.
//!
//! What it takes and says is AWS's client's (aws/amazon-q-developer-cli, `amzn-codewhisperer-streaming-client` and
//! `cli/chat/conversation.rs`); what it refuses is what public gateways found out (AIClient-2-API, kiro2api,
//! CLIProxyAPIPlus).

mod error;
mod order;
mod prompt;
mod rules;
mod stream;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{Method, header::AUTHORIZATION};
use serde_json::{Map, Value};

use self::error::ApiError;
use super::{Address, Call, Dialect, Refusal};
use crate::reply::Reply;

/// The Kiro dialect.
pub(super) struct Kiro;

/// A JSON object.
type Object = Map<String, Value>;

impl Dialect for Kiro {
    fn claims(&self, address: &Address<'_>) -> bool {
        address.path == "/generateAssistantResponse"
    }

    fn answer(&self, call: &Call<'_>) -> Reply {
        answer(call).unwrap_or_else(ApiError::into_reply)
    }

    fn refusal(&self, _: &Call<'_>, _: &str, refusal: Refusal) -> Reply {
        ApiError::of(refusal).into_reply()
    }

    fn error_event(&self, _: &Call<'_>, refusal: Option<Refusal>, _: bool) -> Bytes {
        match refusal {
            None => stream::exception(),
            Some(refusal) => stream::refused(&ApiError::of(refusal)),
        }
    }

    fn malformed_event(&self, _: &Call<'_>) -> Bytes {
        stream::malformed()
    }
}

fn answer(call: &Call<'_>) -> Result<Reply, ApiError> {
    if call.method != Method::POST {
        return Err(ApiError::unknown_operation());
    }
    let token = token(call)?;
    let Ok(Value::Object(body)) = serde_json::from_slice(call.body) else {
        return Err(ApiError::malformed("no JSON object"));
    };
    if call.strict {
        rules::check(&body)?;
        order::check(&body)?;
        // Builder IDs have no profile; whoever signed in elsewhere has one.
        let has_profile = body.get("profileArn").is_some();
        if token.starts_with("aoa-social") && !has_profile || token.starts_with("aoa-builder") && has_profile
        {
            return Err(ApiError::denied("The profile does not belong to the bearer token."));
        }
    }
    let prompt = prompt::of(&body);
    let model = prompt.model.to_owned();
    let usage = prompt.answer(call.behaviour);
    let (reply, usage) = (stream::reply(call, &usage), usage.usage);
    Ok(reply.noting(&model, Some(usage)))
}

/// The bearer token.
fn token<'a>(call: &Call<'a>) -> Result<&'a str, ApiError> {
    let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|header| header.strip_prefix("Bearer ")).map(str::trim) {
        Some(token) if !token.is_empty() && token != "invalid" && !token.starts_with("bad") => Ok(token),
        None if !call.require_key => Ok(""),
        _ => Err(ApiError::denied("The bearer token included in the request is invalid.")),
    }
}

/// The conversation.
fn state(body: &Object) -> Option<&Value> {
    body.get("conversationState")
}

/// The turns before the last one.
fn history(body: &Object) -> &[Value] {
    items(state(body).and_then(|state| state.get("history")))
}

/// The last turn.
fn current(body: &Object) -> Option<&Value> {
    state(body)?.pointer("/currentMessage/userInputMessage")
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text_in<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The tools on offer.
fn tools(body: &Object) -> &[Value] {
    items(current(body).and_then(|turn| turn.pointer("/userInputMessageContext/tools")))
}

/// What tools gave back, in a turn of the user's.
fn results(turn: &Value) -> &[Value] {
    items(turn.pointer("/userInputMessageContext/toolResults"))
}
