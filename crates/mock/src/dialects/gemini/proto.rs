//! Google's JSON: a body is a protocol buffer message, so unknown names are refused, both spellings of a known one
//! are taken, and one value may stand where several may.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Most faults named at once.
const MAX_VIOLATIONS: usize = 20;

/// A message: its fields, by their JSON names.
pub(super) struct Message(pub(super) &'static [Field]);

/// A field.
pub(super) struct Field {
    name: &'static str,
    kind: Kind,
    is_list: bool,
}

/// What a field's value must be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Bytes,
    Bool,
    Int,
    Float,
    /// The type's name, and the names of its values. Case does not matter.
    Enum(&'static str, &'static [&'static str]),
    /// An object whose fields are the caller's own.
    Struct,
    /// Any JSON.
    Anything,
    Message(&'static Message),
    /// From names to messages.
    Map(&'static Message),
}

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Empty for the body itself.
    pub(super) field: String,
    pub(super) text: String,
}

pub(super) const fn one(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_list: false }
}

pub(super) const fn list(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_list: true }
}

/// Gives every field its JSON name and every list its brackets, and says what does not belong there.
pub(super) fn normalise(message: &Message, body: &mut Value) -> Vec<Violation> {
    let mut walk = Walk { violations: Vec::new(), place: String::new() };
    if let Value::Object(object) = body {
        walk.message(message, object);
    }
    walk.violations
}

struct Walk {
    violations: Vec<Violation>,
    /// Where the walk is: `contents[0].parts[1]`.
    place: String,
}

impl Walk {
    fn message(&mut self, message: &Message, object: &mut Map<String, Value>) {
        let keys: Vec<String> = object.keys().cloned().collect();
        for key in keys {
            let Some(field) = message.0.iter().find(|field| field.is_called(&key)) else {
                self.unknown(&key, "Cannot find field.");
                continue;
            };
            if key != field.name
                && let Some(value) = object.remove(&key)
            {
                object.insert(field.name.to_owned(), value);
            }
            match object.get_mut(field.name) {
                // `null` means absent.
                Some(Value::Null) => drop(object.remove(field.name)),
                Some(value) => self.field(field, value),
                None => {}
            }
        }
    }

    fn field(&mut self, field: &Field, value: &mut Value) {
        if field.is_list && !value.is_array() {
            *value = Value::Array(vec![value.take()]);
        }
        if !field.is_list && value.is_array() && !matches!(field.kind, Kind::Anything) {
            self.unknown(field.name, "Proto field is not repeating, cannot start list.");
            return;
        }
        let length = self.place.len();
        if length > 0 {
            self.place.push('.');
        }
        self.place.push_str(&snake(field.name));
        match value {
            Value::Array(items) if field.is_list => {
                let length = self.place.len();
                for (index, item) in items.iter_mut().enumerate() {
                    // Writing to a string cannot fail.
                    let _ = write!(self.place, "[{index}]");
                    self.value(field.kind, item);
                    self.place.truncate(length);
                }
            }
            value => self.value(field.kind, value),
        }
        self.place.truncate(length);
    }

    fn value(&mut self, kind: Kind, value: &mut Value) {
        match (kind, value) {
            (Kind::Anything, _) | (Kind::Struct, Value::Object(_)) => {}
            (Kind::Text, Value::String(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Float, Value::Number(_)) => {}
            (Kind::Int, Value::Number(number))
                if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {}
            // Integers of 64 bits are texts in this mapping, and texts are read as any integer.
            (Kind::Int, Value::String(text)) if text.parse::<i64>().is_ok() => {}
            (Kind::Bytes, Value::String(text)) if is_base64(text) => {}
            (Kind::Bytes, Value::String(text)) => {
                let start = crate::text::shortened(text, 40).to_owned();
                self.violate(format!(
                    "Invalid value at '{}' (TYPE_BYTES), Base64 decoding failed for \"{start}\"",
                    self.place
                ));
            }
            (Kind::Enum(_, names), Value::String(name))
                if names.iter().any(|known| known.eq_ignore_ascii_case(name)) => {}
            (Kind::Message(message), Value::Object(object)) => self.message(message, object),
            (Kind::Map(message), Value::Object(object)) => {
                let length = self.place.len();
                for (index, value) in object.values_mut().enumerate() {
                    // Entries of a map are counted like those of a list.
                    let _ = write!(self.place, "[{index}].value");
                    self.value(Kind::Message(message), value);
                    self.place.truncate(length);
                }
            }
            (kind, value) => {
                let text = format!("Invalid value at '{}' ({}), {value}", self.place, kind.describe());
                self.violate(text);
            }
        }
    }

    fn unknown(&mut self, name: &str, why: &str) {
        let at = if self.place.is_empty() { String::new() } else { format!(" at '{}'", self.place) };
        self.violate(format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: {why}"));
    }

    fn violate(&mut self, text: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { field: self.place.clone(), text });
        }
    }
}

impl Field {
    fn is_called(&self, key: &str) -> bool {
        self.name == key || key.contains('_') && snake(self.name) == key
    }
}

impl Kind {
    fn describe(self) -> String {
        match self {
            Self::Text => "TYPE_STRING".to_owned(),
            Self::Bytes => "TYPE_BYTES".to_owned(),
            Self::Bool => "TYPE_BOOL".to_owned(),
            Self::Int => "TYPE_INT32".to_owned(),
            Self::Float => "TYPE_FLOAT".to_owned(),
            Self::Enum(name, _) => format!("type.googleapis.com/google.ai.generativelanguage.v1beta.{name}"),
            Self::Struct | Self::Anything => "type.googleapis.com/google.protobuf.Struct".to_owned(),
            Self::Message(_) | Self::Map(_) => {
                "type.googleapis.com/google.ai.generativelanguage.v1beta".to_owned()
            }
        }
    }
}

/// The name a field has in the protocol buffer: `functionCall` is `function_call`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

/// Either alphabet, padded or not.
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
    digits.bytes().all(known) && digits.len() % 4 != 1 && text.len() - digits.len() <= 2
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static PART: Message = Message(&[
        one("text", Kind::Text),
        one("inlineData", Kind::Bytes),
        list("moreParts", Kind::Message(&PART)),
    ]);
    static BODY: Message = Message(&[
        list("contents", Kind::Message(&PART)),
        one("topK", Kind::Int),
        one("byName", Kind::Map(&PART)),
        one("mode", Kind::Enum("Mode", &["AUTO", "NONE"])),
    ]);

    #[track_caller]
    fn check(mut body: Value, expected: &Value) {
        assert_eq!(normalise(&BODY, &mut body), []);
        assert_eq!(&body, expected);
    }

    #[track_caller]
    fn refused(mut body: Value, field: &str, text: &str) {
        let violation = Violation { field: field.to_owned(), text: text.to_owned() };
        assert_eq!(normalise(&BODY, &mut body), [violation]);
    }

    #[test]
    fn both_spellings_and_lone_values() {
        check(json!({ "top_k": 2.0 }), &json!({ "topK": 2.0 }));
        check(json!({ "topK": "40", "mode": "auto" }), &json!({ "topK": "40", "mode": "auto" }));
        check(
            json!({ "contents": { "inline_data": "a-_=", "more_parts": { "text": "x" } } }),
            &json!({ "contents": [{ "inlineData": "a-_=", "moreParts": [{ "text": "x" }] }] }),
        );
        check(json!({ "topK": null }), &json!({}));
    }

    #[test]
    fn what_does_not_belong() {
        refused(
            json!({ "model_": 1 }),
            "",
            "Invalid JSON payload received. Unknown name \"model_\": Cannot find field.",
        );
        refused(
            json!({ "contents": [{ "moreParts": [{}, { "role": "x" }] }] }),
            "contents[0].more_parts[1]",
            "Invalid JSON payload received. Unknown name \"role\" at 'contents[0].more_parts[1]': Cannot find field.",
        );
        refused(
            json!({ "contents": [{ "text": ["x"] }] }),
            "contents[0]",
            "Invalid JSON payload received. Unknown name \"text\" at 'contents[0]': Proto field is not repeating, cannot \
             start list.",
        );
        refused(
            json!({ "byName": { "a": {}, "b": { "text": 5 } } }),
            "by_name[1].value.text",
            "Invalid value at 'by_name[1].value.text' (TYPE_STRING), 5",
        );
        refused(
            json!({ "mode": "SOME" }),
            "mode",
            "Invalid value at 'mode' (type.googleapis.com/google.ai.generativelanguage.v1beta.Mode), \"SOME\"",
        );
        refused(json!({ "topK": 1.5 }), "top_k", "Invalid value at 'top_k' (TYPE_INT32), 1.5");
        refused(
            json!({ "contents": [{ "inlineData": "%" }] }),
            "contents[0].inline_data",
            "Invalid value at 'contents[0].inline_data' (TYPE_BYTES), Base64 decoding failed for \"%\"",
        );
    }

    #[test]
    fn faults_are_bounded() {
        let mut body = Value::Object((0..100).map(|number| (format!("x{number}"), Value::Null)).collect());
        assert_eq!(normalise(&BODY, &mut body).len(), MAX_VIOLATIONS);
    }
}
