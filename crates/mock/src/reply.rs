//! What a dialect answers, before pace and faults.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use crate::Usage;

/// A reply: head, payload, and what the ledger should know.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) payload: Payload,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// The body of a reply.
pub(crate) enum Payload {
    /// Known whole, sent with its length.
    Whole(Bytes),
    /// Made while it is sent.
    Frames(Frames),
}

/// The events of a stream, made one at a time so that a thousand long streams cost little memory.
pub(crate) type Frames = Box<dyn Iterator<Item = Frame> + Send>;

/// One event, framed.
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) role: Role,
}

/// What an event means for pace and faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Beginnings and ends: no output in it.
    Lifecycle,
    /// Something a user reads or a tool runs on.
    Output,
    /// The dialect's sign that the answer is whole.
    Terminator,
}

pub(crate) const JSON: &str = "application/json";

impl Reply {
    pub(crate) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::whole(status, JSON, body)
    }

    pub(crate) fn whole(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            payload: Payload::Whole(body.into()),
            model: None,
            usage: None,
        }
    }

    pub(crate) fn frames(content_type: &'static str, frames: Frames) -> Self {
        Self { payload: Payload::Frames(frames), ..Self::whole(200, content_type, Bytes::new()) }
    }

    /// Tells the ledger which model answered and what it cost.
    pub(crate) fn noting(mut self, model: &str, usage: Option<Usage>) -> Self {
        self.model = Some(model.to_owned());
        self.usage = usage;
        self
    }
}

impl Frame {
    /// A server-sent event without a name.
    pub(crate) fn data(role: Role, data: &impl serde::Serialize) -> Self {
        let mut bytes = Vec::with_capacity(320);
        bytes.extend_from_slice(b"data: ");
        write_json(&mut bytes, data);
        bytes.extend_from_slice(b"\n\n");
        Self { bytes: bytes.into(), role }
    }

    /// A server-sent event with a name.
    pub(crate) fn named(role: Role, name: &str, data: &impl serde::Serialize) -> Self {
        Self::padded(role, name, data, 0)
    }

    /// The same with blanks before the last brace.
    pub(crate) fn padded(role: Role, name: &str, data: &impl serde::Serialize, blanks: usize) -> Self {
        let mut bytes = Vec::with_capacity(320);
        for part in ["event: ", name, "\ndata: "] {
            bytes.extend_from_slice(part.as_bytes());
        }
        write_json(&mut bytes, data);
        if blanks > 0
            && let Some(brace) = bytes.pop()
        {
            bytes.resize(bytes.len() + blanks, b' ');
            bytes.push(brace);
        }
        bytes.extend_from_slice(b"\n\n");
        Self { bytes: bytes.into(), role }
    }

    /// An event that is the same every time.
    pub(crate) fn fixed(role: Role, event: &'static str) -> Self {
        Self { bytes: Bytes::from_static(event.as_bytes()), role }
    }

    /// OpenAI's `[DONE]`.
    pub(crate) fn done() -> Self {
        Self::fixed(Role::Terminator, "data: [DONE]\n\n")
    }
}

/// A value as JSON.
pub(crate) fn json_bytes(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(768);
    write_json(&mut bytes, value);
    bytes
}

fn write_json(bytes: &mut Vec<u8>, value: &impl serde::Serialize) {
    // Our own types have string keys and a vector takes every byte: this cannot fail.
    let _ = serde_json::to_writer(bytes, value);
}
