//! What is translated to measure it: made here, always the same, the same size in every dialect.
//!
//! All of it is written once, in one dialect or as events, and brought into the others by the codecs themselves. The
//! benchmarks and the test that counts copies include this file; neither uses all of it.
#![allow(dead_code, clippy::panic, reason = "see above; what cannot be made stops the run")]

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Reply, RequestHead, Step, Target},
    dialect::Dialect,
    dialects,
    framing::Framer,
    ir::{BlockKind, Delta, Event, Request, Stop, StopReason, ToolKind, Usage},
};
use serde_json::{Value, json};

/// What a client asks in.
pub(crate) type Dialects = (&'static dyn Dialect, &'static dyn Dialect);

const HEAD: RequestHead<'_> = RequestHead { model: Some("model"), stream: None, path: "" };
const TARGET: Target<'_> = Target { model: "model", max_output: Some(8192), version: None };

/// The dialect of that name.
pub(crate) fn dialect(name: &str) -> &'static dyn Dialect {
    dialects::find(name).unwrap_or_else(|| panic!("no dialect `{name}`"))
}

/// A request as the gateway translates it: read, and written for the provider.
pub(crate) fn translate_request((from, to): Dialects, body: &[u8]) -> Vec<u8> {
    let request = from.codec().decode_request(HEAD, body).unwrap_or_else(|fault| panic!("{fault}"));
    to.codec().encode_request(&request, TARGET).unwrap_or_else(|fault| panic!("{fault}")).body
}

/// A whole answer: read, and written for the client. `request` is what it answers.
pub(crate) fn translate_answer((from, to): Dialects, body: &[u8], request: &Request<'_>) -> Vec<u8> {
    let response = from.codec().decode_response(body).unwrap_or_else(|fault| panic!("{fault}"));
    to.codec().encode_response(&response, reply(request)).body
}

/// A stream, in the pieces the network delivers; returns how much was written.
pub(crate) fn translate_stream((from, to): Dialects, chunks: &[Bytes], request: &Request<'_>) -> usize {
    let mut framer = Framer::new(from.codec().framing());
    let mut decoder = from.codec().decoder();
    let mut encoder = to.codec().encoder(reply(request));
    let mut length = 0;
    for chunk in chunks {
        let batch = framer.push(chunk).unwrap_or_else(|_| panic!("unreadable"));
        let mut out = Vec::with_capacity(batch.bytes.len());
        for raw in batch.events() {
            let step = decoder.event(raw, &mut |event| encoder.event(&event, &mut out));
            assert!(matches!(step, Step::Go | Step::End), "{step:?}");
        }
        length += out.len();
    }
    let mut out = Vec::new();
    assert_eq!(decoder.finish(&mut |event| encoder.event(&event, &mut out)), Step::End);
    length + out.len()
}

/// A request of about a kilobyte, in `dialect`.
pub(crate) fn small_request(dialect: &'static dyn Dialect) -> Vec<u8> {
    request_in(dialect, &[], &[json!({"role": "user", "content": prose(900)})])
}

/// A request as coding agents send them, of about 200 kilobytes: many tools, and many turns with calls and results.
pub(crate) fn agent_request(dialect: &'static dyn Dialect) -> Vec<u8> {
    let tools: Vec<Value> = (0..24).map(tool).collect();
    let mut messages = vec![
        json!({"role": "system", "content": prose(12_000)}),
        json!({"role": "user", "content": prose(2_000)}),
    ];
    for turn in 0..40 {
        let id = format!("call_{turn:04}");
        let arguments = json!({"path": format!("src/module_{turn}.rs"), "text": prose(600)}).to_string();
        let call =
            json!({"id": id, "type": "function", "function": {"name": "tool_3", "arguments": arguments}});
        messages.push(json!({"role": "assistant", "content": prose(200), "tool_calls": [call]}));
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": source(2_500)}));
    }
    request_in(dialect, &tools, &messages)
}

/// A request with a picture of `size` bytes of base64.
pub(crate) fn image_request(dialect: &'static dyn Dialect, size: usize) -> Vec<u8> {
    let url = format!("data:image/png;base64,{}", "iVBORw0KGgoAAAAN".repeat(size / 16));
    let content = json!([
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]);
    request_in(dialect, &[], &[json!({"role": "user", "content": content})])
}

