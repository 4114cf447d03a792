//! `provider/upstream-model`, alone or with a weight.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use crate::units;

/// Something that can answer a model: written `provider/upstream-model`, or as a mapping with a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The provider's name in `providers`: what is before the first `/`.
    pub provider: String,
    /// The model's name at that provider: all after the first `/`.
    pub model: String,
    /// Its share of the pool's requests, 1 to 1000.
    pub weight: u32,
}

/// A target with a weight.
#[derive(serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WeightedTarget {
    /// The provider's name, `/`, and the model's name there.
    #[schemars(with = "units::TargetName")]
    target: String,
    /// Its share of the pool's requests, next to the other targets.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000), extend("default" = 1))]
    weight: u32,
}

impl Target {
    /// Reads `provider/upstream-model`; `None` when a side is missing.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, model) = units::target_sides(text)?;
        Some(Self { provider: provider.to_owned(), model: model.to_owned(), weight: one() })
    }
}

// A manual impl, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TargetVisitor)
    }
}

struct TargetVisitor;

impl<'de> Visitor<'de> for TargetVisitor {
    type Value = Target;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`provider/upstream-model`, or a mapping with `target` and `weight`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
        Target::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Other("other text"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
        let WeightedTarget { target, weight } =
            WeightedTarget::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Target { weight, ..self.visit_str(&target)? })
    }
}

impl JsonSchema for Target {
    fn schema_name() -> Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Something that can answer a model: `provider/upstream-model`, or a mapping with a weight.",
            "anyOf": [generator.subschema_for::<units::TargetName>(), generator.subschema_for::<WeightedTarget>()],
        })
    }
}

/// The weight of what has none written.
pub(crate) fn one() -> u32 {
    1
}
