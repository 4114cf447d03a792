//! What the Anthropic dialect answers and refuses, without a socket.

mod door;
mod goldens;
mod recorded;
mod refusals;
mod turns;

use http::{HeaderMap, HeaderName, Method};
use serde_json::{Value, json};

use super::*;
use crate::{Behaviour, Usage, reply::Payload};

const OLD: &str = "2023-06-01";
const NEW: &str = "2026-10-21";

/// What came back: a stream's events are joined.
struct Seen {
    status: u16,
    body: String,
    usage: Option<Usage>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Seen {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The data of each event.
    #[track_caller]
    fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

fn headers(version: &'static str) -> HeaderMap {
    [("x-api-key", "sk-ant-mock"), ("anthropic-version", version)]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn send(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Seen {
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
    let reply = Anthropic.answer(&call);
    let bytes = match reply.payload {
        Payload::Whole(body) => body.to_vec(),
        Payload::Frames(frames) => frames.flat_map(|frame| frame.bytes.to_vec()).collect(),
    };
    Seen {
        status: reply.status,
        body: String::from_utf8(bytes).unwrap(),
        usage: reply.usage,
        headers: reply.headers,
    }
}

fn post(version: &'static str, body: &Value) -> Seen {
    send(&Method::POST, "/v1/messages", &headers(version), body.to_string().as_bytes())
}

/// A request with `changes` on top of the least there can be; `null` takes a field away.
fn with(changes: &Value) -> Value {
    let mut body = json!({
        "model": "mock-1", "max_tokens": 4096, "messages": [{ "role": "user", "content": "Hello" }],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    body
}

fn weather() -> Value {
    json!({ "name": "get_weather", "input_schema": {
        "type": "object", "required": ["location"], "properties": { "location": { "type": "string" } } } })
}
