//! Server-sent events (WHATWG HTML, "event stream interpretation"): finds whole events without copying them.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// Longest event that is accepted, in bytes: images and tool arguments of ten megabytes were met in one line.
pub const MAX_EVENT: usize = 32 * 1024 * 1024;

/// A comment, which no reader hands on.
pub const SIGN_OF_LIFE: &str = ": still waiting\n\n";

/// An event grew beyond [`MAX_EVENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Cuts a byte stream into whole events; what is not whole yet waits for the next chunk.
#[derive(Debug, Default)]
pub struct Framer {
    pending: BytesMut,
    /// Start of the first line of `pending` that has no end yet.
    line: usize,
}

/// Whole events that stand side by side, so that they can be sent on as one piece.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The bytes of all events, blank lines included.
    pub bytes: Bytes,
    /// Where each event ends in `bytes`.
    pub ends: Vec<usize>,
}

impl Batch {
    /// The events in order, each with its blank line.
    pub fn events(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.bytes[std::mem::replace(&mut start, *end)..*end])
    }
}

impl Framer {
    /// Takes the next bytes of the stream and returns the events that are whole now. When no event was waiting, the
    /// batch is a view of `chunk`.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Batch, TooLong> {
        let mut ends = Vec::new();
        if self.pending.is_empty() {
            let line = find_ends(chunk, 0, &mut ends);
            let whole = ends.last().copied().unwrap_or(0);
            self.pending.extend_from_slice(&chunk[whole..]);
            self.line = line - whole;
            return self.checked(Batch { bytes: chunk.slice(..whole), ends });
        }
        self.pending.extend_from_slice(chunk);
        let line = find_ends(&self.pending, self.line, &mut ends);
        let whole = ends.last().copied().unwrap_or(0);
        let bytes = self.pending.split_to(whole).freeze();
        self.line = line - whole;
        self.checked(Batch { bytes, ends })
    }

    fn checked(&self, batch: Batch) -> Result<Batch, TooLong> {
        if self.pending.len() > MAX_EVENT { Err(TooLong) } else { Ok(batch) }
    }

    /// What is left when the stream has ended: an event without its blank line, if anything.
    pub fn finish(&mut self) -> Option<Bytes> {
        self.line = 0;
        let rest = self.pending.split().freeze();
        (!rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'))).then_some(rest)
    }
}

/// Notes the end of each event in `data`, looking at lines from `line` on; returns the start of the first line
/// without an end. A carriage return at the very end may be half of a line end, so it waits.
fn find_ends(data: &[u8], mut line: usize, ends: &mut Vec<usize>) -> usize {
    while let Some(offset) = memchr2(b'\n', b'\r', &data[line..]) {
        let at = line + offset;
        let next = match (data[at], data.get(at + 1)) {
            (b'\n', _) => at + 1,
            (_, Some(b'\n')) => at + 2,
            (_, Some(_)) => at + 1,
            (_, None) => return line,
        };
        if offset == 0 {
            ends.push(next);
        }
        line = next;
    }
    line
}

/// One event's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event:` field.
    pub name: Option<&'a [u8]>,
    /// The `data:` lines, joined by line feeds; `None` for a comment or an empty event.
    pub data: Option<Cow<'a, [u8]>>,
}

impl<'a> Event<'a> {
    /// Reads the fields of one event as [`Framer`] cut it.
    pub fn parse(raw: &'a [u8]) -> Self {
        let mut event = Self { name: None, data: None };
        for line in lines(raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw)) {
            if let Some(value) = field(line, b"data") {
                event.data = Some(match event.data.take() {
                    None => Cow::Borrowed(value),
                    Some(before) => Cow::Owned([&before, b"\n".as_slice(), value].concat()),
                });
            } else if let Some(value) = field(line, b"event") {
                event.name = Some(value);
            }
        }
        event
    }
}

/// The value of a line that is the field `name`: behind the colon, without one leading space.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    match rest.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => rest.is_empty().then_some(rest),
    }
}

