//! The answer in chunks, each a whole response of its own, as events or as one JSON array.

use std::{io, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::{
    answer::{Candidate, Part, WirePart},
    error::pretty,
};
use crate::{
    reply::{Frame, Frames, Reply, Role},
    text,
};

/// How a stream is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events without names, their lines ended by CR and LF.
    Events,
    /// One JSON array, indented, an element a chunk.
    Array,
}

/// One chunk to come.
enum Step {
    Part(usize),
    /// A piece of a text part, from here to there, and the tokens it takes.
    Piece(usize, usize, usize),
    Last,
}

/// The stream.
pub(super) fn reply(framing: Framing, candidate: Candidate) -> Reply {
    Reply::frames(framing.content_type(), frames(framing, Arc::new(candidate)))
}

fn frames(framing: Framing, candidate: Arc<Candidate>) -> Frames {
    let steps = steps(&candidate);
    let mut visible = 0;
    Box::new(steps.into_iter().enumerate().map(move |(number, step)| {
        let place = if number == 0 { Place::First } else { Place::Middle };
        match step {
            Step::Part(index) => {
                if let Part::Call { args, .. } = &candidate.parts[index] {
                    visible += text::token_count(&args.to_string()) + 3;
                }
                let chunk = candidate.wire(vec![candidate.parts[index].wire()], false, visible);
                framing.frame(Role::Output, place, &chunk)
            }
            Step::Piece(index, start, end) => {
                visible += 1;
                let piece = match &candidate.parts[index] {
                    Part::Text(text) => &text[start..end],
                    _ => "",
                };
                framing.frame(
                    Role::Output,
                    place,
                    &candidate.wire(vec![WirePart::text(piece)], false, visible),
                )
            }
            Step::Last => {
                let end = WirePart::text("").signed(candidate.last_signature.as_deref());
                // An answer that was all thinking has no parts at all.
                let parts = if candidate.parts.is_empty() { Vec::new() } else { vec![end] };
                let place = if number == 0 { Place::Only } else { Place::Last };
                framing.frame(Role::Terminator, place, &candidate.wire(parts, true, candidate.visible()))
            }
        }
    }))
}

fn steps(candidate: &Candidate) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, part) in candidate.parts.iter().enumerate() {
        match part {
            Part::Text(text) => {
                let mut start = 0;
                let piece = |end| Step::Piece(index, std::mem::replace(&mut start, end), end);
                steps.extend(text::piece_ends(text).into_iter().map(piece));
            }
            Part::Thought(_) | Part::Call { .. } => steps.push(Step::Part(index)),
        }
    }
    steps.push(Step::Last);
    steps
}

/// Where a chunk stands in its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Middle,
    Last,
    Only,
}

impl Framing {
    fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Array => "application/json; charset=UTF-8",
        }
    }

    /// A stream of one chunk.
    pub(super) fn alone(self, chunk: &impl Serialize) -> Reply {
        Reply::whole(200, self.content_type(), self.bytes(Place::Only, chunk))
    }

    /// An error that ends a stream, or is all of it.
    pub(super) fn error(self, error: &impl Serialize, alone: bool) -> Bytes {
        self.bytes(if alone { Place::Only } else { Place::Last }, error).into()
    }

    fn frame(self, role: Role, place: Place, chunk: &impl Serialize) -> Frame {
        Frame { bytes: self.bytes(place, chunk).into(), role }
    }

    fn bytes(self, place: Place, chunk: &impl Serialize) -> Vec<u8> {
        match self {
            Self::Events => {
                let mut bytes = b"data: ".to_vec();
                let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
                // Our own types have string keys and a vector takes every byte: this cannot fail.
                let _ = chunk.serialize(&mut serializer);
                bytes.extend_from_slice(b"\r\n\r\n");
                bytes
            }
            Self::Array => {
                let is_first = matches!(place, Place::First | Place::Only);
                let mut bytes = if is_first { b"[".to_vec() } else { b",\r\n".to_vec() };
                bytes.extend_from_slice(&pretty(chunk));
                if matches!(place, Place::Last | Place::Only) {
                    bytes.push(b']');
                }
                bytes
            }
        }
    }
}

/// One line with a blank after each colon, as Google's events are.
struct Spaced;

impl Formatter for Spaced {
    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
