//! The public list as it is: models by name, and their members as they are spelled.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decimal;
use crate::workspace::Failure;

/// The list's models.
pub(crate) type List = BTreeMap<String, Members>;

/// What the list says of a model, or of a range of a call's input.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Members(BTreeMap<String, Box<RawValue>>);

/// Reads the list.
///
/// # Errors
/// When it is no JSON object of objects.
pub(crate) fn parse(text: &str) -> Result<List, Failure> {
    Ok(serde_json::from_str(text).map_err(|error| format!("this is not the list of prices: {error}"))?)
}

impl Members {
    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// A member that is an amount of dollars for one token, as micro-dollars for a million.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        decimal::micros_per_million(self.0.get(name)?.get())
    }

    /// The names of all members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is said by ranges of the input: how many tokens are below each, and what counts in it.
    pub(crate) fn ranges(&self) -> Vec<(u64, Self)> {
        let ranges: Vec<Self> = self
            .0
            .get("tiered_pricing")
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        ranges.into_iter().filter_map(|range| Some((range.start()?, range))).collect()
    }

    /// The tokens at which a range starts, which the list writes as `32000` or `32000.0`.
    fn start(&self) -> Option<u64> {
        let bounds: Vec<Box<RawValue>> = serde_json::from_str(self.0.get("range")?.get()).ok()?;
        let start = bounds.first()?.get();
        start.strip_suffix(".0").unwrap_or(start).parse().ok()
    }
}
