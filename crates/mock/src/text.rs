//! Words, tokens and ids that are the same every time.

use std::fmt::Write as _;

/// Longest piece, so that JSON without blanks is streamed in pieces as well.
const PIECE_CHARS: usize = 12;

/// Short common words for answers of a wanted length.
const VOCABULARY: &[&str] = &[
    "the", "lock", "fills", "slowly", "while", "each", "boat", "waits", "for", "its", "turn", "to", "rise",
    "with", "water", "and", "pass", "between", "two", "levels",
];

/// Where each token of `text` ends: blanks and the word after them, at most `PIECE_CHARS` characters of it unless they are
/// all the same one, so that an event of any size can be had.
pub(crate) fn piece_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut word = Word::default();
    for (at, character) in text.char_indices() {
        if !word.takes(character) {
            ends.push(at);
            word = Word::default();
        }
        word.push(character);
    }
    if !text.is_empty() {
        ends.push(text.len());
    }
    ends
}

/// How many tokens `text` costs, by the same rule as `piece_ends`.
pub(crate) fn token_count(text: &str) -> u64 {
    let mut count = 0;
    let mut word = Word::default();
    for character in text.chars() {
        if !word.takes(character) {
            word = Word::default();
        }
        word.push(character);
        count += u64::from(word.chars == 1 && !character.is_whitespace());
    }
    // Blanks alone are one token, as in `piece_ends`.
    count.max(u64::from(!text.is_empty()))
}

/// A token under way.
#[derive(Default)]
struct Word {
    /// Characters of it, the blanks before them not counted.
    chars: usize,
    last: Option<char>,
    is_mixed: bool,
}

impl Word {
    /// Whether `character` still belongs to it.
    fn takes(&self, character: char) -> bool {
        if character.is_whitespace() {
            return self.chars == 0;
        }
        self.chars < PIECE_CHARS || !self.is_mixed && self.last == Some(character)
    }

    fn push(&mut self, character: char) {
        if character.is_whitespace() {
            return;
        }
        self.is_mixed |= self.last.is_some_and(|last| last != character);
        self.last = Some(character);
        self.chars += 1;
    }
}

/// How many tokens a prompt costs: a count that does not read the text, so that a huge one costs no time.
pub(crate) fn input_tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

/// Exactly `count` words of one token each.
pub(crate) fn words(count: usize) -> String {
    let mut text = String::with_capacity(count.saturating_mul(6).min(1 << 20));
    for index in 0..count {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(VOCABULARY[index % VOCABULARY.len()]);
    }
    text
}

/// The first `limit` characters of `text`.
pub(crate) fn shortened(text: &str, limit: usize) -> &str {
    text.char_indices().nth(limit).map_or(text, |(end, _)| &text[..end])
}

/// An id such as `chatcmpl-` and 32 hexadecimal digits, different for each serial number.
pub(crate) fn id(prefix: &str, serial: u64) -> String {
    let mut id = String::with_capacity(prefix.len() + 32);
    // Writing to a string cannot fail.
    let _ = write!(id, "{prefix}{:016x}{:016x}", mix(serial), mix(!serial));
    id
}

/// A time in seconds since 1970 that counts calls instead of seconds.
pub(crate) fn created(serial: u64) -> u64 {
    1_760_000_000 + serial
}

/// FNV-1a: for numbers that follow from a text.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// SplitMix64's finalizer: neighbours in, strangers out, and never the same for two inputs.
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A vector of length 1 that follows from `seed`.
pub(crate) fn vector(seed: u64, dimensions: usize) -> Vec<f32> {
    let raw: Vec<f32> = (0..dimensions as u64)
        .map(|index| {
            let unit = mix(seed.wrapping_add(index)) >> 40;
            unit as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let length = raw.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|number| number / length).collect()
}

/// Standard base64 with padding (RFC 4648).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word =
            group.iter().enumerate().fold(0, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = ALPHABET[(word >> (18 - 6 * at)) as usize % 64];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// What `text` encodes in standard base64 with padding, unless it is something else.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in digits.chunks(4) {
        let mut word = 0;
        for (at, digit) in group.iter().enumerate() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            word |= u32::from(value) << (18 - 6 * at);
        }
        bytes.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4648.
    #[test]
    fn base64_as_in_the_rfc() {
        let coded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(coded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(base64(&[0xff, 0xff, 0xfe]), "///+");
        for (text, plain) in coded.iter().zip(["", "f", "fo", "foo", "foob", "fooba", "foobar"]) {
            assert_eq!(from_base64(text).as_deref(), Some(plain.as_bytes()));
        }
        for nonsense in ["Zg=", "Z", "Zg==Zg==", "Zm-v", "===="] {
            assert_eq!(from_base64(nonsense), None, "{nonsense}");
        }
    }

    fn pieces(text: &str) -> Vec<&str> {
        let mut start = 0;
        piece_ends(text).into_iter().map(|end| &text[std::mem::replace(&mut start, end)..end]).collect()
    }

    #[test]
    fn pieces_are_words_with_the_blank_before() {
        assert_eq!(pieces("one two  three"), ["one", " two", "  three"]);
        assert_eq!(pieces("ends \n"), ["ends", " \n"]);
        assert_eq!(pieces("{\"location\":\"Zürich\"}"), ["{\"location\":", "\"Zürich\"}"]);
        assert!(pieces("").is_empty());
        let run = "x".repeat(100_000);
        assert_eq!(pieces(&format!("a {run}b {run}")), ["a", &format!(" {run}"), "b", &format!(" {run}")]);
    }

    #[test]
    fn counting_agrees_with_cutting() {
        for text in [
            "",
            " ",
            "one",
            "one two",
            " one",
            "abcdefghijklmnopqrstuvwxyz",
            "abcdefghijkl mn",
            "é è\tà",
            "a---------------b c",
        ] {
            assert_eq!(token_count(text), pieces(text).len() as u64, "{text:?}");
        }
        assert_eq!(token_count(&words(137)), 137);
    }

    #[test]
    fn ids_differ_and_repeat() {
        assert_eq!(id("x-", 1), id("x-", 1));
        assert_ne!(id("x-", 1), id("x-", 2));
        assert_eq!(id("x-", 1).len(), 34);
    }
}
