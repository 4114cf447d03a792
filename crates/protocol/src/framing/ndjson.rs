//! Newline-delimited JSON: finds whole lines without copying them.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

pub use super::sse::{Batch, MAX_EVENT, TooLong};

/// Cuts a byte stream into whole lines; what is not whole yet waits for the next chunk.
#[derive(Debug, Default)]
pub struct Framer {
    /// The beginning of a line; never holds a line feed.
    pending: BytesMut,
}

impl Framer {
    /// Takes the next bytes of the stream and returns the lines that are whole now, each with its line feed. When no
    /// line was waiting, the batch is a view of `chunk`.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Batch, TooLong> {
        let mut ends: Vec<usize> = memchr_iter(b'\n', chunk).map(|at| at + 1).collect();
        let whole = ends.last().copied().unwrap_or(0);
        if self.pending.is_empty() || whole == 0 {
            self.pending.extend_from_slice(&chunk[whole..]);
            return self.checked(Batch { bytes: chunk.slice(..whole), ends });
        }
        let waited = self.pending.len();
        ends.iter_mut().for_each(|end| *end += waited);
        self.pending.extend_from_slice(chunk);
        let bytes = self.pending.split_to(waited + whole).freeze();
        self.checked(Batch { bytes, ends })
    }

    fn checked(&self, batch: Batch) -> Result<Batch, TooLong> {
        if self.pending.len() > MAX_EVENT { Err(TooLong) } else { Ok(batch) }
    }

    /// What is left when the stream has ended: a line without its line feed, if anything.
    pub fn finish(&mut self) -> Option<Bytes> {
        let rest = self.pending.split().freeze();
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }
}

/// The JSON of one line as [`Framer`] cut it, without what surrounds it; `None` for a blank line.
pub fn value(raw: &[u8]) -> Option<&[u8]> {
    let line = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw).trim_ascii();
    (!line.is_empty()).then_some(line)
}

/// Ends the JSON value that was appended to `out` from `start` on as one line. Line feeds in it can only stand between
/// tokens, where a blank does the same: raw JSON that a model or a client spelled over several lines stays one value.
pub fn end_line(out: &mut Vec<u8>, start: usize) {
    let mut from = start.min(out.len());
    while let Some(offset) = memchr(b'\n', &out[from..]) {
        from += offset;
        out[from] = b' ';
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All values of `stream`, cut into `pieces`.
    fn read(pieces: &[&[u8]]) -> Vec<String> {
        let mut framer = Framer::default();
        let mut values = Vec::new();
        let mut note =
            |raw: &[u8]| values.extend(value(raw).map(|line| String::from_utf8_lossy(line).into_owned()));
        for piece in pieces {
            framer.push(&Bytes::copy_from_slice(piece)).unwrap().events().for_each(&mut note);
        }
        if let Some(rest) = framer.finish() {
            note(&rest);
        }
        values
    }

    #[track_caller]
    fn check(stream: &str, expect: &[&str]) {
        assert_eq!(read(&[stream.as_bytes()]), expect, "whole");
        for at in 0..=stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            assert_eq!(read(&[left, right]), expect, "cut at byte {at}");
        }
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(&single), expect, "byte by byte");
    }

    #[test]
    fn every_cut_gives_the_same_lines() {
        check("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"a\":1}\r\n\r\n\n {\"b\":2} \n", &["{\"a\":1}", "{\"b\":2}"]);
        check("{\"ü\":\"é—🦀\"}\n", &["{\"ü\":\"é—🦀\"}"]);
        check("\u{feff}{}\n", &["{}"]);
        check("\n \n", &[]);
    }

    #[test]
    fn a_line_without_its_end_is_handed_over_at_the_end() {
        check("{}\n{\"done\":true}", &["{}", "{\"done\":true}"]);
    }

    #[test]
    fn whole_lines_are_views_of_the_chunk() {
        let chunk = Bytes::from_static(b"{}\n[]\n{\"c");
        let batch = Framer::default().push(&chunk).unwrap();
        assert_eq!(batch.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(batch.events().collect::<Vec<_>>(), [b"{}\n", b"[]\n"]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut framer = Framer::default();
        let chunk = Bytes::from(vec![b'x'; MAX_EVENT / 2 + 1]);
        assert!(framer.push(&chunk).is_ok());
        assert_eq!(framer.push(&chunk), Err(TooLong));
    }

    #[test]
    fn a_value_over_several_lines_is_written_on_one() {
        let mut out = b"{}\n{\"a\":\n [1,\n2]}".to_vec();
        end_line(&mut out, 3);
        assert_eq!(out, b"{}\n{\"a\":  [1, 2]}\n");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(stream in "([a-z é{}]|\n){0,60}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
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
            let whole: Vec<usize> = stream.match_indices('\n').map(|(at, _)| at + 1).collect();
            prop_assert_eq!(ends, whole);
            prop_assert!(bytes.starts_with(&out));
            if let Some(rest) = framer.finish() {
                out.extend_from_slice(&rest);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
