//! What the Ollama dialect answers and refuses, without a socket.

mod goldens;
mod recorded;
mod refusals;

use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};

use super::*;
use crate::{Behaviour, Usage, reply::Payload};

/// What came back: a stream's lines are joined.
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

    #[track_caller]
    fn lines(&self) -> Vec<Value> {
        assert!(self.body.ends_with('\n'), "{}", self.body);
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn send_with(method: &Method, path: &str, key: Option<&'static str>, body: &[u8]) -> Seen {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(key));
    }
    let (body, behaviour) = (Bytes::copy_from_slice(body), Behaviour::default());
    let call = Call {
        method,
        path,
        query: "",
        headers: &headers,
        body: &body,
        serial: 7,
        strict: true,
        require_key: true,
        aws: None,
        behaviour: &behaviour,
    };
    assert!(Ollama.claims(&crate::dialects::Address { path, query: "", headers: &http::HeaderMap::new() }));
    let reply = Ollama.answer(&call);
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

fn post(path: &str, body: &Value) -> Seen {
    send_with(&Method::POST, path, None, body.to_string().as_bytes())
}

fn get(path: &str) -> Seen {
    send_with(&Method::GET, path, None, b"")
}

/// A chat request with `changes` on top of the least there can be.
fn chat_with(changes: &Value) -> Value {
    let mut body = json!({ "model": "llama3.2", "messages": [{ "role": "user", "content": "Hello" }] });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn weather() -> Value {
    let parameters =
        json!({ "type": "object", "required": ["city"], "properties": { "city": { "type": "string" } } });
    json!([{ "type": "function", "function": { "name": "get_weather", "parameters": parameters } }])
}
