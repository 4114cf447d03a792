//! The answer as messages of AWS's binary event stream, each padded by a member `p` as the real ones are.

use std::sync::Arc;

use bytes::Bytes;
use lockgate_protocol::framing::event_stream;
use serde::Serialize;

use super::{
    error::ApiError,
    message::{Block, Message},
};
use crate::{
    reply::{Frame, Frames, JSON, Reply, Role},
    text,
};

/// What padding is cut from, 2 letters at least and all but one at most: as in the recordings.
const PADDING: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// One event to come.
enum Step {
    Start,
    /// Only calls are announced.
    ToolStart(usize),
    /// A piece of a block, from here to there.
    Piece(usize, usize, usize),
    Signature(usize),
    BlockStop(usize),
    Stop,
    Metadata,
}

/// The payload of an event about a block.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfBlock<'a> {
    content_block_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Delta<'a>>,
    p: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Start<'a>>,
}

/// What a block has more of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Delta<'a> {
    Text(&'a str),
    ReasoningContent(Reasoning<'a>),
    ToolUse { input: &'a str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Reasoning<'a> {
    Text(&'a str),
    Signature(&'a str),
    RedactedContent(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Start<'a> {
    ToolUse { name: &'a str, tool_use_id: &'a str, r#type: &'a str },
}

#[derive(Serialize)]
struct Beginning<'a> {
    p: &'a str,
    role: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    message: &'a str,
    original_message: &'a str,
    original_status_code: u16,
}

/// The media type of streams.
pub(super) const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// A chunk of InvokeModel's stream, whose inside is base64.
pub(super) fn chunk(inside: &str) -> Bytes {
    event("chunk", |payload| write_json(payload, &serde_json::json!({ "bytes": inside, "p": "abcd" })))
}

/// The stream.
pub(super) fn reply(message: Message) -> Reply {
    Reply::frames(CONTENT_TYPE, frames(Arc::new(message)))
}

/// A failure in the middle, the one that only streams have.
pub(super) fn exception() -> Bytes {
    let failure = Failure {
        message: "The system encountered an unexpected error during processing. Try your request again.",
        original_message: "Internal server error",
        original_status_code: 500,
    };
    let headers = [
        (":exception-type", "modelStreamErrorException"),
        (":content-type", JSON),
        (":message-type", "exception"),
    ];
    framed(&headers, |payload| write_json(payload, &failure))
}

/// A refusal in the middle: its type begins with a small letter there.
pub(super) fn refused(error: &ApiError) -> Bytes {
    let mut kind = error.kind().to_owned();
    if let Some(first) = kind.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let headers = [(":exception-type", &*kind), (":content-type", JSON), (":message-type", "exception")];
    framed(&headers, |payload| write_json(payload, &serde_json::json!({ "message": error.message() })))
}

/// A message whose lengths and checksums fit and whose payload is no JSON.
pub(super) fn malformed() -> Bytes {
    event("contentBlockDelta", |payload| payload.extend_from_slice(br#"{"contentBlockIndex":0,"delta":{"te"#))
}

fn event(kind: &str, payload: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    framed(&[(":event-type", kind), (":content-type", JSON), (":message-type", "event")], payload)
}

fn framed(headers: &[(&str, &str)], payload: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    event_stream::write(headers, &mut bytes, payload);
    bytes.into()
}

fn write_json(bytes: &mut Vec<u8>, value: &impl Serialize) {
    // Our own types have string keys and a vector takes every byte: this cannot fail.
    let _ = serde_json::to_writer(bytes, value);
}

fn frames(message: Arc<Message>) -> Frames {
    let steps = steps(&message);
    Box::new(steps.into_iter().enumerate().map(move |(number, step)| message.frame(number as u64, &step)))
}

fn steps(message: &Message) -> Vec<Step> {
    let mut steps = vec![Step::Start];
    for (index, block) in message.blocks.iter().enumerate() {
        steps.extend(block_steps(index, block));
        steps.push(Step::BlockStop(index));
    }
    // What it cost comes after its end.
    steps.extend([Step::Stop, Step::Metadata]);
    steps
}

fn block_steps(index: usize, block: &Block) -> Vec<Step> {
    let pieces = |text: &str| {
        let mut start = 0;
        let piece = |end| Step::Piece(index, std::mem::replace(&mut start, end), end);
        text::piece_ends(text).into_iter().map(piece).collect::<Vec<_>>()
    };
    match block {
        Block::Text(text) => pieces(text),
        Block::Reasoning { text, signature } => {
            pieces(text).into_iter().chain(signature.iter().map(|_| Step::Signature(index))).collect()
        }
        Block::Redacted(data) => vec![Step::Piece(index, 0, data.len())],
        // Arguments begin with an empty piece, and where there are none that is all.
        Block::ToolUse { input, .. } => {
            let rest = if input == "{}" { Vec::new() } else { pieces(input) };
            [Step::ToolStart(index), Step::Piece(index, 0, 0)].into_iter().chain(rest).collect()
        }
    }
}

impl Message {
    fn frame(&self, number: u64, step: &Step) -> Frame {
        let choices = PADDING.len() as u64 - 2;
        let p = &PADDING[..2 + (text::mix(self.serial ^ number) % choices) as usize];
        let of_block = |content_block_index, delta, start| OfBlock { content_block_index, delta, p, start };
        let (role, bytes) = match *step {
            Step::Start => {
                let payload = Beginning { p, role: "assistant" };
                (Role::Lifecycle, event("messageStart", |bytes| write_json(bytes, &payload)))
            }
            Step::ToolStart(index) => {
                let start = match &self.blocks[index] {
                    Block::ToolUse { id, name, .. } => {
                        Some(Start::ToolUse { name, tool_use_id: id, r#type: "tool_use" })
                    }
                    _ => None,
                };
                let payload = of_block(index, None, start);
                (Role::Output, event("contentBlockStart", |bytes| write_json(bytes, &payload)))
            }
            Step::Piece(index, start, end) => {
                let delta = match &self.blocks[index] {
                    Block::Text(text) => Delta::Text(&text[start..end]),
                    Block::Reasoning { text, .. } => {
                        Delta::ReasoningContent(Reasoning::Text(&text[start..end]))
                    }
                    Block::Redacted(data) => Delta::ReasoningContent(Reasoning::RedactedContent(data)),
                    Block::ToolUse { input, .. } => Delta::ToolUse { input: &input[start..end] },
                };
                (Role::Output, delta_event(&of_block(index, Some(delta), None)))
            }
            Step::Signature(index) => {
                let signature = match &self.blocks[index] {
                    Block::Reasoning { signature: Some(signature), .. } => signature,
                    _ => "",
                };
                let delta = Delta::ReasoningContent(Reasoning::Signature(signature));
                (Role::Lifecycle, delta_event(&of_block(index, Some(delta), None)))
            }
            Step::BlockStop(index) => {
                let payload = of_block(index, None, None);
                (Role::Lifecycle, event("contentBlockStop", |bytes| write_json(bytes, &payload)))
            }
            Step::Stop => {
                (Role::Terminator, event("messageStop", |bytes| write_json(bytes, &self.ending(p))))
            }
            Step::Metadata => {
                (Role::Lifecycle, event("metadata", |bytes| write_json(bytes, &self.metadata(p))))
            }
        };
        Frame { bytes, role }
    }
}

fn delta_event(payload: &OfBlock<'_>) -> Bytes {
    event("contentBlockDelta", |bytes| write_json(bytes, payload))
}
