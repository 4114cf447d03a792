//! Changes bytes at random, in ways that text, JSON and streams of events break in; the same dice give the same bytes.

use std::ops::Range;

/// What is put in or put in place of something else: what decoders trip over.
const TOKENS: &[&[u8]] = &[
    b"null",
    b"true",
    b"false",
    b"{}",
    b"[]",
    b"[[]]",
    b"[null]",
    b"{\"a\":{}}",
    b"\"\"",
    b"\" \"",
    b"\"x\"",
    b"0",
    b"1",
    b"-1",
    b"0.5",
    b"1e999",
    b"18446744073709551615",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"\"\\ud800\"",
    b"\\udc00\\ud800",
    b"\"\\u0000\"",
    b"\"{\\\"a\\\":1}\"",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\xf0\x9f\xa6\x80",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\n\n",
    b" ",
    b",",
    b":",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
];

/// A source of numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that always fall the same for the same `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let roll = usize::try_from(self.roll() >> 33).unwrap_or(0);
        roll.checked_rem(bound).unwrap_or(0)
    }

    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        // Short ranges are likelier than long ones: they leave more of the input whole.
        let most = if self.below(4) == 0 { length } else { 12 };
        start..(start + self.below(most + 1)).min(length)
    }
}

/// `input` after one to four changes; `other` is what pieces may be taken from.
pub fn mutate(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=dice.below(4) {
        match dice.below(10) {
            0 => flip(&mut bytes, dice),
            1 => {
                let range = dice.range(bytes.len());
                bytes.splice(range, TOKENS[dice.below(TOKENS.len())].iter().copied());
            }
            2 => drop(bytes.drain(dice.range(bytes.len()))),
            3 => {
                let piece = bytes[dice.range(bytes.len())].to_vec();
                insert(&mut bytes, &piece, dice);
            }
            4 => {
                let piece = other[dice.range(other.len())].to_vec();
                insert(&mut bytes, &piece, dice);
            }
            5 => lines(&mut bytes, dice),
            // JSON is what most inputs are, and bytes changed blindly rarely stay JSON.
            _ => values(&mut bytes, other, dice),
        }
    }
    bytes
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
}

fn insert(bytes: &mut Vec<u8>, piece: &[u8], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    bytes.splice(at..at, piece.iter().copied());
}

/// Drops, doubles or exchanges lines: events of a stream out of order.
fn lines(bytes: &mut Vec<u8>, dice: &mut Dice) {
    // Most streams are framed by blank lines, so that a line of one event is its whole meaning.
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (one, two) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(4) {
        _ if lines.is_empty() => {}
        0 => drop(lines.remove(one)),
        1 => lines.insert(two, lines[one]),
        2 => lines.truncate(one),
        _ => lines.swap(one, two),
    }
    *bytes = lines.concat();
}

/// Puts something else in place of one JSON value, or takes the whole member away.
fn values(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    let Some(place) = value(bytes, dice) else { return };
    match dice.below(4) {
        0 => {
            let key = bytes[..place.start].iter().rposition(|byte| matches!(byte, b',' | b'{'));
            bytes.drain(key.map_or(place.start, |at| at + 1)..place.end);
        }
        1 => {
            let piece = value(other, dice).map(|found| other[found].to_vec()).unwrap_or_default();
            bytes.splice(place, piece);
        }
        2 => {
            let piece = value(bytes, dice).map(|found| bytes[found].to_vec()).unwrap_or_default();
            bytes.splice(place, piece);
        }
        _ => drop(bytes.splice(place, TOKENS[dice.below(TOKENS.len())].iter().copied())),
    }
}

/// Where one of the JSON values in `bytes` stands that follow a colon.
fn value(bytes: &[u8], dice: &mut Dice) -> Option<Range<usize>> {
    let colons: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').collect();
    let start = *colons.get(dice.below(colons.len()))? + 1;
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (offset, byte) in bytes[start..].iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return Some(start..start + offset),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    Some(start..bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_others_give_others() {
        let seed = br#"{"a":{"b":[1,"x,}"]},"c":null}"#;
        let run = |start| mutate(seed, b"{\"d\":2}", &mut Dice::new(start));
        assert_eq!(run(7), run(7));
        let different: std::collections::BTreeSet<_> = (0..200).map(run).collect();
        assert!(different.len() > 150, "{}", different.len());
    }

    #[test]
    fn a_value_ends_where_its_json_ends() {
        let json = br#"{"a":{"b":[1,"x,}"]}}"#;
        let found: std::collections::BTreeSet<_> =
            (0..50).filter_map(|seed| value(json, &mut Dice::new(seed)).map(|place| &json[place])).collect();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [&br#"[1,"x,}"]"#[..], br#"{"b":[1,"x,}"]}"#]);
    }

    #[test]
    fn nothing_is_needed_to_begin_with() {
        (0..500).for_each(|seed| drop(mutate(b"", b"", &mut Dice::new(seed))));
    }
}
