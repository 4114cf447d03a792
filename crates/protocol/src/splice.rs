//! Replaces and inserts values in a body without copying the rest of it.

use std::ops::Range;

use bytes::Bytes;

/// The changes the gateway makes to a body that it otherwise forwards untouched.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    list: Vec<(Range<usize>, Bytes)>,
}

impl Edits {
    /// Puts `new` in place of the bytes at `range`; an empty range inserts. Edits must not overlap.
    pub fn replace(&mut self, range: Range<usize>, new: impl Into<Bytes>) {
        self.list.push((range, new.into()));
    }

    /// The body after the edits, in pieces that are views of `body` wherever nothing changed.
    pub fn apply(mut self, body: &Bytes) -> Vec<Bytes> {
        if self.list.is_empty() {
            return vec![body.clone()];
        }
        self.list.sort_by_key(|(range, _)| (range.start, range.end));
        let mut pieces = Vec::with_capacity(self.list.len() * 2 + 1);
        let mut done = 0;
        for (range, new) in self.list {
            debug_assert!(done <= range.start && range.end <= body.len(), "edits overlap or leave the body");
            pieces.push(body.slice(done..range.start));
            pieces.push(new);
            done = range.end;
        }
        pieces.push(body.slice(done..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// `text` as a JSON string literal.
pub fn json_string(text: &str) -> Bytes {
    // A string always serialises; the fallback only spells that out without a panic.
    serde_json::to_vec(text).map_or_else(|_| Bytes::from_static(b"\"\""), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &'static str, edits: &[(Range<usize>, &'static str)], expect: &str) {
        let mut list = Edits::default();
        for (range, new) in edits {
            list.replace(range.clone(), *new);
        }
        let pieces = list.apply(&Bytes::from_static(body.as_bytes()));
        assert_eq!(pieces.concat(), expect.as_bytes());
    }

    #[test]
    fn edits_land_where_they_should_in_any_order() {
        check("abcdef", &[], "abcdef");
        check("abcdef", &[(4..6, "Z"), (0..1, "XY")], "XYbcdZ");
        check("abcdef", &[(2..2, "-"), (2..4, "+")], "ab-+ef");
        check("abcdef", &[(0..6, "")], "");
    }

    #[test]
    fn what_did_not_change_is_not_copied() {
        let body = Bytes::from(vec![b'x'; 1 << 20]);
        let mut edits = Edits::default();
        edits.replace(10..20, "y");
        let pieces = edits.apply(&body);
        assert_eq!(pieces[2].as_ptr(), body[20..].as_ptr());
    }
}
