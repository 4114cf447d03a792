//! From what Gemini's clients send to JSON Schema.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    super::{
        wire::{members, string},
        write,
    },
    Nesting, nesting,
};
use crate::ir::{Raw, Text};

/// Deepest nesting that is converted; what is deeper is passed as it is.
const MAX_DEPTH: usize = 64;
/// Counts that protobuf's JSON mapping spells as strings.
const COUNTS: &[&str] = &["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];

/// The schema as JSON Schema: types in lower case (clients send upper case in both fields), `nullable` as a type,
/// counts as numbers. Borrowed if there was nothing to change.
pub(in super::super) fn to_json_schema(raw: &RawValue) -> Raw<'_> {
    let mut reader = Reader { changed: false };
    let mut out = Vec::with_capacity(raw.get().len());
    reader.schema(raw, 0, &mut out);
    if !reader.changed {
        return Cow::Borrowed(raw);
    }
    let text = String::from_utf8(out).unwrap_or_default();
    RawValue::from_string(text).map_or(Cow::Borrowed(raw), Cow::Owned)
}

struct Reader {
    changed: bool,
}

impl Reader {
    fn schema(&mut self, raw: &RawValue, depth: usize, out: &mut Vec<u8>) {
        let Some(entries) = members(raw).filter(|_| depth < MAX_DEPTH) else {
            return out.extend_from_slice(raw.get().as_bytes());
        };
        let nullable = entries.iter().find(|(key, _)| *key == "nullable").map(|(_, value)| value.get());
        self.changed |= nullable.is_some();
        let nullable = nullable == Some("true");
        let has_type = entries.iter().any(|(key, _)| *key == "type");
        write::object(out, |object| {
            for (key, value) in &entries {
                match (&**key, nesting(key)) {
                    ("nullable", _) => {}
                    ("type", _) => self.types(value, nullable, object),
                    ("anyOf", _) if nullable && !has_type => self.list(value, depth, true, object.key(key)),
                    ("enum", _) if nullable => {
                        let values: Vec<&RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
                        write::array(object.key(key), |array| {
                            values
                                .iter()
                                .for_each(|value| array.item().extend_from_slice(value.get().as_bytes()));
                            array.item().extend_from_slice(b"null");
                        });
                    }
                    (_, Nesting::One) => self.schema(value, depth + 1, object.key(key)),
                    (_, Nesting::List) => self.list(value, depth, false, object.key(key)),
                    (_, Nesting::Map) => match members(value) {
                        Some(map) => write::object(object.key(key), |object| {
                            for (name, value) in &map {
                                self.schema(value, depth + 1, object.key(name));
                            }
                        }),
                        None => object.raw(key, value),
                    },
                    (name, Nesting::Leaf) => match count(name, value) {
                        Some(count) => {
                            self.changed = true;
                            object.plain(name, count);
                        }
                        None => object.raw(name, value),
                    },
                }
            }
        });
    }

    fn list(&mut self, raw: &RawValue, depth: usize, or_null: bool, out: &mut Vec<u8>) {
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(raw.get()) else {
            return out.extend_from_slice(raw.get().as_bytes());
        };
        write::array(out, |array| {
            items.iter().for_each(|item| self.schema(item, depth + 1, array.item()));
            if or_null {
                array.object(|object| object.text("type", "null"));
            }
        });
    }

    fn types(&mut self, raw: &RawValue, nullable: bool, object: &mut write::Object<'_>) {
        let mut lower = |name: &Text<'_>| {
            self.changed |= name.bytes().any(|byte| byte.is_ascii_uppercase());
            name.to_ascii_lowercase()
        };
        let (names, is_list): (Vec<Text<'_>>, bool) = match string(raw) {
            Some(name) => (vec![name], false),
            None => match serde_json::from_str(raw.get()) {
                Ok(names) => (names, true),
                Err(_) => return object.raw("type", raw),
            },
        };
        let mut names: Vec<String> =
            names.iter().map(&mut lower).filter(|name| name != "type_unspecified").collect();
        if nullable && !names.iter().any(|name| name == "null") {
            names.push("null".to_owned());
        }
        match names.as_slice() {
            [] => {}
            [name] if !is_list => object.text("type", name),
            names => object.texts("type", names.iter().map(String::as_str)),
        }
    }
}

fn count(keyword: &str, value: &RawValue) -> Option<u64> {
    COUNTS.contains(&keyword).then(|| string(value)?.parse().ok())?
}
