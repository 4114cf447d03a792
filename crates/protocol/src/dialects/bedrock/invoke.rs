//! InvokeModel, which wraps the maker's own dialect: for Anthropic models the events of the Messages API.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};

use super::{
    call,
    frame::{Frame, failure},
    wire,
};
use crate::codec::{Call, Sink, Step, StreamDecoder};

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

impl StreamDecoder for Unwrap {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        match Frame::parse(raw) {
            Some(Frame::Event("chunk", payload)) => match chunk(payload) {
                Some(event) => self.inner.event(&event, sink),
                None => Step::Garbled("a chunk is not base64 of an event".to_owned()),
            },
            Some(Frame::Event(..)) => Step::Go,
            Some(Frame::Failed(kind, payload)) => Step::Failed(failure(kind, payload)),
            None => Step::Garbled("a frame is not one of InvokeModel".to_owned()),
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        self.inner.finish(sink)
    }
}

/// The event in a chunk's payload, as a server-sent event. JSON on the wire has no line ends in it, so one line does.
fn chunk(payload: &[u8]) -> Option<Vec<u8>> {
    let wire: wire::Chunk<'_> = serde_json::from_slice(payload).ok()?;
    let mut event = b"data: ".to_vec();
    BASE64.decode_vec(wire.bytes?.as_bytes(), &mut event).ok()?;
    event.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    event.extend_from_slice(b"\n\n");
    Some(event)
}
