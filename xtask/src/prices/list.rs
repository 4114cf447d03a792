//! The public list as it is: models by name, and their members as they are spelled.

use std::collections::BTreeMap;

use lockgate_prices::{Class, Figures};
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

    /// A member that is an amount of dollars for one token, a number or the text of one, as micro-dollars for a million.
    pub(crate) fn figure(&self, name: &str) -> Option<u64> {
        decimal::micros_per_million(self.0.get(name)?.get().trim_matches('"'))
    }

    /// All figures that go by these names.
    pub(crate) fn figures(&self, names: &[(&str, Class)]) -> Figures {
        names
            .iter()
            .fold(Figures::default(), |figures, (name, class)| figures.with(*class, self.figure(name)))
    }

    /// A member that is a number of tokens, which may be written as `32000.0`.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        count(self.0.get(name)?)
    }

    /// A member that is a list of objects; empty where there is none.
    pub(crate) fn list(&self, name: &str) -> Vec<Self> {
        self.0.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }

    /// The names of all members.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What is said by ranges of the input: the tokens at which each starts, and what counts in it.
    pub(crate) fn ranges(&self) -> Vec<(u64, Self)> {
        let ranges = self.list("tiered_pricing");
        ranges.into_iter().filter_map(|range| Some((range.start()?, range))).collect()
    }

    fn start(&self) -> Option<u64> {
        let bounds: Vec<Box<RawValue>> = serde_json::from_str(self.0.get("range")?.get()).ok()?;
        count(bounds.first()?)
    }
}

fn count(number: &RawValue) -> Option<u64> {
    let text = number.get();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}
