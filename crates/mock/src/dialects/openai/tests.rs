//! What the OpenAI dialect answers and refuses, without a socket.

mod door;
mod forms;
mod goldens;
mod recorded;
mod refusals;

use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::*;
use crate::{Behaviour, reply::Payload};

/// Sends `body` and gives status and answer; a stream's events are joined.
fn send(method: &Method, path: &str, content_type: &str, body: &[u8]) -> (u16, String) {
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, "Bearer sk-mock".parse().unwrap());
    headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    send_with(method, path, &headers, body)
}

fn send_with(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> (u16, String) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (body, behaviour) = (Bytes::copy_from_slice(body), Behaviour::default());
    let call = Call {
        method,
        path,
        query,
        headers,
        body: &body,
        serial: 7,
        strict: true,
        require_key: true,
        aws: None,
        behaviour: &behaviour,
    };
    let reply = OpenAi.answer(&call);
    let bytes = match reply.payload {
        Payload::Whole(body) => body.to_vec(),
        Payload::Frames(frames) => frames.flat_map(|frame| frame.bytes.to_vec()).collect(),
    };
    (reply.status, String::from_utf8_lossy(&bytes).into_owned())
}

fn post(path: &str, body: &Value) -> (u16, Value) {
    let (status, text) = send(&Method::POST, path, "application/json", body.to_string().as_bytes());
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A chat request with `changes` on top of the least there can be.
fn chat_with(changes: &Value) -> Value {
    let mut body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": "Hello" }] });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
