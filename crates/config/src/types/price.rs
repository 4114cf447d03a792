//! What a model costs.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::units;

/// What a model costs, in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input that comes from no cache.
    #[schemars(with = "units::Dollars")]
    pub input: Usd,
    /// Output, reasoning included.
    #[schemars(with = "units::Dollars")]
    pub output: Usd,
    /// Input read from the provider's cache; without it as much as other input.
    #[serde(default)]
    #[schemars(with = "Option<units::Dollars>")]
    pub cache_read: Option<Usd>,
    /// Input written to the provider's cache; without it as much as other input.
    #[serde(default)]
    #[schemars(with = "Option<units::Dollars>")]
    pub cache_write: Option<Usd>,
}

/// An amount of money, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub u64);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        units::micros(&text).map(Self).ok_or_else(|| D::Error::custom("no amount of dollars"))
    }
}
