//! What a key looks like: `lgk_`, 178 random bits, and a checksum by which scanners for leaked keys know it.

use ring::rand::{SecureRandom, SystemRandom};

const PREFIX: &str = "lgk_";
const ID_PREFIX: &str = "key_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters, of nearly six bits each.
const RANDOM: usize = 30;
/// Random characters of an id, which is no secret.
const RANDOM_OF_ID: usize = 16;
/// Characters of a CRC-32.
const CHECKSUM: usize = 6;
/// Characters by which people recognise a key.
const HINT: usize = 4;
/// Bytes below this are spread evenly over the alphabet.
const EVEN: u8 = 248;

/// The text of a key: shown once, and then forgotten. It has no `Debug`.
pub struct KeyText(String);

impl KeyText {
    /// A new one; `None` where the system gives no random bytes.
    pub(super) fn new() -> Option<Self> {
        let mut text = PREFIX.to_owned();
        random(&mut text, RANDOM)?;
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Some(Self(text))
    }

    /// The text itself, for the one answer that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Its last characters.
    pub(super) fn hint(&self) -> &str {
        &self.0[self.0.len() - HINT..]
    }
}

/// A new id.
pub(super) fn id() -> Option<String> {
    let mut text = ID_PREFIX.to_owned();
    random(&mut text, RANDOM_OF_ID)?;
    Some(text)
}

/// Whether `text` begins like a created key and is none: a character is wrong or missing.
pub fn is_mistyped(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else { return false };
    let border = PREFIX.len() + RANDOM;
    let is_whole = rest.len() == RANDOM + CHECKSUM && rest.bytes().all(|byte| ALPHABET.contains(&byte));
    !(is_whole && text[border..] == checksum(&text[..border]))
}

fn random(text: &mut String, count: usize) -> Option<()> {
    let source = SystemRandom::new();
    let mut bytes = [0; 64];
    let end = text.len() + count;
    while text.len() < end {
        source.fill(&mut bytes).ok()?;
        let even = bytes.iter().filter(|byte| **byte < EVEN);
        text.extend(even.take(end - text.len()).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    Some(())
}

/// The CRC-32 of a text in the characters of a key, the most significant first.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_whole_differ_and_show_when_they_are_mistyped() {
        let mut all = HashSet::new();
        for _ in 0..1000 {
            let key = KeyText::new().unwrap();
            let text = key.expose();
            assert_eq!(text.len(), 40);
            assert!(text.starts_with("lgk_") && text.ends_with(key.hint()) && !is_mistyped(text));
            for at in [4, 20, 33, 34, 39] {
                let mut wrong = text.to_owned().into_bytes();
                wrong[at] = if wrong[at] == b'a' { b'b' } else { b'a' };
                assert!(is_mistyped(std::str::from_utf8(&wrong).unwrap()));
            }
            assert!(is_mistyped(&text[..39]) && is_mistyped(&format!("{text}x")));
            all.insert(text.to_owned());
        }
        assert_eq!(all.len(), 1000);
        assert!(is_mistyped("lgk_") && is_mistyped("lgk_ä") && !is_mistyped("sk-else") && !is_mistyped(""));
    }

    #[test]
    fn a_checksum_is_what_it_was() {
        // Scanners are told how it is made, so that it never changes.
        assert_eq!(checksum("lgk_000000000000000000000000000000"), "1q9Aue");
    }

    #[test]
    fn characters_are_spread_evenly() {
        let mut text = String::new();
        random(&mut text, 62_000).unwrap();
        for letter in ALPHABET {
            let count = text.bytes().filter(|byte| byte == letter).count();
            assert!((800..1200).contains(&count), "{}: {count}", char::from(*letter));
        }
    }
}
