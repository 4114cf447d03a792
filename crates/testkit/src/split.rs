//! Cuts a byte stream into pieces, for tests that a decoder gives the same output however its input is split.

/// Cuts in two at every position, the ends included: an empty piece is a piece a network may deliver too.
pub fn every_cut(bytes: &[u8]) -> impl Iterator<Item = [&[u8]; 2]> {
    (0..=bytes.len()).map(|position| {
        let (head, tail) = bytes.split_at(position);
        [head, tail]
    })
}

/// Cuts at the given byte offsets. Offsets may come in any order; those outside the stream are ignored.
pub fn at<'a>(bytes: &'a [u8], offsets: &[usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut ends: Vec<usize> = offsets.iter().copied().filter(|end| (1..bytes.len()).contains(end)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    ends.dedup();
    ends.into_iter().scan(0, |start, end| {
        let piece = &bytes[*start..end];
        *start = end;
        Some(piece)
    })
}

/// Cuts into pieces of `size` bytes, the last one shorter; `size` 0 is taken as 1.
pub fn pieces(bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(size.max(1))
}

/// Turns the lengths of consecutive pieces, as a recorder notes them, into the offsets [`at`] takes.
pub fn offsets_of(lengths: &[usize]) -> Vec<usize> {
    lengths
        .iter()
        .scan(0, |end, length| {
            *end += length;
            Some(*end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_visits_each_position_once_and_loses_nothing() {
        let cuts: Vec<[&[u8]; 2]> = every_cut(b"abc").collect();
        assert_eq!(cuts, [[&b""[..], b"abc"], [b"a", b"bc"], [b"ab", b"c"], [b"abc", b""]]);
    }

    #[test]
    fn at_sorts_offsets_and_ignores_those_outside() {
        let cut: Vec<&[u8]> = at(b"abcdef", &[4, 1, 4, 0, 6, 99]).collect();
        assert_eq!(cut, [&b"a"[..], b"bcd", b"ef"]);
    }

    #[test]
    fn pieces_have_the_size_asked_for() {
        assert_eq!(pieces(b"abcde", 2).collect::<Vec<_>>(), [&b"ab"[..], b"cd", b"e"]);
        assert_eq!(pieces(b"ab", 0).count(), 2);
    }

    #[test]
    fn recorded_lengths_become_offsets() {
        let lengths = offsets_of(&[2, 3, 1]);
        assert_eq!(at(b"abcdef", &lengths).collect::<Vec<_>>(), [&b"ab"[..], b"cde", b"f"]);
    }
}
