//! The answer as messages of AWS's binary event stream; nothing in it says that it is the last.

use bytes::Bytes;
use lockgate_protocol::framing::event_stream;
use serde_json::{Value, json};

use super::error::ApiError;
use crate::{
    answer::{Answer, Content, ToolCall},
    dialects::Call,
    reply::{Frame, JSON, Reply, Role, json_bytes},
    text,
};

/// The stream.
pub(super) fn reply(call: &Call<'_>, answer: &Answer) -> Reply {
    let mut frames = vec![lifecycle(
        "messageMetadataEvent",
        &json!({
            "conversationId": text::id("", call.serial),
            "utteranceId": text::id("", call.serial + 1),
        }),
    )];
    match &answer.content {
        Content::Text(said) => frames.extend(pieces(said).map(|piece| {
            output("assistantResponseEvent", &json!({ "content": piece, "modelId": "claude-sonnet-4.5" }))
        })),
        Content::Calls(calls) => {
            for (place, called) in calls.iter().enumerate() {
                let serial = call.serial.wrapping_mul(1 << 10).wrapping_add(place as u64);
                frames.extend(tool(called, &text::id("tooluse_", serial)));
            }
        }
    }
    frames.push(lifecycle("contextUsageEvent", &json!({ "contextUsagePercentage": 1.25 })));
    frames.push(lifecycle(
        "meteringEvent",
        &json!({ "unit": "credit", "unitPlural": "credits", "usage": 0.0139 }),
    ));
    Reply::frames("application/vnd.amazon.eventstream", Box::new(frames.into_iter()))
}

/// A call: its name alone, its arguments in pieces, its end.
fn tool(called: &ToolCall, id: &str) -> Vec<Frame> {
    let event = |more: Value| {
        let mut payload = json!({ "name": called.name, "toolUseId": id });
        if let (Some(payload), Value::Object(more)) = (payload.as_object_mut(), more) {
            payload.extend(more);
        }
        output("toolUseEvent", &payload)
    };
    let input = pieces(&called.arguments).map(|piece| event(json!({ "input": piece })));
    std::iter::once(event(json!({}))).chain(input).chain([event(json!({ "stop": true }))]).collect()
}

fn pieces(said: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    text::piece_ends(said).into_iter().map(move |end| &said[std::mem::replace(&mut start, end)..end])
}

fn output(kind: &str, payload: &Value) -> Frame {
    Frame { bytes: event(kind, &json_bytes(payload)), role: Role::Output }
}

fn lifecycle(kind: &str, payload: &Value) -> Frame {
    Frame { bytes: event(kind, &json_bytes(payload)), role: Role::Lifecycle }
}

/// A failure in the middle.
pub(super) fn exception() -> Bytes {
    let headers = [
        (":exception-type", "InternalServerException"),
        (":content-type", JSON),
        (":message-type", "exception"),
    ];
    framed(
        &headers,
        br#"{"message":"Encountered an unexpected error when processing the request, please try again."}"#,
    )
}

/// A refusal in the middle.
pub(super) fn refused(error: &ApiError) -> Bytes {
    let headers =
        [(":exception-type", error.kind()), (":content-type", JSON), (":message-type", "exception")];
    framed(&headers, serde_json::json!({ "message": error.message() }).to_string().as_bytes())
}

/// A message whose lengths and checksums fit and whose payload is no JSON.
pub(super) fn malformed() -> Bytes {
    event("assistantResponseEvent", br#"{"content":"#)
}

fn event(kind: &str, payload: &[u8]) -> Bytes {
    framed(&[(":event-type", kind), (":content-type", JSON), (":message-type", "event")], payload)
}

fn framed(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    event_stream::write(headers, &mut bytes, |out| out.extend_from_slice(payload));
    bytes.into()
}
