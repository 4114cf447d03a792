//! The smallest value that fits a JSON schema, the same every time.

use std::cell::Cell;

use serde_json::{Map, Value, json};

/// Schemas may refer to themselves; beyond this depth a value is `null`.
const MAX_DEPTH: usize = 16;
/// Values made for one schema; the rest are `null`. Without it a schema that refers to itself twice would double
/// at every depth.
const MAX_VALUES: usize = 10_000;

/// A value with the required properties of `schema`.
pub(crate) fn sample(schema: &Value) -> Value {
    Sampler { root: schema, budget: Cell::new(MAX_VALUES) }.value(schema, "value", 0)
}

struct Sampler<'a> {
    root: &'a Value,
    /// Values that may still be made.
    budget: Cell<usize>,
}

impl<'a> Sampler<'a> {
    fn value(&self, schema: &'a Value, name: &str, depth: usize) -> Value {
        let left = self.budget.get();
        if depth > MAX_DEPTH || left == 0 {
            return Value::Null;
        }
        self.budget.set(left - 1);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            let target = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            return target.map_or(Value::Null, |target| self.value(target, name, depth + 1));
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
            return first.clone();
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(first) = schema.get(choice).and_then(|choices| choices.get(0)) {
                return self.value(first, name, depth + 1);
            }
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            return self.all_of(parts, name, depth);
        }
        // Google writes types in capitals.
        match kind(schema).to_ascii_lowercase().as_str() {
            "object" => self.object(schema, depth),
            "array" => {
                let count = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).max(1);
                let items = schema.get("items").unwrap_or(&Value::Null);
                // An item more than the budget allows is not even `null`.
                let items = (0..count)
                    .map_while(|_| (self.budget.get() > 0).then(|| self.value(items, name, depth + 1)));
                Value::Array(items.collect())
            }
            "integer" => json!(schema.get("minimum").and_then(Value::as_i64).unwrap_or(1)),
            "number" => json!(schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.5)),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => Value::String(string(schema, name)),
        }
    }

    fn object(&self, schema: &'a Value, depth: usize) -> Value {
        let mut object = Map::new();
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            let property = schema.get("properties").and_then(|properties| properties.get(name));
            let value = property.map_or(Value::Null, |property| self.value(property, name, depth + 1));
            object.insert(name.to_owned(), value);
        }
        Value::Object(object)
    }

    fn all_of(&self, parts: &'a [Value], name: &str, depth: usize) -> Value {
        let mut whole = Map::new();
        for part in parts {
            match self.value(part, name, depth + 1) {
                Value::Object(part) => whole.extend(part),
                other => return other,
            }
        }
        Value::Object(whole)
    }
}

/// The type of a schema, the first that is not null where it lists several.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

fn string(schema: &Value, name: &str) -> String {
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date") => "2026-01-02",
        Some("time") => "03:04:05Z",
        Some("date-time") => "2026-01-02T03:04:05Z",
        Some("email") => "mock@example.com",
        Some("uri") => "https://example.com/",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => match name {
            "city" | "location" | "place" => "Paris",
            "country" => "France",
            _ => name,
        },
    };
    let limit = schema.get("maxLength").and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(text, |limit| crate::text::shortened(text, limit)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: &Value) {
        assert_eq!(&sample(schema), expected, "{schema}");
    }

    #[test]
    fn required_properties_only() {
        check(
            &json!({"type": "object", "required": ["location", "days"], "properties": {
                "location": {"type": "string"}, "days": {"type": "integer", "minimum": 3}, "unit": {"type": "string"}}}),
            &json!({"location": "Paris", "days": 3}),
        );
        check(&json!({"type": "object", "properties": {"a": {"type": "string"}}}), &json!({}));
    }

    #[test]
    fn each_keyword() {
        check(&json!({"enum": ["celsius", "kelvin"]}), &json!("celsius"));
        check(&json!({"const": 7}), &json!(7));
        check(&json!({"type": ["null", "number"]}), &json!(1.5));
        check(&json!({"type": "BOOLEAN"}), &json!(true));
        check(&json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]}), &json!(true));
        check(&json!({"type": "array", "items": {"type": "integer"}, "minItems": 2}), &json!([1, 1]));
        check(&json!({"type": "string", "format": "date"}), &json!("2026-01-02"));
        check(&json!({"type": "string", "maxLength": 2}), &json!("va"));
        check(
            &json!({"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"const": 1}}},
                {"type": "object", "required": ["b"], "properties": {"b": {"const": 2}}}]}),
            &json!({"a": 1, "b": 2}),
        );
        check(&json!({"$ref": "#/$defs/x", "$defs": {"x": {"type": "boolean"}}}), &json!(true));
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        check(&json!({"$ref": "#"}), &Value::Null);
        let next = json!({"$ref": "#"});
        let tree = json!({"type": "object", "required": ["a", "b", "c"], "properties": {"a": next, "b": next, "c": next}});
        assert!(sample(&tree).is_object());
        let list = json!({"type": "array", "minItems": 1_000_000_000_000_u64, "items": {"type": "null"}});
        assert_eq!(sample(&list).as_array().unwrap().len(), MAX_VALUES - 1);
    }
}
