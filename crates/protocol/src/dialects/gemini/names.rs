//! The names of models inside a body: requests to count and to embed repeat there what the path says.

use std::ops::Range;

use serde_json::value::RawValue;

use super::resource;
use crate::{
    envelope::Envelope,
    json::Object,
    splice::{Edits, json_string},
};

/// Where a body holds requests of their own, one or a list; in both spellings that the API takes.
const INNER: &[&str] = &["generateContentRequest", "generate_content_request", "requests"];

/// Notes in `edits` that each of them is for `model`.
pub(super) fn rename(envelope: &Envelope, model: &str, edits: &mut Edits) {
    let Some((object, body)) = envelope.json() else { return };
    let name = json_string(&resource(model));
    let mut replace = |place: Option<Range<usize>>| {
        if let Some(place) = place {
            edits.replace(place, name.clone());
        }
    };
    replace(named(object, body, 0));
    for place in INNER.iter().filter_map(|inner| object.get(body, inner).ok().flatten()) {
        let value = &body[place.clone()];
        let list: Vec<&RawValue> = serde_json::from_slice(value).unwrap_or_default();
        for inner in list {
            let start = inner.get().as_ptr().addr() - body.as_ptr().addr();
            let inner = inner.get().as_bytes();
            replace(Object::scan(inner).ok().and_then(|object| named(&object, inner, start)));
        }
        replace(Object::scan(value).ok().and_then(|object| named(&object, value, place.start)));
    }
}

/// Where the object that was scanned in `body`, and begins at `start` of the whole, names its model.
fn named(object: &Object, body: &[u8], start: usize) -> Option<Range<usize>> {
    let place = object.get(body, "model").ok().flatten()?;
    Some(start + place.start..start + place.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[track_caller]
    fn check(body: &'static str, expect: &str) {
        let envelope = Envelope::read(None, Bytes::from_static(body.as_bytes())).unwrap();
        let mut edits = Edits::default();
        rename(&envelope, "new", &mut edits);
        assert_eq!(edits.apply(envelope.body()).concat(), expect.as_bytes());
    }

    #[test]
    fn every_name_inside_is_the_same() {
        check(r#"{"contents":[{"model":"x"}]}"#, r#"{"contents":[{"model":"x"}]}"#);
        check(r#"{"model": "models/old","content":{}}"#, r#"{"model": "models/new","content":{}}"#);
        check(
            r#"{"generateContentRequest": {"a":1, "model":"old"} }"#,
            r#"{"generateContentRequest": {"a":1, "model":"models/new"} }"#,
        );
        check(
            r#"{"requests": [ {"model":"models/old"} ,{"content":{}},7, {"model":"models/b"}]}"#,
            r#"{"requests": [ {"model":"models/new"} ,{"content":{}},7, {"model":"models/new"}]}"#,
        );
    }
}
