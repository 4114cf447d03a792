//! What the Gemini dialect answers and refuses, without a socket.

mod door;
mod goldens;
mod recorded;
mod refusals;

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::*;
use crate::{Behaviour, Usage, reply::Payload};

const FLASH: &str = "/v1beta/models/gemini-2.5-flash:generateContent";

/// What came back: a stream's chunks are joined.
struct Seen {
    status: u16,
    content_type: &'static str,
    body: String,
    usage: Option<Usage>,
}

impl Seen {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The chunks of a stream, whatever its framing.
    #[track_caller]
    fn chunks(&self) -> Vec<Value> {
        if self.content_type == "text/event-stream" {
            let events = self.body.split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
            return events.map(|data| serde_json::from_str(data).unwrap()).collect();
        }
        serde_json::from_str(&self.body).unwrap()
    }
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
    let reply = Gemini.answer(&call);
    let bytes = match reply.payload {
        Payload::Whole(body) => body.to_vec(),
        Payload::Frames(frames) => frames.flat_map(|frame| frame.bytes.to_vec()).collect(),
    };
    Seen {
        status: reply.status,
        content_type: reply.content_type,
        body: String::from_utf8(bytes).unwrap(),
        usage: reply.usage,
    }
}

fn key() -> HeaderMap {
    [(HeaderName::from_static(KEY), HeaderValue::from_static("AIza-mock"))].into_iter().collect()
}

fn post(path: &str, body: &Value) -> Seen {
    send(&Method::POST, path, &key(), body.to_string().as_bytes())
}

/// A request with `changes` on top of the least there can be; `null` takes a field away.
fn with(changes: &Value) -> Value {
    let mut body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }] });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    body
}

fn ask(text: &str) -> Value {
    json!([{ "role": "user", "parts": [{ "text": text }] }])
}

fn weather() -> Value {
    json!({ "name": "get_weather", "parameters": {
        "type": "OBJECT", "required": ["location"], "properties": { "location": { "type": "STRING" } } } })
}
