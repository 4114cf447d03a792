//! Keeps what a client names inside the provider's own paths: checks and percent-encodes it, segment by segment.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a segment that is already a path must have encoded; escapes it brings are checked and kept.
const IN_PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'^').add(b'|');

/// What a name that becomes one segment must have encoded: all but RFC 3986's unreserved characters.
const IN_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same for the name of a model, which may have an at sign before its version.
const IN_MODEL: &AsciiSet = &IN_NAME.remove(b'@');

/// Appends a path that starts with a slash. The error says what is wrong, for a sentence.
pub(crate) fn push_tail(path: &mut String, tail: &str) -> Result<(), &'static str> {
    let segments = tail.strip_prefix('/').ok_or("a path must start with a slash")?;
    for segment in segments.split('/') {
        check_segment(segment)?;
        path.push('/');
        path.extend(utf8_percent_encode(segment, IN_PATH));
    }
    Ok(())
}

/// Appends a name as exactly one segment. The error says what is wrong, for a sentence.
pub(crate) fn push_name(path: &mut String, name: &str) -> Result<(), &'static str> {
    push_segment(path, name, IN_NAME)
}

/// Appends a model's name as exactly one segment, the at sign before its version as it is.
pub(crate) fn push_model(path: &mut String, name: &str) -> Result<(), &'static str> {
    push_segment(path, name, IN_MODEL)
}

fn push_segment(path: &mut String, name: &str, encoded: &'static AsciiSet) -> Result<(), &'static str> {
    // Encoded slashes and percent signs are decoded once more by some servers on the way: refused, not encoded.
    if name.bytes().any(|b| matches!(b, b'/' | b'\\' | b'%') || b.is_ascii_control()) {
        return Err("it has a slash, a backslash, a percent sign or a control character");
    }
    if climbs(name) {
        return Err("it is empty or only dots");
    }
    path.push('/');
    path.extend(utf8_percent_encode(name, encoded));
    Ok(())
}

/// Appends an identifier as exactly one segment, slashes encoded: for providers whose ids are ARNs.
pub(crate) fn push_id(path: &mut String, id: &str) -> Result<(), &'static str> {
    if id.bytes().any(|b| matches!(b, b'\\' | b'%') || b.is_ascii_control()) {
        return Err("it has a backslash, a percent sign or a control character");
    }
    if id.split('/').any(climbs) {
        return Err("it has an empty segment or one of dots only");
    }
    path.push('/');
    path.extend(utf8_percent_encode(id, IN_NAME));
    Ok(())
}

/// Appends the operator's query and the client's; a parameter the operator has set is not the client's to repeat.
pub(crate) fn push_query(
    path: &mut String,
    ours: Option<&str>,
    theirs: Option<&str>,
) -> Result<(), &'static str> {
    let mut separator = '?';
    if let Some(ours) = ours {
        path.push(separator);
        path.push_str(ours);
        separator = '&';
    }
    let Some(theirs) = theirs.filter(|query| !query.is_empty()) else { return Ok(()) };
    if theirs.bytes().any(|b| !b.is_ascii_graphic() || b == b'#') {
        return Err("its query has a character that must be percent-encoded");
    }
    for pair in theirs.split('&').filter(|pair| !is_set(ours, pair)) {
        path.push(separator);
        path.push_str(pair);
        separator = '&';
    }
    Ok(())
}

fn check_segment(segment: &str) -> Result<(), &'static str> {
    if climbs(segment) {
        return Err("it has an empty segment or one of dots only");
    }
    let bytes = segment.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\\' | b'?' | b'#' => return Err("it has a backslash, a question mark or a number sign"),
            b'%' => check_escape(bytes.get(at + 1..at + 3).unwrap_or_default())?,
            byte if byte.is_ascii_control() => return Err("it has a control character"),
            _ => {}
        }
    }
    Ok(())
}

/// An escape may not hide what would be refused in the open: a server on the way may decode it before it looks.
fn check_escape(digits: &[u8]) -> Result<(), &'static str> {
    let value = match digits {
        [high, low] => {
            char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)).map(|(h, l)| h * 16 + l)
        }
        _ => None,
    };
    match value {
        None => Err("it has a percent sign that starts no escape"),
        Some(0x25 | 0x2e | 0x2f | 0x5c) => Err("it has an encoded dot, slash, backslash or percent sign"),
        // 0xc0 and 0xc1 begin nothing but overlong forms, an old way to write a dot or a slash.
        Some(0..=0x1f | 0x7f | 0xc0 | 0xc1) => Err("it has an encoded control character"),
        Some(_) => Ok(()),
    }
}

/// Empty, or dots only: also before a semicolon, where some servers cut the segment off.
fn climbs(segment: &str) -> bool {
    segment.split(';').next().is_none_or(|head| head.bytes().all(|b| b == b'.'))
}

/// Whether the operator's query already has the parameter of this pair, however it is escaped or capitalised.
fn is_set(ours: Option<&str>, pair: &str) -> bool {
    fn name(pair: &str) -> &str {
        pair.split('=').next().unwrap_or_default()
    }
    let Some(ours) = ours else { return false };
    let theirs = percent_decode_str(name(pair)).decode_utf8_lossy();
    ours.split('&').any(|pair| name(pair).eq_ignore_ascii_case(&theirs))
}
