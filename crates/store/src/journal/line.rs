//! One line of a segment: what is written, and what is understood of it again.

use serde::{Deserialize, Serialize};

use super::spell;
use crate::{Begin, CallRecord};

/// The version of the format, in each line. docs/journal.md describes it.
pub const VERSION: u64 = 1;

/// A line longer than this is not written with its bodies, and not read.
pub(crate) const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// How each record's line of this version begins: the id follows, up to the next quote.
const HEAD: &[u8] = br#"{"v":1,"call":{"id":""#;

/// What stands between a record's metadata and its bodies. A quote inside a JSON string is escaped, so the first of these
/// is no part of anyone's text.
const BODIES: &[u8] = br#","bodies":{"#;

/// A line, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// The record of a call.
    Call(Box<CallRecord>),
    /// The beginning of a call.
    Begin(Begin),
    /// A line of a later version.
    Later,
    /// No line of a journal.
    Unreadable,
}

#[derive(Serialize)]
struct WrittenBegin<'a> {
    v: u64,
    begin: &'a Begin,
}

#[derive(Deserialize)]
struct Read {
    v: u64,
    call: Option<Box<CallRecord>>,
    begin: Option<Begin>,
}

#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// Appends the line of `record` to `buffer`; false, with nothing appended, if it would be too long.
pub(crate) fn write_call(record: &CallRecord, buffer: &mut Vec<u8>) -> bool {
    write(buffer, |buffer| {
        // As far as to the id it is said in `HEAD`, too.
        buffer.extend_from_slice(br#"{"v":1,"call":"#);
        let is_written = spell::record(record, buffer);
        buffer.push(b'}');
        is_written
    })
}

/// Appends the line of `begin` to `buffer`; false, with nothing appended, if it would be too long.
pub(crate) fn write_begin(begin: &Begin, buffer: &mut Vec<u8>) -> bool {
    write(buffer, |buffer| serde_json::to_writer(buffer, &WrittenBegin { v: VERSION, begin }).is_ok())
}

fn write(buffer: &mut Vec<u8>, line: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    let start = buffer.len();
    let is_written = line(buffer);
    buffer.push(b'\n');
    let fits = is_written && buffer.len() - start <= LONGEST_LINE;
    if !fits {
        buffer.truncate(start);
    }
    fits
}

/// Reads a line without its end.
pub fn read(line: &[u8]) -> Line {
    let of_this_version = |read: &Read| read.v == VERSION;
    match serde_json::from_slice::<Read>(line).ok().filter(of_this_version) {
        Some(Read { call: Some(record), .. }) => Line::Call(record),
        Some(Read { begin: Some(begin), .. }) => Line::Begin(begin),
        _ => match serde_json::from_slice::<Version>(line) {
            Ok(version) if version.v > VERSION => Line::Later,
            _ => Line::Unreadable,
        },
    }
}

/// Reads a line without its end, and of a record's bodies only that there are some: a hundredth of the work where they are
/// long.
/// Only of lines whose members are in the order in which they are written; others are read as a whole.
pub(crate) fn read_metadata(line: &[u8], scratch: &mut Vec<u8>) -> Line {
    let end = memchr::memmem::find(line, BODIES).filter(|_| line.starts_with(HEAD));
    let Some(end) = end else { return read(line) };
    scratch.clear();
    scratch.extend_from_slice(&line[..end]);
    scratch.extend_from_slice(b"}}");
    match read(scratch) {
        Line::Call(record) => {
            Line::Call(Box::new(CallRecord { bodies: Some(crate::Bodies::default()), ..*record }))
        }
        other => other,
    }
}

/// What a line says of which calls have begun and ended.
pub(crate) enum Mark {
    Begun(Begin),
    Ended(String),
    Nothing,
}

/// Reads only that.
pub(crate) fn read_mark(line: &[u8]) -> Mark {
    if let Some(rest) = line.strip_prefix(HEAD)
        && let Some(end) = memchr::memchr2(b'"', b'\\', rest)
        && rest[end] == b'"'
        && let Ok(id) = std::str::from_utf8(&rest[..end])
    {
        return Mark::Ended(id.to_owned());
    }
    match read_metadata(line, &mut Vec::new()) {
        Line::Begin(begin) => Mark::Begun(begin),
        Line::Call(record) => Mark::Ended(record.id),
        Line::Later | Line::Unreadable => Mark::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AttemptRecord, Bodies, Body, Ended, Price, Tokens};

    fn full() -> CallRecord {
        CallRecord {
            id: "req_1".into(),
            started_ms: 1_763_758_800_000,
            micros: 5,
            overhead_micros: 4,
            first_token_micros: Some(3),
            key: Some("alice".into()),
            peer: "192.0.2.1:1".into(),
            dialect: "a-dialect".into(),
            path: "/v1/x".into(),
            operation: "generate".into(),
            model: Some("m \"quoted\",\"bodies\":{".into()),
            deployment: Some("p/m#0".into()),
            stream: true,
            status: 200,
            ended: Ended::Answered,
            error: Some("no".into()),
            attempts: vec![AttemptRecord { deployment: "p/m#0".into(), fault: Some("f".into()), micros: 2 }],
            usage: Some(Tokens { input: 1, cache_write_1h: 7, is_estimated: true, ..Tokens::default() }),
            cost: Some(12),
            price: Price::Unknown,
            tags: vec!["team-a".into()],
            losses: vec!["path: reason".into()],
            node: Some("n1".into()),
            training: true,
            bodies: Some(Bodies {
                request: Some(Body::of(br#"{"x":{"y":1},"bodies":{"z":2}}"#)),
                answer: Some(Body::of(b"\xff")),
                truncated: true,
            }),
        }
    }

    fn line(record: &CallRecord) -> Vec<u8> {
        let mut buffer = b"before".to_vec();
        assert!(write_call(record, &mut buffer));
        buffer.drain(..6);
        assert_eq!(buffer.pop(), Some(b'\n'));
        assert!(!buffer.contains(&b'\n'));
        buffer
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for record in [full(), CallRecord::default()] {
            assert_eq!(read(&line(&record)), Line::Call(Box::new(record)));
        }
        let begin = Begin { id: "a".into(), started_ms: 1, key: None, model: Some("m".into()) };
        let mut buffer = vec![];
        assert!(write_begin(&begin, &mut buffer));
        assert_eq!(read(&buffer), Line::Begin(begin));
    }

    #[test]
    fn metadata_is_the_record_without_its_bodies() {
        for record in [full(), CallRecord::default()] {
            let bodies = record.bodies.as_ref().map(|_| Bodies::default());
            let without = CallRecord { bodies, ..record.clone() };
            assert_eq!(read_metadata(&line(&record), &mut vec![]), Line::Call(Box::new(without)));
        }
        let other_order = br#"{"v":1,"call":{"x":1,"bodies":{"request":1},"id":"a"}}"#;
        assert!(matches!(read_metadata(other_order, &mut vec![]), Line::Call(record) if record.id == "a"));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let read = |text: &str| read(text.as_bytes());
        assert!(
            matches!(read(r#"{"v":1,"call":{"id":"a","new":[1]},"more":2}"#), Line::Call(record) if record.id == "a")
        );
        assert_eq!(read(r#"{"v":2,"call":{"id":7}}"#), Line::Later);
        assert_eq!(read(r#"{"v":2,"call":{"id":"a"}}"#), Line::Later);
        for text in [r#"{"v":1,"call":{"id":7}}"#, r#"{"v":1}"#, r#"{"v":0}"#, "", "{", "\u{0}\u{0}", "[]"] {
            assert_eq!(read(text), Line::Unreadable, "{text}");
        }
    }

    #[test]
    fn the_short_way_to_an_id_finds_the_same_as_the_long_one() {
        for id in ["req_1", "", "a\"b", "a\\b", "ü"] {
            let record = CallRecord { id: id.into(), ..full() };
            assert!(matches!(read_mark(&line(&record)), Mark::Ended(found) if found == id), "{id}");
        }
        assert!(matches!(read_mark(br#"{"v":1,"begin":{"id":"x"}}"#), Mark::Begun(begin) if begin.id == "x"));
        assert!(matches!(read_mark(br#"{"v":1,"call":{"id":""#), Mark::Nothing));
    }

    #[test]
    fn a_line_beyond_the_bound_is_not_begun() {
        let record = CallRecord { path: "x".repeat(LONGEST_LINE), ..CallRecord::default() };
        let mut buffer = b"before".to_vec();
        assert!(!write_call(&record, &mut buffer));
        assert_eq!(buffer, b"before");
    }
}
