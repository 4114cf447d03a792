//! Bytes of a text to lines and columns.

use std::ops::Range;

use crate::span::SourceId;
use crate::span::{Place, Span};

/// So many bytes are counted at most to find a column.
const BLOCK: usize = 64;

/// Where the lines of a text begin, and how many characters come before each of its blocks.
pub(super) struct Offsets<'t> {
    source: SourceId,
    text: &'t str,
    lines: Vec<usize>,
    blocks: Vec<usize>,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(source: SourceId, text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let after = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        let lines = [0].into_iter().chain(bytes.iter().enumerate().filter_map(after)).collect();
        let blocks = bytes.chunks(BLOCK).scan(0, |before, block| {
            let first = *before;
            *before += characters(block);
            Some(first)
        });
        let blocks = blocks.collect();
        Self { source, text, lines, blocks }
    }

    /// The place of a byte; of one behind the end the end.
    pub(super) fn place(&self, at: usize) -> Place {
        let at = at.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        Place { line, column: self.before(at) - self.before(start) + 1 }
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span { source: self.source, start: self.place(range.start), end: self.place(range.end) }
    }

    /// How many characters come before a byte.
    fn before(&self, at: usize) -> usize {
        let block = (at / BLOCK).min(self.blocks.len().saturating_sub(1));
        let counted = self.blocks.get(block).copied().unwrap_or(0);
        counted + characters(&self.text.as_bytes()[block * BLOCK..at])
    }
}

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_the_place_that_counting_gives() {
        let text = format!("{}\r\nö: \"{}\"\rx\n\n{}é", "ab".repeat(70), "äöü€".repeat(40), "z".repeat(64));
        let offsets = Offsets::new(SourceId::default(), &text);
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let before = text[..at].replace("\r\n", "\n").replace('\r', "\n");
            // Between the two characters of a line break the line has not ended.
            if text[..at].ends_with('\r') && text[at..].starts_with('\n') {
                continue;
            }
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            assert_eq!(offsets.place(at), Place { line, column }, "byte {at}");
        }
        assert_eq!(Offsets::new(SourceId::default(), "").place(0), Place { line: 1, column: 1 });
    }
}