fn lines(mut raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if raw.is_empty() {
            return None;
        }
        let end = memchr2(b'\n', b'\r', raw).unwrap_or(raw.len());
        let line = &raw[..end];
        let skip = if raw[end..].starts_with(b"\r\n") { 2 } else { usize::from(end < raw.len()) };
        raw = &raw[end + skip..];
        Some(line)
    })
}

/// Makes one line of the JSON value that was appended to `out` from `start` on, as an event's data has to be. Line ends in
/// it can only stand between tokens, where a blank does the same: raw JSON that somebody spelled over several lines
/// stays one value.
pub fn one_line(out: &mut [u8], start: usize) {
    let mut from = start.min(out.len());
    while let Some(offset) = memchr2(b'\n', b'\r', &out[from..]) {
        from += offset;
        out[from] = b' ';
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All events of `stream`, cut into `pieces`, as (name, data) texts.
    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut framer = Framer::default();
        let mut events = Vec::new();
        let mut note = |raw: &[u8]| {
            let event = Event::parse(raw);
            if let Some(data) = event.data {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                events.push((text(event.name.unwrap_or_default()), text(&data)));
            }
        };
        for piece in pieces {
            framer.push(&Bytes::copy_from_slice(piece)).unwrap().events().for_each(&mut note);
        }
        if let Some(rest) = framer.finish() {
            note(&rest);
        }
        events
    }

    #[track_caller]
    fn check(stream: &str, expect: &[(&str, &str)]) {
        let expect: Vec<_> =
            expect.iter().map(|(name, data)| ((*name).to_owned(), (*data).to_owned())).collect();
        assert_eq!(read(&[stream.as_bytes()]), expect, "whole");
        for at in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), expect, "cut at byte {at}");
        }
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(&single), expect, "byte by byte");
    }

    #[test]
    fn every_line_end_and_every_cut_gives_the_same_events() {
        check("data: a\n\ndata: b\n\n", &[("", "a"), ("", "b")]);
        check("data: a\r\n\r\ndata: b\r\n\r\n", &[("", "a"), ("", "b")]);
        check("data: a\r\rdata: b\r\r", &[("", "a"), ("", "b")]);
        check("data: a\n\r\ndata: b\r\n\n", &[("", "a"), ("", "b")]);
        check("event: x\ndata: {\"ü\":\"é—🦀\"}\n\n", &[("x", "{\"ü\":\"é—🦀\"}")]);
    }

    #[test]
    fn comments_blank_lines_and_odd_fields_carry_no_data() {
        check(": ping\n\n\n\nid: 7\nretry: 10\n\ndata:x\n\n", &[("", "x")]);
        check("data\n\n", &[("", "")]);
        check("database: x\n\n", &[]);
        check("data: a\ndata: b\n\n", &[("", "a\nb")]);
        check("\u{feff}data: a\n\n", &[("", "a")]);
    }

    #[test]
    fn an_event_without_its_blank_line_is_handed_over_at_the_end() {
        check("data: a\n\ndata: b", &[("", "a"), ("", "b")]);
        check("data: a\n\ndata: b\r", &[("", "a"), ("", "b")]);
    }

    #[test]
    fn whole_events_are_views_of_the_chunk() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\ndata: c");
        let batch = Framer::default().push(&chunk).unwrap();
        assert_eq!(batch.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(batch.events().collect::<Vec<_>>(), [b"data: a\n\n", b"data: b\n\n"]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut framer = Framer::default();
        let chunk = Bytes::from(vec![b'x'; MAX_EVENT / 2 + 1]);
        assert!(framer.push(&chunk).is_ok());
        assert_eq!(framer.push(&chunk), Err(TooLong));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(stream in "([a-z: é]|\r|\n|data: ){0,60}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut framer = Framer::default();
            let mut out = Vec::new();
            let mut ends = Vec::new();
            for pair in cuts.windows(2) {
                let batch = framer.push(&Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).unwrap();
                ends.extend(batch.ends.iter().map(|end| out.len() + end));
                out.extend_from_slice(&batch.bytes);
            }
            let mut whole = Vec::new();
            find_ends(bytes, 0, &mut whole);
            prop_assert_eq!(ends, whole);
            prop_assert!(bytes.starts_with(&out));
            if let Some(rest) = framer.finish() {
                out.extend_from_slice(&rest);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
