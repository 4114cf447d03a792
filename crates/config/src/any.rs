//! A value of any shape, for what is the provider's to understand.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::tree::{Kind, Node, Scalar};

/// The schema's word for it.
const FORMAT: &str = "any-json";

/// Any value, as JSON text: members in the file's order, numbers as the file spells them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct AnyJson(String);

impl AnyJson {
    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for AnyJson {
    fn schema_name() -> Cow<'static, str> {
        "AnyJson".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Any value.", "format": FORMAT })
    }
}

/// Whether a schema allows any value.
pub(crate) fn is_any(schema: &serde_json::Value) -> bool {
    schema["format"] == FORMAT
}

/// A value as JSON text; `None` where a part of it is broken, which has its own report.
pub(crate) fn json(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Broken => None,
        Kind::Scalar(scalar) => Some(scalar_json(scalar)),
        Kind::Sequence(items) => {
            let items: Option<Vec<String>> = items.iter().map(json).collect();
            Some(format!("[{}]", items?.join(",")))
        }
        Kind::Mapping(entries) => {
            let members: Option<Vec<String>> = entries
                .iter()
                .map(|entry| Some(format!("{}:{}", quoted(&entry.key), json(&entry.value)?)))
                .collect();
            Some(format!("{{{}}}", members?.join(",")))
        }
    }
}

/// YAML's core schema: what is not quoted and looks like null, a truth value or a number is one.
fn scalar_json(scalar: &Scalar) -> String {
    let text = scalar.text.as_str();
    if scalar.is_null() {
        return "null".to_owned();
    }
    let is_literal =
        matches!(text, "true" | "false") || serde_json::from_str::<serde_json::Number>(text).is_ok();
    if is_literal && (scalar.plain || scalar.interpolated) { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
