//! Schemas: Gemini's own form (a part of OpenAPI 3.0, types in upper case) and JSON Schema, made from each other.
//!
//! Gemini takes a schema in either of two fields, each with a list of keywords it understands: `parameters` /
//! `responseSchema` in its own form, `parametersJsonSchema` / `responseJsonSchema` in JSON Schema. What is written goes
//! into the field that can say more of it; what neither can say is left out and named as a loss.

mod read;
mod write;

pub(super) use read::to_json_schema;
pub(super) use write::{Field, entitled, write};

/// Keywords of Gemini's own form. Source: discovery document, schema `Schema`.
const OWN_KEYWORDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "nullable",
    "enum",
    "items",
    "minItems",
    "maxItems",
    "properties",
    "required",
    "minProperties",
    "maxProperties",
    "minLength",
    "maxLength",
    "pattern",
    "example",
    "anyOf",
    "propertyOrdering",
    "default",
    "minimum",
    "maximum",
];

/// Keywords of JSON Schema that Gemini acts on. Source: discovery document, `GenerationConfig.responseJsonSchema`.
/// References are inlined and so are not among them.
const JSON_KEYWORDS: &[&str] = &[
    "type",
    "format",
    "title",
    "description",
    "enum",
    "items",
    "prefixItems",
    "minItems",
    "maxItems",
    "minimum",
    "maximum",
    "anyOf",
    "oneOf",
    "properties",
    "additionalProperties",
    "required",
    "propertyOrdering",
];

/// Keywords that say nothing about values: leaving them out loses nothing.
const SILENT_KEYWORDS: &[&str] = &["$schema", "$id", "$anchor", "$comment", "$defs", "definitions"];

/// How a keyword's value nests schemas.
enum Nesting {
    /// It is a schema.
    One,
    /// It is a list of schemas.
    List,
    /// It is an object whose members are schemas.
    Map,
    /// It holds none.
    Leaf,
}

fn nesting(keyword: &str) -> Nesting {
    match keyword {
        "items" | "additionalProperties" | "not" | "contains" | "propertyNames" => Nesting::One,
        "anyOf" | "oneOf" | "allOf" | "prefixItems" => Nesting::List,
        "properties" | "patternProperties" | "$defs" | "definitions" => Nesting::Map,
        _ => Nesting::Leaf,
    }
}

#[cfg(test)]
mod tests;
