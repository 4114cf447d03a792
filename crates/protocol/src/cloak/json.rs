//! Covers the words inside JSON without breaking it: strings are read, covered, and written anew where they changed.

use std::borrow::Cow;

use memchr::memchr2;
use serde_json::value::RawValue;

use crate::{
    ir::{Members, Raw, Text},
    json::Object,
};

/// Members of APIs whose values are nobody's words and must not change: proofs, references, bytes in base64.
const OPAQUE: &[&str] =
    &["encrypted_content", "encrypted_index", "encrypted_stdout", "signature", "thoughtSignature"];
/// Members that hold bytes in base64, or text.
const BYTES: &[&str] = &["b64_json", "bytes", "data", "file_data"];
/// Shortest text that is taken for bytes in base64 rather than for words.
const MIN_BYTES: usize = 64;

/// Whose JSON it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The people's, all of whose strings may have words in them.
    People,
    /// An API's, some of whose members hold no words.
    Api,
}

/// The JSON `text` with every string and name as `cover` has it; `None` if nothing changed. A number with a word in it
/// becomes a string, because no number can stand for a word. What is no JSON is covered as text.
pub(super) fn cover(text: &str, of: Of, cover: &mut dyn FnMut(&str) -> Option<String>) -> Option<String> {
    if serde_json::from_str::<&RawValue>(text).is_err() {
        return cover(text);
    }
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut name = Cow::Borrowed("");
    while let Some(byte) = bytes.get(at) {
        let token = match byte {
            b'"' => at..string_end(bytes, at),
            b'-' | b'0'..=b'9' => at..number_end(bytes, at),
            _ => {
                if matches!(byte, b'[' | b'{' | b',') {
                    name = Cow::Borrowed("");
                }
                at += 1;
                continue;
            }
        };
        at = token.end;
        let literal = &text[token.clone()];
        // Half a surrogate pair is JSON all the same, but no text: its letters are covered as they stand there.
        let read = crate::json::text(literal.as_bytes());
        let is_name = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':');
        let inner = match &read {
            Some(read) => &**read,
            None => literal.trim_matches('"'),
        };
        let is_open = is_name || of == Of::People || !is_opaque(&name, inner);
        if let Some(covered) = is_open.then(|| cover(inner)).flatten() {
            out.push_str(&text[copied..token.start]);
            match read {
                None if *byte == b'"' => out.extend(["\"", &covered, "\""]),
                _ => out.push_str(crate::ir::raw(&covered).get()),
            }
            copied = token.end;
        }
        if is_name {
            name = read.unwrap_or_default();
        }
    }
    (copied > 0).then(|| out + &text[copied..])
}

fn is_opaque(name: &str, value: &str) -> bool {
    OPAQUE.contains(&name) || BYTES.contains(&name) && is_base64(value)
}

fn is_base64(text: &str) -> bool {
    text.len() >= MIN_BYTES
        && text.len().is_multiple_of(4)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// Where the string ends whose opening quote stands at `at`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at + 1;
    while let Some(gap) = memchr2(b'"', b'\\', bytes.get(end..).unwrap_or_default()) {
        end += gap + 1;
        if bytes[end - 1] == b'"' {
            return end;
        }
        end += 1;
    }
    bytes.len()
}

fn number_end(bytes: &[u8], at: usize) -> usize {
    let is_more = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    at + bytes[at..].iter().take_while(|byte| is_more(byte)).count()
}

/// The members of an object in their order; `None` if `text` is no object.
pub(super) fn members(text: &str) -> Option<Members<'_>> {
    let object = Object::scan(text.as_bytes()).ok()?;
    let member = |(name, value)| {
        let name = crate::json::text(name)?;
        let value: &RawValue = serde_json::from_slice(value).ok()?;
        Some((Text(name), Raw::Borrowed(value)))
    };
    object.members(text.as_bytes()).map(member).collect()
}

/// The object of these members; `None` only if one is no JSON.
pub(super) fn object(members: &Members<'_>) -> Option<Raw<'static>> {
    let mut text = String::from("{");
    for (name, value) in members {
        let comma = if text.len() == 1 { "" } else { "," };
        text.extend([comma, crate::ir::raw(name).get(), ":", value.get()]);
    }
    text.push('}');
    RawValue::from_string(text).ok().map(Raw::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, of: Of, expected: Option<&str>) {
        let covered = cover(text, of, &mut |text| text.contains("é7").then(|| text.replace("é7", "Z\"")));
        assert_eq!(covered.as_deref(), expected, "{text}");
    }

    #[test]
    fn strings_and_names_are_covered_and_json_stays_json() {
        check(r#"{"a" : "x", "n": [1.50, true, null]}"#, Of::People, None);
        check(r#"{"aé7": ["\u00e97 é7", "b\n"]}"#, Of::People, Some(r#"{"aZ\"": ["Z\" Z\"", "b\n"]}"#));
        check(r#""é7""#, Of::People, Some(r#""Z\"""#));
        check(
            r#"{"signature":"é7","a":{"signature":"é7"}}"#,
            Of::People,
            Some(r#"{"signature":"Z\"","a":{"signature":"Z\""}}"#),
        );
        check(r#"{"signature":"é7","a":["é7"]}"#, Of::Api, Some(r#"{"signature":"é7","a":["Z\""]}"#));
        check(r#"{"data":"é7"}"#, Of::Api, Some(r#"{"data":"Z\""}"#));
        check("half { é7", Of::People, Some("half { Z\""));
    }

    #[test]
    fn a_number_with_a_word_in_it_becomes_a_string() {
        let covered = cover(r#"{"id":-12345.0,"a":[1]}"#, Of::People, &mut |text| {
            text.contains("234").then(|| text.replace("234", "P"))
        });
        assert_eq!(covered.as_deref(), Some(r#"{"id":"-1P5.0","a":[1]}"#));
    }

    #[test]
    fn half_a_surrogate_pair_hides_nothing() {
        let covered = cover(r#"["\ud800 acme"]"#, Of::People, &mut |text| {
            text.contains("acme").then(|| text.replace("acme", "P"))
        });
        assert_eq!(covered.as_deref(), Some(r#"["\ud800 P"]"#));
    }

    #[test]
    fn bytes_in_base64_stay() {
        let bytes = "acme".repeat(16);
        let mut hide = |text: &str| text.contains("acme").then(|| "P".to_owned());
        let text = format!(r#"{{"data":"{bytes}"}}"#);
        assert_eq!(cover(&text, Of::Api, &mut hide), None);
        assert_eq!(cover(&text, Of::People, &mut hide).as_deref(), Some(r#"{"data":"P"}"#));
    }
}
