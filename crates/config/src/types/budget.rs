//! What may be spent, and over which time.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::price::Usd;
use crate::units;

/// Several budgets, each of which must have room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budgets(Vec<Budget>);

/// What may be spent in a time: money or tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The most money, in US dollars. What a call may cost is kept aside before it is made, so that the models it asks for
    /// must have a known price.
    #[serde(default)]
    #[schemars(with = "Option<units::Dollars>")]
    pub usd: Option<Usd>,
    /// The most tokens, in and out.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// In which time.
    pub per: Per,
    /// Whether the time is as long before now, instead of the hour, day, week (from Monday on) or month of the calendar in
    /// UTC; a month is then 30 days.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub rolling: bool,
}

/// A time that a budget is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// All time.
    Total,
}

// === impl Budgets ===

impl Deref for Budgets {
    type Target = [Budget];

    fn deref(&self) -> &[Budget] {
        &self.0
    }
}

// A manual impl, because `#[serde(untagged)]` buffers its input and loses the place of an error.
impl<'de> Deserialize<'de> for Budgets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BudgetsVisitor)
    }
}

struct BudgetsVisitor;

impl<'de> Visitor<'de> for BudgetsVisitor {
    type Value = Budgets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a budget or a list of them")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Budgets, E> {
        Ok(Budgets::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Budgets, A::Error> {
        let budget = Budget::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Budgets(vec![budget]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Budgets, A::Error> {
        let mut budgets = Vec::new();
        while let Some(budget) = items.next_element()? {
            budgets.push(budget);
        }
        Ok(Budgets(budgets))
    }
}

impl JsonSchema for Budgets {
    fn schema_name() -> Cow<'static, str> {
        "Budgets".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let budget = generator.subschema_for::<Budget>();
        json_schema!({
            "description": "A budget, or a list of them.",
            "anyOf": [budget, { "type": "array", "items": budget }],
        })
    }
}
