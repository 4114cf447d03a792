//! The scanners of bodies that are passed on: what they accept is well formed, and their edits keep it so.

use bytes::Bytes;
use lockgate_protocol::{
    envelope::Envelope,
    json::{self as scanner, Object},
    multipart,
    splice::Edits,
};

/// The strict scan accepts nothing that a parser refuses, and finds members where they stand.
pub(super) fn json(input: &[u8]) {
    let _ = scanner::text(input);
    let Ok(object) = Object::scan(input) else { return };
    super::assert_json(input, "the sender of a body that the scan accepts");
    for (key, value) in object.members(input) {
        // A lone surrogate is well formed as JSON, and no text.
        assert!(key.starts_with(b"\"") && key.ends_with(b"\""), "a key without quotes");
        super::assert_json(value, "a member");
        if let Some(name) = scanner::text(key)
            && let Ok(found) = object.get(input, &name)
        {
            assert!(found.is_some(), "a member is not found by its name");
        }
    }
}

/// Parts lie inside the body, in order; the first line is the `content-type`.
pub(super) fn multipart(input: &[u8]) {
    let (content_type, body) = first_line(input);
    let Some(boundary) = multipart::boundary(&content_type) else { return };
    let Ok(form) = multipart::Form::scan(body, boundary) else { return };
    let mut end = 0;
    // An empty value may share the line end of the blank line before it with its delimiter.
    for part in form.parts.iter().filter(|part| !part.value.is_empty()) {
        assert!(end <= part.value.start && part.value.start <= part.value.end, "parts overlap");
        end = part.value.end;
    }
    assert!(end <= form.end && form.end <= body.len(), "a part leaves the body");
}

/// A body with its model replaced names that model and nothing else changed; the first line is the `content-type`.
pub(super) fn envelope(input: &[u8]) {
    const MODEL: &str = "another-model";
    let (content_type, body) = first_line(input);
    let content_type = (!content_type.is_empty()).then_some(content_type.as_str());
    let Ok(envelope) = Envelope::read(content_type, Bytes::copy_from_slice(body)) else { return };
    let mut edits = Edits::default();
    envelope.set_model(MODEL, &mut edits);
    let edited = Bytes::from(edits.apply(envelope.body()).concat());
    if body.is_empty() {
        return assert!(edited.is_empty(), "an empty body was filled");
    }
    match Envelope::read(content_type, edited) {
        Ok(again) => {
            assert_eq!(again.model(), Some(MODEL));
            assert_eq!(again.streams(true), envelope.streams(true), "the edit changed what is asked");
        }
        Err(fault) => panic!("the edited body is refused: {fault}"),
    }
}

fn first_line(input: &[u8]) -> (String, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    (String::from_utf8_lossy(line).trim_end().to_owned(), rest.get(1..).unwrap_or_default())
}
