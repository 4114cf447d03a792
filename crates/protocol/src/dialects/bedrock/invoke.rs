//! InvokeModel, which wraps the maker's own dialect: for Anthropic models the events of the Messages API.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::Deserialize;

use super::{
    call,
    frame::{Frame, failure},
    wire,
};
use crate::{
    codec::{Call, Sink, Step, StreamDecoder},
    ir::Text,
};

/// The `anthropic_version` that stands in the body of a request in place of a header; the body has no `model` and no
/// `stream` (AWS documentation, "Anthropic Claude Messages API").
pub const ANTHROPIC_VERSION: &str = "bedrock-2023-05-31";

/// Where InvokeModel takes a request for `model`.
pub fn target(model: &str, stream: bool) -> Call {
    call(model, if stream { "invoke-with-response-stream" } else { "invoke" })
}

/// Reads a stream of InvokeModel: unwraps each chunk and hands it to the decoder of the maker's dialect as a server-sent
/// event.
pub struct Unwrap {
    inner: Box<dyn StreamDecoder>,
}

impl Unwrap {
    /// Wraps the decoder of the maker's dialect.
    pub fn new(inner: Box<dyn StreamDecoder>) -> Self {
        Self { inner }
    }
}

/// What a frame of InvokeModel's stream has in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// An event of the maker's dialect, as the server-sent event that the maker itself would have sent.
    Event(Vec<u8>),
    /// Nothing that the maker's dialect has.
    Nothing,
    /// A failure; the bytes are the error body that it would have had as an answer of its own.
    Failed(Bytes),
    /// The frame is not one of InvokeModel; the text says why.
    Garbled(&'static str),
}

/// Unwraps one frame as the framing cut it.
pub fn unwrap(raw: &[u8]) -> Inside {
    match Frame::parse(raw) {
        Some(Frame::Event("chunk", payload)) => {
            chunk(payload).map_or(Inside::Garbled("a chunk is not base64 of an event"), Inside::Event)
        }
        Some(Frame::Event(..)) => Inside::Nothing,
        Some(Frame::Failed(kind, payload)) => Inside::Failed(failure(kind, payload)),
        None => Inside::Garbled("a frame is not one of InvokeModel"),
    }
}

impl StreamDecoder for Unwrap {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        match unwrap(raw) {
            Inside::Event(event) => self.inner.event(&event, sink),
            Inside::Nothing => Step::Go,
            Inside::Failed(body) => Step::Failed(body),
            Inside::Garbled(why) => Step::Garbled(why.to_owned()),
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        self.inner.finish(sink)
    }
}

/// The type of an event, which the maker's server-sent events have as their name too.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
}

/// The event in a chunk's payload, as a server-sent event. JSON on the wire has no line ends in it, so one line does.
fn chunk(payload: &[u8]) -> Option<Vec<u8>> {
    let wire: wire::Chunk<'_> = serde_json::from_slice(payload).ok()?;
    let mut data = BASE64.decode(wire.bytes?.as_bytes()).ok()?;
    data.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    let kind = serde_json::from_slice::<Typed<'_>>(&data).ok().and_then(|typed| typed.kind);
    let mut event = Vec::with_capacity(data.len() + 64);
    if let Some(kind) = kind.filter(|kind| kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
        event.extend_from_slice(b"event: ");
        event.extend_from_slice(kind.as_bytes());
        event.push(b'\n');
    }
    event.extend_from_slice(b"data: ");
    event.append(&mut data);
    event.extend_from_slice(b"\n\n");
    Some(event)
}
