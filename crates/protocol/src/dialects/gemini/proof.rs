//! Carries opaque reasoning proofs in `thoughtSignature`, which official SDKs decode as base64.
//!
//! Gemini's own proof is written as it is. Another dialect's goes through as the base64 of its tagged form; whether it
//! stood for redacted reasoning is noted before the tag, because Anthropic tells the two apart.

use super::NAME;
use crate::ir::{Signature, Text};

/// What a wrapped proof begins with, and what that is in base64: twelve characters stand for nine bytes.
const TAG: (&str, &str) = ("lockgate:", "bG9ja2dhdGU6");
/// The same, for a proof of reasoning that is only in the proof.
const REDACTED: (&str, &str) = ("redacted;", "cmVkYWN0ZWQ7");

/// How `signature` is written into `thoughtSignature` for a client.
pub(super) fn write(signature: &Signature<'_>, is_redacted: bool) -> Text<'static> {
    let text = signature.write(NAME);
    if signature.at_home(NAME).is_some() {
        return text.into_owned();
    }
    let mark = if is_redacted { REDACTED.0 } else { "" };
    encode(format!("{mark}{text}").as_bytes()).into()
}

/// Reads a `thoughtSignature`: the proof, and whether it was marked as redacted.
pub(super) fn read(written: Text<'_>) -> (Signature<'_>, bool) {
    if written.starts_with(TAG.1) || written.starts_with(REDACTED.1) {
        let text = decode(&written).and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some(text) = text {
            let (text, is_redacted) = match text.strip_prefix(REDACTED.0) {
                Some(rest) => (rest.to_owned(), true),
                None => (text, false),
            };
            if text.starts_with(TAG.0) {
                return (Signature::read(NAME, text.into()), is_redacted);
            }
        }
    }
    (Signature { origin: NAME.into(), value: written }, false)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding (RFC 4648, section 4).
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= chunk.len() { ALPHABET[sextet] as char } else { '=' });
        }
    }
    text
}

/// Base64 in either alphabet, padded or not: the Python SDK sends the URL-safe one back.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(sextet);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(signature: &Signature<'static>, is_redacted: bool, written: &str) {
        let text = write(signature, is_redacted);
        assert_eq!(text, written);
        assert_eq!(read(text.borrowed()), (signature.clone(), is_redacted));
        // As the Python SDK sends it back.
        let url_safe = text.replace('+', "-").replace('/', "_");
        let (read, _) = read(Text::from(url_safe.as_str()));
        assert!(read == *signature || signature.origin == *NAME);
    }

    #[test]
    fn proofs_of_others_travel_as_base64_and_come_back() {
        check(&Signature::new(NAME, "CiQB+/=="), false, "CiQB+/==");
        check(&Signature::new("anthropic", "Eq?>"), false, "bG9ja2dhdGU6YW50aHJvcGljOkVxPz4=");
        check(&Signature::new("anthropic", "x"), true, "cmVkYWN0ZWQ7bG9ja2dhdGU6YW50aHJvcGljOng=");
    }

    #[test]
    fn what_only_looks_wrapped_is_left_alone() {
        for text in ["bG9ja2dhdGU6*", "cmVkYWN0ZWQ7bG9j", "bG9ja2dhdGU"] {
            assert_eq!(read(text.into()), (Signature::new(NAME, text), false));
        }
    }
}
