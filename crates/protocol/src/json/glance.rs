//! Reads single values at the front of a JSON text without reading the rest of it.
//!
//! The grammar was checked before ([`super::Object::scan`]): here only strings and brackets are told apart. Of a text that
//! is no JSON something is read too, but nothing breaks.

use memchr::memchr;

/// Most of the values of one list or object that are looked at.
const MAX_VALUES: usize = 4096;

/// The values of a list, in order.
pub(crate) fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = opened(list, b'[');
    std::iter::from_fn(move || next_value(&mut rest)).take(MAX_VALUES)
}

/// The names (quotes included) and values of an object, in order.
pub(crate) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = opened(object, b'{');
    std::iter::from_fn(move || {
        let name = next_value(&mut rest).filter(|name| name.first() == Some(&b'"'))?;
        rest = without_blanks(rest).strip_prefix(b":")?;
        Some((name, next_value(&mut rest)?))
    })
    .take(MAX_VALUES)
}

/// The value of an object's member. Names with escapes are not found: nobody writes those that are asked for so.
pub(crate) fn member<'b>(object: &'b [u8], name: &str) -> Option<&'b [u8]> {
    let is_named = |key: &[u8]| key.len() == name.len() + 2 && &key[1..=name.len()] == name.as_bytes();
    members(object).find(|(key, _)| is_named(key)).map(|(_, value)| value)
}

/// Appends the text of a string literal to `out`, at most `limit` bytes of it: the same for every spelling of a text.
pub(crate) fn text(literal: &[u8], limit: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = literal.strip_prefix(b"\"").map(|inner| inner.strip_suffix(b"\"").unwrap_or(inner))
    else {
        return;
    };
    let end = out.len() + limit;
    while out.len() < end && !rest.is_empty() {
        let reach = rest.len().min(end - out.len());
        let plain = memchr(b'\\', &rest[..reach]).unwrap_or(reach);
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.first() == Some(&b'\\') && out.len() < end {
            rest = escape(&rest[1..], out);
        }
    }
    out.truncate(end);
}

/// Takes what follows a backslash; gives what is behind it.
fn escape<'b>(rest: &'b [u8], out: &mut Vec<u8>) -> &'b [u8] {
    let Some((letter, behind)) = rest.split_first() else { return rest };
    let plain = match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'u' => {
            let (character, behind) = numbered(behind);
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            return behind;
        }
        other => *other,
    };
    out.push(plain);
    behind
}

/// A character by its number, which may be spelled as two halves.
fn numbered(rest: &[u8]) -> (char, &[u8]) {
    let unit = |rest: &[u8]| -> Option<u32> {
        u32::from_str_radix(std::str::from_utf8(rest.get(..4)?).ok()?, 16).ok()
    };
    let behind = rest.get(4..).unwrap_or_default();
    let Some(high) = unit(rest) else { return (char::REPLACEMENT_CHARACTER, behind) };
    let low = behind.strip_prefix(b"\\u").and_then(unit);
    match (high, low) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            let number = 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            let character = char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
            (character, behind.get(6..).unwrap_or_default())
        }
        _ => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), behind),
    }
}

fn opened(value: &[u8], bracket: u8) -> &[u8] {
    without_blanks(value).strip_prefix(&[bracket]).unwrap_or_default()
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    &text[blanks..]
}

/// The next value; `rest` is what stands behind it. `None` at the end of the list or object.
fn next_value<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let mut text = without_blanks(rest);
    text = without_blanks(text.strip_prefix(b",").unwrap_or(text));
    let length = match *text.first()? {
        b']' | b'}' => return None,
        b'"' => string(text),
        b'[' | b'{' => container(text),
        _ => text
            .iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
            .unwrap_or(text.len()),
    };
    let (value, behind) = text.split_at(length);
    *rest = behind;
    Some(value).filter(|value| !value.is_empty())
}

/// How long the string is that a text begins with, quotes included. Quotes are rarer than escapes: a text has one of
/// these at each of its lines.
fn string(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(quote) = text.get(at..).and_then(|rest| memchr(b'"', rest)) {
        at += quote;
        let escapes = text[1..at].iter().rev().take_while(|byte| **byte == b'\\').count();
        at += 1;
        if escapes % 2 == 0 {
            return at;
        }
    }
    text.len()
}

/// How long the list or object is that a text begins with.
fn container(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += string(&text[at..]);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn decoded(literal: &str) -> String {
        let mut out = Vec::new();
        text(literal.as_bytes(), usize::MAX - 1, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_found_where_they_are() {
        let body = br#" { "a" : [1, "x,]\"" ,{"b":[]} , null] ,"c":{"d":"}"}, "e":-1.5e3 } "#;
        let shown = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        let list: Vec<_> = elements(member(body, "a").unwrap()).map(shown).collect();
        assert_eq!(list, ["1", r#""x,]\"""#, r#"{"b":[]}"#, "null"]);
        assert_eq!(member(member(body, "c").unwrap(), "d"), Some(&br#""}""#[..]));
        assert_eq!(member(body, "e"), Some(&b"-1.5e3"[..]));
        assert_eq!((member(body, "d"), member(b"[]", "a"), member(b"", "a")), (None, None, None));
        assert_eq!((elements(b"{}").count(), elements(b"[]").count(), elements(b" [ ] ").count()), (0, 0, 0));
    }

    #[test]
    fn a_text_is_the_same_however_it_is_spelled() {
        assert_eq!(decoded(r#""\u00e9\ud83d\ude00\n\"\/\\""#), "é😀\n\"/\\");
        assert_eq!(decoded(r#""\ud83dx\udc00""#), "\u{fffd}x\u{fffd}");
        let mut out = Vec::new();
        text(br#""abc\ndef""#, 4, &mut out);
        assert_eq!(out, b"abc\n");
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_reads(texts: Vec<String>, names: Vec<String>) {
            let list = Value::from(texts.clone()).to_string();
            let read: Vec<_> =
                elements(list.as_bytes()).map(|raw| decoded(std::str::from_utf8(raw).unwrap())).collect();
            prop_assert_eq!(&read, &texts);
            let object: serde_json::Map<_, _> =
                names.iter().map(|name| (name.clone(), Value::from(texts.clone()))).collect();
            let text = Value::from(object.clone()).to_string();
            let read: Vec<(String, String)> = members(text.as_bytes())
                .map(|(name, value)| (decoded(std::str::from_utf8(name).unwrap()), String::from_utf8(value.to_vec()).unwrap()))
                .collect();
            let expect: Vec<_> = object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
            prop_assert_eq!(read, expect);
        }

        #[test]
        fn nothing_breaks_on_what_is_no_json(bytes: Vec<u8>) {
            elements(&bytes).for_each(drop);
            members(&bytes).for_each(drop);
            text(&bytes, 100, &mut Vec::new());
        }
    }
}
