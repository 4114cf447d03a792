//! Knows an event again that says what one before it said, but for its texts.
//!
//! Nearly all of a stream are events that are alike to the letter but for a piece of the answer. What the first of them
//! means the others mean too, so that only the piece has to be looked at: an eighth of the work of reading all of it.

use std::ops::Range;

use crate::{dialect::Meaning, json};

/// Longest event that is remembered: pieces of an answer are short.
const MAX_LENGTH: usize = 4096;
/// Most texts in one event that may differ.
const MAX_TEXTS: usize = 4;
/// After so many events in a row that were remembered for nothing no more are: this stream has something in each of its
/// events that never comes again.
const PATIENCE: u32 = 16;

/// The latest event of a stream that was understood and said something.
#[derive(Debug)]
pub(crate) struct Again {
    /// The members whose texts may differ: that there is one says all.
    names: &'static [&'static str],
    event: Vec<u8>,
    /// Where these texts are in it, in order.
    texts: Vec<Range<usize>>,
    meaning: Meaning,
    /// How many events were remembered since one was known again.
    misses: u32,
}

impl Again {
    /// For streams in which all that counts of the members `names` is whether they are empty texts.
    pub(crate) fn new(names: &'static [&'static str]) -> Self {
        Self { names, event: Vec::new(), texts: Vec::new(), meaning: Meaning::Lifecycle, misses: 0 }
    }

    /// What an event means that is like the one that is remembered; `None` for all others.
    pub(crate) fn meaning(&mut self, raw: &[u8]) -> Option<Meaning> {
        let mut rest = raw;
        let mut done = 0;
        for text in &self.texts {
            rest = rest.strip_prefix(&self.event[done..text.start])?;
            // A text with escapes may be the same as any other: it is read.
            let length = json::plain_run(rest);
            if length == 0 || rest.get(length) != Some(&b'"') || std::str::from_utf8(&rest[..length]).is_err()
            {
                return None;
            }
            rest = &rest[length..];
            done = text.end;
        }
        if self.texts.is_empty() || *rest != self.event[done..] {
            return None;
        }
        self.misses = 0;
        Some(self.meaning)
    }

    /// Remembers an event that was read and means this, if one like it is worth waiting for.
    pub(crate) fn note(&mut self, raw: &[u8], meaning: Meaning) {
        let says_something = matches!(meaning, Meaning::Output | Meaning::Thinking);
        if !says_something || raw.len() > MAX_LENGTH || self.misses >= PATIENCE {
            return;
        }
        self.misses += 1;
        self.meaning = meaning;
        self.texts.clear();
        self.texts.extend(texts(raw, self.names).take(MAX_TEXTS));
        self.event.clear();
        self.event.extend_from_slice(raw);
    }
}

/// Where the texts of these members are in an event whose JSON was checked, but for those that are empty or have escapes.
/// Texts are all that a quote may stand in, so that they are found by going from one to the next.
fn texts<'a>(raw: &'a [u8], names: &'a [&str]) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut at = 0;
    let mut name: &[u8] = b"";
    std::iter::from_fn(move || {
        loop {
            let start = at + raw.get(at..)?.iter().position(|byte| *byte == b'"')? + 1;
            let (end, has_escapes) = end(raw, start)?;
            at = end + 1;
            let behind = raw[at..].iter().find(|byte| !byte.is_ascii_whitespace());
            if behind == Some(&b':') {
                name = &raw[start..end];
                continue;
            }
            // Only the first text behind a name can be its value.
            let name = std::mem::take(&mut name);
            let is_named = names.iter().any(|known| known.as_bytes() == name);
            if is_named && !has_escapes && end > start && is_value(&raw[..start - 1]) {
                return Some(start..end);
            }
        }
    })
}

/// Where the text that begins at `start` ends, and whether there are escapes in it.
fn end(raw: &[u8], start: usize) -> Option<(usize, bool)> {
    let mut at = start;
    let mut has_escapes = false;
    loop {
        at += json::plain_run(raw.get(at..)?);
        match raw.get(at)? {
            b'"' => return Some((at, has_escapes)),
            b'\\' => (at, has_escapes) = (at + 2, true),
            _ => return None,
        }
    }
}

