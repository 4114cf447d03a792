//! What a schema in Google's own form must be beyond its form.

use serde_json::Value;

use super::{items, text_in};

/// Finds what is wrong with a schema at `place`, which is written like `generation_config.response_schema`.
pub(super) fn check(schema: &Value, place: &str, faults: &mut Vec<String>) {
    let kind = text_in(schema, "type").to_ascii_uppercase();
    if kind == "ARRAY" && schema.get("items").is_none() {
        faults.push(format!("{place}.items: missing field."));
    }
    if schema.get("enum").is_some() && kind != "STRING" && !kind.is_empty() {
        faults.push(format!("{place}.enum: only allowed for STRING type"));
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (index, name) in items(schema.get("required")).iter().filter_map(Value::as_str).enumerate() {
        if properties.is_none_or(|properties| !properties.contains_key(name)) {
            faults.push(format!("{place}.required[{index}]: property is not defined"));
        }
    }
    for (name, property) in properties.into_iter().flatten() {
        check(property, &format!("{place}.properties[{name}]"), faults);
    }
    if let Some(item) = schema.get("items") {
        check(item, &format!("{place}.items"), faults);
    }
    for (index, choice) in items(schema.get("anyOf")).iter().enumerate() {
        check(choice, &format!("{place}.any_of[{index}]"), faults);
    }
}
