//! The schema says everything, says it truly, and says nothing that the check does not understand.

use serde_json::Value;

use crate::{Config, parse, schema};

/// What the check acts on, and what is only said to other readers of the schema.
const UNDERSTOOD: &[&str] = &[
    "$defs",
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "format",
    "items",
    "maximum",
    "minimum",
    "oneOf",
    "properties",
    "required",
    "type",
    "writeOnly",
    "x-also",
];
const FOR_READERS: &[&str] = &["$schema", "default", "description", "pattern", "title"];
const FORMATS: &[&str] = &[
    "any-json",
    "byte-size",
    "date-or-time",
    "file-mode",
    "human-duration",
    "human-duration-or-off",
    "int32",
    "listen-address",
    "share",
    "target",
    "uint32",
    "uint64",
    "share-or-all",
    "us-dollars",
];

/// Calls `visit` with every schema inside a schema, and its path.
fn walk(schema: &Value, path: &str, visit: &mut dyn FnMut(&Value, &str)) {
    visit(schema, path);
    for key in ["properties", "$defs"] {
        for (name, inner) in schema[key].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}/{name}"), visit);
        }
    }
    for key in ["anyOf", "oneOf"] {
        for inner in schema[key].as_array().into_iter().flatten() {
            walk(inner, path, visit);
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(key).filter(|inner| inner.is_object()) {
            walk(inner, &format!("{path}/{key}"), visit);
        }
    }
}

#[test]
fn no_keyword_and_no_format_is_ignored() {
    walk(&schema(), "", &mut |schema, path| {
        for key in schema.as_object().expect("a schema is an object").keys() {
            let known = UNDERSTOOD.contains(&key.as_str()) || FOR_READERS.contains(&key.as_str());
            assert!(known, "{path}: the check does not know `{key}`");
        }
        let format = schema["format"].as_str();
        assert!(format.is_none_or(|format| FORMATS.contains(&format)), "{path}: unknown format {format:?}");
    });
}

#[test]
fn every_field_is_described_and_every_object_is_strict() {
    walk(&schema(), "", &mut |schema, path| {
        if let Some(properties) = schema["properties"].as_object() {
            assert_eq!(schema["additionalProperties"], false, "{path} takes unknown keys");
            for (name, field) in properties {
                assert!(field["description"].is_string(), "{path}/{name} has no description");
            }
        }
    });
}

#[test]
fn every_default_of_the_schema_is_the_real_one() {
    let schema = schema();
    let mut written = 0;
    let mut file = serde_json::Map::new();
    for (section, reference) in schema["properties"].as_object().expect("a config has sections") {
        let name = reference["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
        let fields = name.and_then(|name| schema["$defs"][name]["properties"].as_object());
        let defaults: serde_json::Map<String, Value> = fields
            .into_iter()
            .flatten()
            .filter_map(|(name, field)| Some((name.clone(), field.get("default")?.clone())))
            .collect();
        written += defaults.len();
        if !defaults.is_empty() {
            file.insert(section.clone(), Value::Object(defaults));
        }
    }
    assert!(written >= 11, "only {written} defaults in {file:?}");
    // JSON is YAML.
    let config = parse("defaults", &Value::Object(file).to_string(), &|_| None).expect("defaults are valid");
    assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
}