/// Whether what comes behind `front` is the value of a member, and not of a list in it.
fn is_value(front: &[u8]) -> bool {
    front.iter().rfind(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["content", "pad"];

    /// Whether `next` is known again after `first`.
    #[track_caller]
    fn check(first: &str, next: &str, expect: bool) {
        let mut again = Again::new(NAMES);
        again.note(first.as_bytes(), Meaning::Output);
        let expect = expect.then_some(Meaning::Output);
        assert_eq!(again.meaning(next.as_bytes()), expect, "{first} then {next}");
    }

    #[test]
    fn an_event_is_known_again_whatever_its_texts_are() {
        let first = r#"data: {"id":"a","d":{"content":"Hello"},"end":null}"#;
        check(first, first, true);
        check(first, r#"data: {"id":"a","d":{"content":" wörld — 東京"},"end":null}"#, true);
        check(first, r#"data: {"id":"a","d":{"content":""},"end":null}"#, false);
        check(first, r#"data: {"id":"a","d":{"content":"\n"},"end":null}"#, false);
        check(first, r#"data: {"id":"b","d":{"content":"x"},"end":null}"#, false);
        check(first, r#"data: {"id":"a","d":{"content":"x"},"end":"stop"}"#, false);
        check(first, r#"data: {"id":"a","d":{"content":"x"},"end":null} "#, false);
        check(first, r#"data: {"id":"a","d":{"content":"x"#, false);
        check(first, "", false);
        let spaced = r#"data: { "pad" : "one" , "content":	"two" }"#;
        check(spaced, r#"data: { "pad" : "three" , "content":	"x" }"#, true);
        check(spaced, r#"data: { "pad" : "three" , "content": "x" }"#, false);
        let broken = [&b"data: {\"content\":\"\xff\"}"[..]].concat();
        let mut again = Again::new(NAMES);
        again.note(br#"data: {"content":"x"}"#, Meaning::Thinking);
        assert_eq!(again.meaning(&broken), None);
        assert_eq!(again.meaning(br#"data: {"content":"y"}"#), Some(Meaning::Thinking));
    }

    #[test]
    fn what_is_no_text_of_these_names_may_not_differ() {
        check(r#"{"content":null,"a":"x"}"#, r#"{"content":null,"a":"y"}"#, false);
        check(r#"{"content":["x"]}"#, r#"{"content":["y"]}"#, false);
        check(r#"{"content":[{"a":"x"}]}"#, r#"{"content":[{"a":"y"}]}"#, false);
        check(r#"{"a":"content","b":"x"}"#, r#"{"a":"content","b":"y"}"#, false);
        check(r#"{"a":"\"content\":\"x\""}"#, r#"{"a":"\"content\":\"y\""}"#, false);
        check(r#"{"a":"\\","content":"x"}"#, r#"{"a":"\\","content":"y"}"#, true);
        check(r#"{"content":"","b":"x"}"#, r#"{"content":"","b":"y"}"#, false);
        check(r#"{"content":"a","pad":"\n"}"#, r#"{"content":"b","pad":"\n"}"#, true);
    }

    #[test]
    fn what_says_nothing_or_never_comes_again_is_not_remembered() {
        let mut again = Again::new(NAMES);
        again.note(br#"{"content":"x"}"#, Meaning::Lifecycle);
        assert_eq!(again.meaning(br#"{"content":"x"}"#), None);
        for number in 0..=PATIENCE {
            again.note(format!(r#"{{"n":{number},"content":"x"}}"#).as_bytes(), Meaning::Output);
        }
        assert_eq!(again.meaning(format!(r#"{{"n":{PATIENCE},"content":"x"}}"#).as_bytes()), None);
        assert!(again.meaning(format!(r#"{{"n":{},"content":"x"}}"#, PATIENCE - 1).as_bytes()).is_some());
    }
}
