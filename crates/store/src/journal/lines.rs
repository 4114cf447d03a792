//! Whole lines out of a file that may still grow.

use std::io::{self, Read};

use super::line::LONGEST_LINE;

/// How much is read at once.
const STEP: usize = 256 * 1024;

/// Reads lines. Each is handed out only when its end has been read; a longer one than a journal has is passed over.
pub(crate) struct Lines<R> {
    from: R,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    start: usize,
    /// Up to where the buffer has no end of a line.
    searched: usize,
    /// Bytes of a line beyond the bound that were passed over so far.
    passed_over: u64,
}

/// A line without its end.
pub(crate) struct Whole<'a> {
    /// Empty for one that was too long.
    pub(crate) bytes: &'a [u8],
    /// What it takes in the file, its end included.
    pub(crate) length: u64,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, buffer: Vec::new(), start: 0, searched: 0, passed_over: 0 }
    }

    /// The next line; `None` at what is the end for now.
    pub(crate) fn next(&mut self) -> io::Result<Option<Whole<'_>>> {
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let (start, end) = (self.start, self.searched + found);
                self.start = end + 1;
                self.searched = end + 1;
                let before = std::mem::take(&mut self.passed_over);
                let length = before + (end + 1 - start) as u64;
                let bytes = if before == 0 { &self.buffer[start..end] } else { &[] };
                return Ok(Some(Whole { bytes, length }));
            }
            self.searched = self.buffer.len();
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Reads on; false if there is nothing more for now.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        if self.buffer.len() > LONGEST_LINE {
            self.passed_over += self.buffer.len() as u64;
            self.buffer.clear();
            self.searched = 0;
        }
        let read = self.from.by_ref().take(STEP as u64).read_to_end(&mut self.buffer)?;
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_handed_out_with_its_end_and_not_before() {
        let mut lines = Lines::new(&b"one\n\nthree\nfo"[..]);
        let mut found = vec![];
        while let Some(line) = lines.next().unwrap() {
            found.push((line.bytes.to_vec(), line.length));
        }
        assert_eq!(found, [(b"one".to_vec(), 4), (vec![], 1), (b"three".to_vec(), 6)]);
        lines.from = b"ur\n";
        assert_eq!(lines.next().unwrap().map(|line| line.bytes.to_vec()), Some(b"four".to_vec()));
    }

    #[test]
    fn a_line_beyond_the_bound_is_passed_over() {
        let long = [vec![b'x'; LONGEST_LINE + STEP + 1], b"\nnext\n".to_vec()].concat();
        let mut lines = Lines::new(&long[..]);
        let first = lines.next().unwrap().map(|line| (line.bytes.len(), line.length));
        assert_eq!(first, Some((0, (LONGEST_LINE + STEP + 2) as u64)));
        assert_eq!(lines.next().unwrap().map(|line| line.bytes.to_vec()), Some(b"next".to_vec()));
    }
}
