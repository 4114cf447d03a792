//! Takes keys out of texts that somebody else wrote.

use std::borrow::Cow;

/// How keys of known services begin, lower case.
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "aiza",
    "gsk_",
    "xai-",
    "pplx-",
    "nvapi-",
    "hf_",
    "ghp_",
    "gho_",
    "github_pat_",
    "csk-",
    "fw_",
    "tgp_",
    "akia",
    "asia",
    "eyj",
];

/// Words after which a key stands, whatever it looks like, lower case.
const MARKS: &[&str] = &[
    "bearer ",
    "basic ",
    "api key provided: ",
    "api-key provided: ",
    "api_key=",
    "apikey=",
    "api-key: ",
    "key=",
];

/// Shorter ones are words or were masked by the provider.
const SHORTEST: usize = 12;

const HIDDEN: &str = "[redacted]";

/// The text with everything that looks like a key replaced.
pub fn redact(text: &str) -> Cow<'_, str> {
    // ASCII lower case keeps byte positions, so what is found in `lower` is cut from `text`.
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        if let Some(key) = key_at(&lower, at) {
            out.push_str(&text[copied..key.start]);
            out.push_str(HIDDEN);
            copied = key.end;
            at = key.end;
        } else {
            at += 1;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The key that begins at `at`, or right after a mark at `at`.
fn key_at(lower: &str, at: usize) -> Option<std::ops::Range<usize>> {
    let bytes = lower.as_bytes();
    let inside_a_word = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
    if inside_a_word {
        return None;
    }
    let rest = lower.get(at..)?;
    if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
        let start = at + mark.len();
        let end = token_end(bytes, start);
        // A mark is also a plain word ("bearer token"): only what could be no word is hidden.
        return looks_made(&bytes[start..end]).then_some(start..end);
    }
    PREFIXES.iter().find(|prefix| rest.starts_with(**prefix))?;
    let end = token_end(bytes, at);
    (end - at >= SHORTEST && looks_made(&bytes[at..end])).then_some(at..end)
}

fn token_end(bytes: &[u8], start: usize) -> usize {
    let is_token =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b'+' | b'/' | b'=');
    let end = start + bytes[start..].iter().take_while(|b| is_token(b)).count();
    // A full stop at the end belongs to the sentence.
    if end > start && bytes[end - 1] == b'.' { end - 1 } else { end }
}

fn looks_made(token: &[u8]) -> bool {
    token.iter().any(|b| b.is_ascii_digit() || *b == b'*') || token.len() >= 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(redact(text), expected);
    }

    #[test]
    fn keys_are_hidden() {
        check("key sk-proj-abcdEFGH1234_xyz is wrong.", "key [redacted] is wrong.");
        check("AIzaSyD-1234567890abcdefghij", "[redacted]");
        check("Authorization: Bearer abc123.def, then", "Authorization: Bearer [redacted], then");
        check("Incorrect API key provided: wrong1234*ef. See", "Incorrect API key provided: [redacted]. See");
        check("https://x/?key=AIzaSy1&a=b", "https://x/?key=[redacted]&a=b");
        check("ä sk-aaaaaaaaaaaa1 ä sk-bbbbbbbbbbbb2 ä", "ä [redacted] ä [redacted] ä");
    }

    #[test]
    fn words_and_ids_stay() {
        for text in [
            "a risk-averse task-1 and sk-learn",
            "Item 'rs_68c42de022c881948db7ed1cc2529f2e' of type 'reasoning'",
            "a bearer token is missing",
            "wisk-123456789012345",
            "",
            "ä€😀",
        ] {
            check(text, text);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_taken(text in ".*", key in "sk-[a-z0-9]{20}") {
            let _ = redact(&text);
            let around = format!("{text} {key} {text}");
            proptest::prop_assert!(!redact(&around).contains(&key));
        }
    }
}
