//! How a stream of bytes is cut into events: split-invariant, whatever the network does to the bytes.

pub(crate) mod again;
pub mod event_stream;
pub mod json_array;
pub mod ndjson;
pub mod sse;

use std::borrow::Cow;

use bytes::Bytes;

pub use sse::Batch;

/// Most events of one stream that are left out as noise: more of it is a provider that does not work.
pub const MOST_NOISE: u32 = 3;

/// How the bytes of a stream are cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value per line.
    Ndjson,
    /// AWS binary event stream.
    EventStream,
    /// The items of one JSON array.
    JsonArray,
}

/// The bytes cannot be cut into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// Cuts a byte stream into whole events, in whichever framing.
#[derive(Debug)]
pub enum Framer {
    /// Server-sent events.
    Sse(sse::Framer),
    /// One JSON value per line.
    Ndjson(ndjson::Framer),
    /// AWS binary event stream.
    EventStream(event_stream::Framer),
    /// The items of one JSON array.
    JsonArray(json_array::Framer),
}

impl Framing {
    /// The media type that says so.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
            Self::EventStream => "application/vnd.amazon.eventstream",
            Self::JsonArray => "application/json",
        }
    }

    /// What an event as the framing cut it carries, without its frame; empty if it carries nothing.
    pub fn payload(self, raw: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Sse => sse::Event::parse(raw).data.unwrap_or_default(),
            Self::Ndjson => Cow::Borrowed(ndjson::value(raw).unwrap_or_default()),
            Self::JsonArray => Cow::Borrowed(json_array::item(raw)),
            Self::EventStream => {
                Cow::Borrowed(event_stream::Message::parse(raw).map_or(&[][..], |message| message.payload))
            }
        }
    }

    /// Whether an event carries something that nobody could have meant: where the dialect has JSON it has none. What stands
    /// around it may be whole all the same.
    pub fn is_noise(self, raw: &[u8]) -> bool {
        match self {
            Self::Sse | Self::Ndjson => {
                let payload = self.payload(raw);
                !payload.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_err()
            }
            // Here it is the frame itself that is broken.
            Self::JsonArray | Self::EventStream => false,
        }
    }

    /// An event that lacks its end because the stream ended behind it, with its end.
    pub fn closed(self, last: &[u8]) -> Bytes {
        match self {
            Self::Sse => [last.trim_ascii_end(), b"\n\n"].concat().into(),
            Self::Ndjson => [last.trim_ascii_end(), b"\n"].concat().into(),
            Self::EventStream | Self::JsonArray => Bytes::copy_from_slice(last),
        }
    }
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Framer::default()),
            Framing::Ndjson => Self::Ndjson(ndjson::Framer::default()),
            Framing::EventStream => Self::EventStream(event_stream::Framer::default()),
            Framing::JsonArray => Self::JsonArray(json_array::Framer::default()),
        }
    }

    /// Takes the next bytes of the stream and returns the events that are whole now.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Batch, Unreadable> {
        match self {
            Self::Sse(framer) => framer.push(chunk).map_err(|_| Unreadable),
            Self::Ndjson(framer) => framer.push(chunk).map_err(|_| Unreadable),
            Self::EventStream(framer) => framer.push(chunk).map_err(|_| Unreadable),
            Self::JsonArray(framer) => framer.push(chunk),
        }
    }

    /// What is left when the stream has ended: an event without its end, if anything. Half a binary message is nothing.
    pub fn finish(&mut self) -> Option<Bytes> {
        match self {
            Self::Sse(framer) => framer.finish(),
            Self::Ndjson(framer) => framer.finish(),
            Self::EventStream(_) => None,
            Self::JsonArray(framer) => framer.finish(),
        }
    }
}