/// A whole answer with text and two calls.
pub(crate) fn answer(dialect: &'static dyn Dialect) -> Vec<u8> {
    let call = |id: &str| {
        let arguments = json!({"path": "src/lib.rs", "text": prose(400)}).to_string();
        json!({"id": id, "type": "function", "function": {"name": "tool_3", "arguments": arguments}})
    };
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "model",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": prose(2_000), "tool_calls": [call("call_1"), call("call_2")]},
            "finish_reason": "tool_calls",
        }],
        "usage": {
            "prompt_tokens": 1200, "completion_tokens": 500, "total_tokens": 1700,
            "prompt_tokens_details": {"cached_tokens": 1000},
        },
    });
    let body = body.to_string().into_bytes();
    translate_answer((self::dialect("openai-chat"), dialect), &body, &Request::default())
}

/// A streamed answer of `events` pieces of text and of a call's arguments, in chunks of one event each.
pub(crate) fn stream(dialect: &'static dyn Dialect, events: u64) -> Vec<Bytes> {
    let request = stream_request();
    let mut encoder = dialect.codec().encoder(reply(&request));
    let mut chunks = Vec::new();
    let mut write = |event: Event<'_>| {
        let mut out = Vec::new();
        encoder.event(&event, &mut out);
        chunks.extend((!out.is_empty()).then(|| Bytes::from(out)));
    };
    write(Event::Start {
        id: Some("msg_1".into()),
        model: Some("model".into()),
        created: Some(1_700_000_000),
    });
    let text = events * 4 / 5;
    write(Event::BlockStart { choice: 0, block: 0, kind: BlockKind::Text });
    for piece in 0..text {
        let delta =
            Delta::Text(["The ", "quick brown ", "fox\n", "jumps, ", "über "][piece as usize % 5].into());
        write(Event::Delta { choice: 0, block: 0, delta });
    }
    write(Event::BlockStop { choice: 0, block: 0 });
    let (id, name) = ("call_1".into(), "tool_3".into());
    let kind = BlockKind::ToolUse { id, name, kind: ToolKind::Function, signature: None, item: None };
    write(Event::BlockStart { choice: 0, block: 1, kind });
    for piece in text..events {
        let part = match piece {
            first if first == text => "{\"path\":\"",
            last if last + 1 == events => "\"}",
            _ => "src/module ",
        };
        let delta = Delta::Input(part.into());
        write(Event::Delta { choice: 0, block: 1, delta });
    }
    write(Event::BlockStop { choice: 0, block: 1 });
    write(Event::Usage(Usage { input: 200, cache_read: 1000, output: 900, ..Usage::default() }));
    write(Event::Stop { choice: 0, stop: Stop::new(StopReason::ToolUse) });
    write(Event::End);
    chunks
}

/// What the client of a stream asked.
pub(crate) fn stream_request() -> Request<'static> {
    Request { stream: true, stream_usage: Some(true), ..Request::default() }
}

fn reply<'a>(request: &'a Request<'a>) -> Reply<'a> {
    Reply { request, seed: "seed", now: 1_700_000_000, path: "/path?alt=sse" }
}

fn request_in(dialect: &'static dyn Dialect, tools: &[Value], messages: &[Value]) -> Vec<u8> {
    let mut body = json!({"model": "model", "max_tokens": 4096, "temperature": 0.7, "messages": messages});
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    translate_request((self::dialect("openai-chat"), dialect), body.to_string().as_bytes())
}

fn tool(number: usize) -> Value {
    let property =
        |at: usize| (format!("parameter_{at}"), json!({"type": "string", "description": prose(120)}));
    let mut properties: serde_json::Map<String, Value> = (0..8).map(property).collect();
    properties.insert("mode".into(), json!({"type": "string", "enum": ["read", "write", "append"]}));
    properties.insert("lines".into(), json!({"type": "array", "items": {"type": "integer", "minimum": 0}}));
    json!({"type": "function", "function": {
        "name": format!("tool_{number}"),
        "description": prose(800),
        "parameters": {"type": "object", "properties": properties, "required": ["parameter_0", "mode"]},
    }})
}

/// Plain text, without anything to escape.
fn prose(length: usize) -> String {
    "The quick brown fox jumps over the lazy dog, and then it rests a while. "
        .chars()
        .cycle()
        .take(length)
        .collect()
}

/// Program text: a line end or a quote every few bytes.
fn source(length: usize) -> String {
    "    let name = \"value\";\n    call(name, 42)?;\n".chars().cycle().take(length).collect()
}
