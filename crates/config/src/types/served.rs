//! A model that a provider or a credential is known to serve: a glob, or a name with an alias.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// A model that is served: by the names that fit a glob, or by another name than the provider's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The model as the provider knows it; without an alias `*` and `?` work.
    pub name: String,
    /// What clients call it, if not by that name.
    pub alias: Option<String>,
}

/// A model with a name of the operator's own.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AliasedModel {
    /// The model as the provider knows it.
    name: String,
    /// What clients call it. All models with the same alias are a pool, of one credential or of several.
    alias: String,
}

// A manual impl, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de> Deserialize<'de> for Served {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ServedVisitor)
    }
}

struct ServedVisitor;

impl<'de> Visitor<'de> for ServedVisitor {
    type Value = Served;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model's name, or a mapping with `name` and `alias`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Served, E> {
        Ok(Served { name: text.to_owned(), alias: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Served, A::Error> {
        let AliasedModel { name, alias } =
            AliasedModel::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Served { name, alias: Some(alias) })
    }
}

impl JsonSchema for Served {
    fn schema_name() -> Cow<'static, str> {
        "Served".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A model that is served: its name, where `*` and `?` work, or a mapping with an alias.",
            "anyOf": [generator.subschema_for::<String>(), generator.subschema_for::<AliasedModel>()],
        })
    }
}
