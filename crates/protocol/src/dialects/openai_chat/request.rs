//! The one field besides `model` that the gateway may set: a stream is asked to report its usage.

use crate::{
    envelope::Envelope,
    ir::{Fault, FaultKind},
    json,
    splice::Edits,
};

const OPTIONS: &str = "stream_options";
const INCLUDE: &str = "include_usage";

/// Sets `stream_options.include_usage` on a streamed request that does not have it; true if it was not the client's
/// wish. Source: the OpenAI API description, schema `ChatCompletionStreamOptions`.
pub(super) fn ask_usage(envelope: &Envelope, edits: &mut Edits) -> Result<bool, Fault> {
    let Some((object, body)) = envelope.json().filter(|_| envelope.streams(false)) else { return Ok(false) };
    let twice = |error: json::Malformed| Fault::new(FaultKind::BadRequest, error.to_string());
    let Some(place) = object.get(body, OPTIONS).map_err(twice)? else {
        envelope.insert_member(object, OPTIONS, br#"{"include_usage":true}"#, edits);
        return Ok(true);
    };
    let options = &body[place.clone()];
    if options == b"null" {
        edits.replace(place, r#"{"include_usage":true}"#);
        return Ok(true);
    }
    // Anything but an object is for the provider to refuse, in its own words.
    let Ok(inner) = json::Object::scan(options) else { return Ok(false) };
    match inner.get(options, INCLUDE).map_err(twice)? {
        Some(value) if &options[value.clone()] == b"true" => Ok(false),
        Some(value) => {
            edits.replace(place.start + value.start..place.start + value.end, "true");
            Ok(true)
        }
        None => {
            let at = place.start + inner.inside;
            let comma = if inner.is_empty() { "" } else { "," };
            edits.replace(at..at, format!("\"{INCLUDE}\":true{comma}"));
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[track_caller]
    fn check(body: &'static str, expect: (&str, bool)) {
        let envelope = Envelope::read(None, Bytes::from_static(body.as_bytes())).unwrap();
        let mut edits = Edits::default();
        let spare = ask_usage(&envelope, &mut edits).unwrap();
        assert_eq!(
            (String::from_utf8(edits.apply(envelope.body()).concat()).unwrap().as_str(), spare),
            expect
        );
    }

    #[test]
    fn usage_is_asked_for_once_and_only_in_streams() {
        check(r#"{"a":1}"#, (r#"{"a":1}"#, false));
        check(r#"{"stream":true}"#, (r#"{"stream_options":{"include_usage":true},"stream":true}"#, true));
        check(
            r#"{"stream":true,"stream_options":null}"#,
            (r#"{"stream":true,"stream_options":{"include_usage":true}}"#, true),
        );
        check(
            r#"{"stream":true,"stream_options":{ }}"#,
            (r#"{"stream":true,"stream_options":{"include_usage":true }}"#, true),
        );
        check(
            r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
            (r#"{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#, true),
        );
        let asked = r#"{"stream":true,"stream_options":{"include_usage" : true}}"#;
        check(asked, (asked, false));
        check(
            r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
            (r#"{"stream":true,"stream_options":{"include_usage":true}}"#, true),
        );
        check(r#"{"stream":true,"stream_options":7}"#, (r#"{"stream":true,"stream_options":7}"#, false));
    }
}
