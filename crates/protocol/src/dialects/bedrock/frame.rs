//! Frames of a Converse stream: which kind one is, and how one is written.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use super::{error::type_name, write::Json};
use crate::framing::event_stream::{Message, write};

/// What a frame says.
#[derive(Debug, PartialEq)]
pub(super) enum Frame<'a> {
    /// An event of this type.
    Event(&'a str, &'a [u8]),
    /// A failure of this type.
    Failed(&'a str, &'a [u8]),
}

impl<'a> Frame<'a> {
    /// Reads one frame; `None` if it is not one.
    pub(super) fn parse(raw: &'a [u8]) -> Option<Self> {
        let message = Message::parse(raw)?;
        match message.header(":message-type")? {
            "event" => Some(Self::Event(message.header(":event-type")?, message.payload)),
            "exception" => Some(Self::Failed(message.header(":exception-type")?, message.payload)),
            "error" => Some(Self::Failed(message.header(":error-code").unwrap_or_default(), message.payload)),
            _ => None,
        }
    }
}

/// The body that a failure would have had as an answer of its own. The type, which is in a header, goes along as the
/// `__type` that AWS services spell it with in bodies.
pub(super) fn failure(kind: &str, payload: &[u8]) -> Bytes {
    #[derive(Serialize)]
    struct Body<'a> {
        __type: &'a str,
        message: Option<Cow<'a, str>>,
    }
    let read: Option<super::wire::Failure<'_>> = serde_json::from_slice(payload).ok();
    let message = read.and_then(|read| read.message.or(read.message_upper)).map(crate::ir::Text::into_cow);
    let body = Body { __type: &type_name(kind), message };
    serde_json::to_vec(&body).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// Appends an event.
pub(super) fn event(kind: &str, out: &mut Vec<u8>, inside: impl FnOnce(&mut Json<'_>)) {
    let headers = [(":event-type", kind), (":content-type", JSON), (":message-type", "event")];
    write(&headers, out, |out| Json::new(out).object(inside));
}

/// Appends a failure.
pub(super) fn exception(kind: &str, message: &str, out: &mut Vec<u8>) {
    let headers = [(":exception-type", kind), (":content-type", JSON), (":message-type", "exception")];
    write(&headers, out, |out| Json::new(out).object(|json| json.member_text("message", message)));
}

const JSON: &str = "application/json";
