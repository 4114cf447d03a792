//! The JSON Schema as others read it: editors, and validators of files that nobody has run yet.
//!
//! The types say what a value must come to; a file may also say it by a variable, and in the spellings of its format.

use serde_json::{Map, Value as Json, json};

use crate::check::has_type;

/// What any value may be instead of itself: a text in which a variable or a file is named.
const REFERENCE: &str = r"\$\{|^file://";

/// The schema of what is accepted.
pub(crate) fn published(mut schema: Json) -> Json {
    schema["title"] = "Lockgate's config".into();
    widen(&mut schema);
    schema
}

fn widen(schema: &mut Json) {
    for key in ["anyOf", "oneOf"] {
        schema.get_mut(key).and_then(Json::as_array_mut).into_iter().flatten().for_each(widen);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(key).filter(|inner| inner.is_object()) {
            widen(inner);
        }
    }
    for key in ["properties", "$defs"] {
        if let Some(members) = schema.get_mut(key).and_then(Json::as_object_mut) {
            members.values_mut().for_each(widen);
        }
    }
    if let Some(members) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        other_names(members);
    }
    if let Some(schema) = schema.as_object_mut() {
        spellings(schema);
    }
}

/// Fields that are known by another name are there by both.
fn other_names(members: &mut Map<String, Json>) {
    let named = |field: &Json| Some((field["x-also"].as_str()?.to_owned(), field.clone()));
    let others: Vec<(String, Json)> = members.values().filter_map(named).collect();
    members.extend(others);
}

/// What stands for the same value.
fn spellings(schema: &mut Map<String, Json>) {
    let whole = Json::Object(schema.clone());
    let has = |name: &str| has_type(&whole, name);
    if schema.contains_key("const") || schema.contains_key("$ref") {
        return;
    }
    // Words in an enumeration, of which a variable may bring one.
    let alternatives = schema.get_mut("oneOf").and_then(Json::as_array_mut);
    if let Some(alternatives) = alternatives {
        alternatives.push(json!({ "type": "string", "pattern": REFERENCE }));
    } else if let Some(words) = schema.remove("enum") {
        let plain = json!({ "type": schema.remove("type"), "enum": words });
        schema.insert("anyOf".to_owned(), json!([plain, { "type": "string", "pattern": REFERENCE }]));
    } else if has("integer") || has("boolean") {
        allow(schema, &["string"]);
        schema.insert("pattern".to_owned(), REFERENCE.into());
    } else if let Some(pattern) = whole["pattern"].as_str() {
        schema.insert("pattern".to_owned(), format!("{pattern}|{REFERENCE}").into());
        if let Some("us-dollars" | "share") = whole["format"].as_str() {
            allow(schema, &["number"]);
            schema.insert("minimum".to_owned(), 0.into());
        }
        if whole["format"] == "share" {
            schema.insert("maximum".to_owned(), 1.into());
        }
    } else if has("string") {
        // A text that looks like a number or a truth value needs no quotes.
        allow(schema, &["number", "boolean"]);
    } else if (has("object") || has("array")) && !schema.contains_key("required") {
        // A section whose lines are all commented out is an empty one.
        allow(schema, &["null"]);
    }
}

/// Allows more types beside those that are.
fn allow(schema: &mut Map<String, Json>, more: &[&str]) {
    let mut types = match schema.remove("type") {
        Some(Json::Array(types)) => types,
        Some(one) => vec![one],
        None => return,
    };
    types.extend(
        more.iter()
            .filter(|name| !types.contains(&(**name).into()))
            .map(|name| (*name).into())
            .collect::<Vec<Json>>(),
    );
    schema.insert("type".to_owned(), types.into());
}
