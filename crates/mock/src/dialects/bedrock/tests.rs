//! What the Bedrock dialect answers and refuses, without a socket.

mod door;
mod goldens;
mod recorded;
mod refusals;

use http::HeaderMap;
use lockgate_protocol::framing::event_stream::{Framer, Message as Framed};
use serde_json::json;

use super::*;
use crate::{Behaviour, Usage, reply::Payload};

/// What came back.
struct Seen {
    status: u16,
    content_type: &'static str,
    body: Bytes,
    usage: Option<Usage>,
    headers: HeaderMap,
}

impl Seen {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The exception's name.
    fn kind(&self) -> &str {
        let kind =
            self.headers.get("x-amzn-errortype").map(|kind| kind.to_str().unwrap()).unwrap_or_default();
        kind.split(':').next().unwrap()
    }
}

/// The headers' types and the payloads of a stream whose checksums fit.
#[track_caller]
fn events(stream: &Bytes) -> Vec<(String, Value)> {
    let mut framer = Framer::default();
    let batch = framer.push(stream).unwrap();
    framer.finish().unwrap();
    let event = |raw| {
        let message = Framed::parse(raw).unwrap();
        let kind = message.header(":event-type").or_else(|| message.header(":exception-type")).unwrap();
        assert_eq!(message.header(":content-type"), Some("application/json"));
        (kind.to_owned(), serde_json::from_slice(message.payload).unwrap_or_default())
    };
    batch.events().map(event).collect()
}

fn headers(authorization: &str) -> HeaderMap {
    [(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap())].into_iter().collect()
}

fn send(method: &Method, path: &str, headers: &HeaderMap, body: &[u8], strict: bool) -> Seen {
    let (body, behaviour) = (Bytes::copy_from_slice(body), Behaviour::default());
    let (query, serial, require_key) = ("", 7, strict);
    let behaviour = &behaviour;
    let call =
        Call { method, path, query, headers, body: &body, serial, strict, require_key, aws: None, behaviour };
    let reply = Bedrock.answer(&call);
    let body = match reply.payload {
        Payload::Whole(body) => body,
        Payload::Frames(frames) => frames.flat_map(|frame| frame.bytes).collect(),
    };
    Seen {
        status: reply.status,
        content_type: reply.content_type,
        body,
        usage: reply.usage,
        headers: reply.headers.into_iter().collect(),
    }
}

fn ask(model: &str, operation: &str, body: &Value) -> Seen {
    let path = format!("/model/{model}/{operation}");
    send(&Method::POST, &path, &headers("Bearer ABSK-mock"), body.to_string().as_bytes(), true)
}

fn post(body: &Value) -> Seen {
    ask("mock-1", "converse", body)
}

/// A request with `changes` on top of the least there can be; `null` takes a member away.
fn with(changes: &Value) -> Value {
    let mut body = json!({ "messages": user("Hello") });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => body.as_object_mut().unwrap().remove(name),
            value => body.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    body
}

fn user(text: &str) -> Value {
    json!([{ "role": "user", "content": [{ "text": text }] }])
}

fn tool(name: &str, schema: &Value) -> Value {
    json!({ "toolSpec": { "name": name, "inputSchema": { "json": schema } } })
}

fn weather() -> Value {
    let schema = json!({ "type": "object", "required": ["location"], "properties": { "location": { "type": "string" } } });
    tool("get_weather", &schema)
}
