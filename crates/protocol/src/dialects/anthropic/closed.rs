//! Closes a schema: the API wants `additionalProperties: false` on every object of a structured output.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::ir::Raw;

/// Deepest nesting that is looked at; the gateway has refused deeper bodies before.
const MAX_DEPTH: usize = 128;
/// Members whose values are data, not schemas.
const DATA: &[&str] = &["const", "default", "enum", "examples"];

/// The members of an object in their order.
struct Ordered<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Ordered<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Ordered<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Ordered(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// The schema with every object closed that says nothing about further members. Key order stays.
pub(in crate::dialects) fn closed(schema: &RawValue) -> Raw<'static> {
    let mut out = String::with_capacity(schema.get().len() + 64);
    write(schema, &mut out, 0);
    RawValue::from_string(out).map_or_else(|_| Raw::Owned(schema.to_owned()), Raw::Owned)
}

fn write(raw: &RawValue, out: &mut String, depth: usize) {
    let text = raw.get();
    if depth >= MAX_DEPTH {
        return out.push_str(text);
    }
    if let Ok(Ordered(members)) = serde_json::from_str::<Ordered<'_>>(text) {
        object(&members, out, depth);
    } else if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        out.push('[');
        for (place, item) in items.iter().enumerate() {
            out.push_str(if place == 0 { "" } else { "," });
            write(item, out, depth + 1);
        }
        out.push(']');
    } else {
        out.push_str(text);
    }
}

fn object(members: &[(String, &RawValue)], out: &mut String, depth: usize) {
    let says = |name: &str| members.iter().find(|(key, _)| key == name).map(|(_, value)| value.get());
    out.push('{');
    for (place, (key, value)) in members.iter().enumerate() {
        out.push_str(if place == 0 { "" } else { "," });
        out.push_str(&serde_json::Value::from(key.as_str()).to_string());
        out.push(':');
        if DATA.contains(&key.as_str()) { out.push_str(value.get()) } else { write(value, out, depth + 1) }
    }
    if says("type") == Some("\"object\"") && says("additionalProperties").is_none() {
        out.push_str(",\"additionalProperties\":false");
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expect: &str) {
        let raw = RawValue::from_string(schema.to_owned()).unwrap();
        assert_eq!(closed(&raw).get(), expect);
    }

    #[test]
    fn objects_are_closed_where_nothing_is_said() {
        check(
            r#"{"type":"object","properties":{"z":{"type":"object"},"type":{"type":"string"}}}"#,
            r#"{"type":"object","properties":{"z":{"type":"object","additionalProperties":false},"type":{"type":"string"}},"additionalProperties":false}"#,
        );
        check(
            r#"{"type":"object","additionalProperties":true}"#,
            r#"{"type":"object","additionalProperties":true}"#,
        );
        check(
            r#"{"anyOf":[{"type":"object"},{"type":"null"}],"default":{"type":"object"}}"#,
            r#"{"anyOf":[{"type":"object","additionalProperties":false},{"type":"null"}],"default":{"type":"object"}}"#,
        );
        check("true", "true");
    }
}
