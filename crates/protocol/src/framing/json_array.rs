//! A stream that is one JSON array: finds its items without parsing or copying them.
//!
//! An item is cut with what stands before it (the opening bracket, a comma, white space), the closing bracket is an event
//! of its own that carries nothing. One object in place of the array is one item: that is how errors come.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::{Batch, Unreadable, sse::MAX_EVENT};

/// Cuts a byte stream into whole items; what is not whole yet waits for the next chunk.
#[derive(Debug, Default)]
pub struct Framer {
    pending: BytesMut,
    /// How far `pending` was looked at.
    seen: usize,
    state: State,
}

/// Where in the array the next byte stands.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    /// Before the array.
    #[default]
    Start,
    /// Behind the opening bracket.
    Open,
    /// Behind a comma.
    Comma,
    /// In an item, so many brackets deep.
    Within { depth: usize, place: Place, is_alone: bool },
    /// Behind an item.
    Behind,
    /// Behind the array.
    End,
}

/// Where in an item the next byte stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Outside of strings.
    Plain,
    /// In a string.
    Text,
    /// In a string, behind a backslash.
    Escape,
}

/// An item without what stands before it; empty for the closing bracket.
pub fn item(raw: &[u8]) -> &[u8] {
    let start = raw.iter().position(|byte| *byte == b'{').unwrap_or(raw.len());
    &raw[start..]
}

impl Framer {
    /// Takes the next bytes of the stream and returns the events that are whole now. When none was waiting, the batch is
    /// a view of `chunk`.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Batch, Unreadable> {
        let mut ends = Vec::new();
        let bytes = if self.pending.is_empty() {
            self.state = self.state.read(chunk, 0, &mut ends)?;
            let whole = ends.last().copied().unwrap_or(0);
            self.pending.extend_from_slice(&chunk[whole..]);
            chunk.slice(..whole)
        } else {
            self.pending.extend_from_slice(chunk);
            self.state = self.state.read(&self.pending, self.seen, &mut ends)?;
            self.pending.split_to(ends.last().copied().unwrap_or(0)).freeze()
        };
        self.seen = self.pending.len();
        if self.seen > MAX_EVENT { Err(Unreadable) } else { Ok(Batch { bytes, ends }) }
    }

    /// What is left when the stream has ended: an item without its end, if anything.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.seen = 0;
        let rest = self.pending.split().freeze();
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }
}

impl State {
    /// The state behind `data`, of which the bytes before `at` were read already; notes where events end.
    fn read(mut self, data: &[u8], mut at: usize, ends: &mut Vec<usize>) -> Result<Self, Unreadable> {
        while at < data.len() {
            if let Self::Within { place: Place::Text, .. } = self {
                // Most bytes of an item are words: only what can end them is looked at.
                let Some(offset) = memchr2(b'"', b'\\', &data[at..]) else { return Ok(self) };
                at += offset;
            }
            self = self.next(data[at])?;
            at += 1;
            match self {
                Self::Within { depth: 0, is_alone, .. } => {
                    self = if is_alone { Self::End } else { Self::Behind };
                    ends.push(at);
                }
                Self::End if data[at - 1] == b']' => ends.push(at),
                _ => {}
            }
        }
        Ok(self)
    }

    fn next(self, byte: u8) -> Result<Self, Unreadable> {
        let item = |is_alone| Self::Within { depth: 1, place: Place::Plain, is_alone };
        Ok(match (self, byte) {
            (Self::Within { depth, place, is_alone }, _) => {
                let (depth, place) = place.next(depth, byte);
                Self::Within { depth, place, is_alone }
            }
            (_, b' ' | b'\t' | b'\r' | b'\n') => self,
            (Self::Start, b'[') => Self::Open,
            (Self::Start, b'{') => item(true),
            (Self::Open | Self::Comma, b'{') => item(false),
            (Self::Behind, b',') => Self::Comma,
            (Self::Open | Self::Behind, b']') => Self::End,
            _ => return Err(Unreadable),
        })
    }
}

impl Place {
    fn next(self, depth: usize, byte: u8) -> (usize, Self) {
        match (self, byte) {
            (Self::Plain, b'{' | b'[') => (depth + 1, self),
            (Self::Plain, b'}' | b']') => (depth - 1, self),
            (Self::Plain, b'"') => (depth, Self::Text),
            (Self::Text, b'"') => (depth, Self::Plain),
            (Self::Text, b'\\') => (depth, Self::Escape),
            (Self::Escape, _) => (depth, Self::Text),
            _ => (depth, self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of `stream`, cut into `pieces`, what was handed over at the end last; `None` if it is unreadable.
    fn read(pieces: &[&[u8]]) -> Option<Vec<String>> {
        let mut framer = Framer::default();
        let mut out = Vec::new();
        let mut items = Vec::new();
        let text = |raw: &[u8]| String::from_utf8_lossy(item(raw)).into_owned();
        for piece in pieces {
            let batch = framer.push(&Bytes::copy_from_slice(piece)).ok()?;
            items.extend(batch.events().map(text));
            out.extend_from_slice(&batch.bytes);
        }
        let rest = framer.finish();
        items.extend(rest.as_deref().map(text));
        out.extend_from_slice(rest.as_deref().unwrap_or_default());
        assert!(pieces.concat().starts_with(&out), "nothing is added");
        Some(items)
    }

    #[track_caller]
    fn check(stream: &str, expect: Option<&[&str]>) {
        let expect: Option<Vec<String>> =
            expect.map(|items| items.iter().map(|item| (*item).to_owned()).collect());
        assert_eq!(read(&[stream.as_bytes()]), expect, "whole");
        for at in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), expect, "cut at byte {at}");
        }
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(&single), expect, "byte by byte");
    }

    #[test]
    fn every_cut_gives_the_same_items() {
        check(
            "[{\n \"a\": [{\"b\": \"]}\\\"é\\\\\"}]}\r\n,\r\n{\"c\":{}}\n]\n",
            Some(&["{\n \"a\": [{\"b\": \"]}\\\"é\\\\\"}]}", "{\"c\":{}}", ""]),
        );
        check(" [ ] ", Some(&[""]));
        check("", Some(&[]));
        check("{\"error\":{}}\n", Some(&["{\"error\":{}}"]));
        check("[{\"a\":1},{\"b\":", Some(&["{\"a\":1}", "{\"b\":"]));
    }

    #[test]
    fn what_is_no_array_of_objects_is_refused() {
        for stream in ["data: {}", "[1]", "[{},]", "[{}{}]", "[{}]]", "{},{}", "[[{}]]", "[,{}]"] {
            check(stream, None);
        }
    }

    #[test]
    fn whole_items_are_views_of_the_chunk() {
        let chunk = Bytes::from_static(b"[{\"a\":1},{\"b\":2},{");
        let batch = Framer::default().push(&chunk).unwrap();
        assert_eq!(batch.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(batch.events().collect::<Vec<_>>(), [b"[{\"a\":1}", b",{\"b\":2}"]);
    }

    #[test]
    fn an_endless_item_is_refused() {
        let mut framer = Framer::default();
        assert!(framer.push(&Bytes::from_static(b"[{\"a\":\"")).is_ok());
        let chunk = Bytes::from(vec![b'x'; MAX_EVENT / 2 + 1]);
        assert!(framer.push(&chunk).is_ok());
        assert_eq!(framer.push(&chunk), Err(Unreadable));
    }
}
