//! What was looked up at a provider's own and is otherwise than in the list, or not in it.

use std::collections::BTreeMap;

use lockgate_prices::{Class, Figures};
use serde::Deserialize;

use super::entry::{Answers, Entry};
use crate::workspace::Failure;

/// Figures of the provider's own: a row of `corrections.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correction {
    /// The kind of provider.
    pub(crate) kind: String,
    /// The models they are for.
    pub(crate) models: Vec<String>,
    /// Where they are written.
    pub(crate) source: String,
    /// The tokens of input above which they count.
    #[serde(default)]
    above: Option<u64>,
    /// Classes whose figures in the list are not so, without another in their place.
    #[serde(default)]
    none: Vec<String>,
    /// Figures by class, in micro-dollars for a million tokens.
    #[serde(default)]
    figures: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corrections {
    correction: Vec<Correction>,
}

/// What `corrections.toml` says.
///
/// # Errors
/// When it is not what it should be.
pub(crate) fn corrections() -> Result<Vec<Correction>, Failure> {
    Ok(toml::from_str::<Corrections>(include_str!("corrections.toml"))?.correction)
}

impl Correction {
    /// Puts it in the place of what the list says.
    ///
    /// # Errors
    /// When it names a class that there is not.
    pub(crate) fn apply(&self, entries: &mut BTreeMap<(String, String), Entry>) -> Result<(), Failure> {
        for model in &self.models {
            let entry = entries.entry((self.kind.clone(), model.clone())).or_insert_with(|| Entry {
                kind: self.kind.clone(),
                model: model.clone(),
                answers: Answers::Text,
                base: Figures::default(),
                tiers: BTreeMap::new(),
                batch: (None, None),
            });
            let figures = match self.above {
                Some(above) => entry.tiers.entry(above).or_default(),
                None => &mut entry.base,
            };
            for name in &self.none {
                *figures = figures.without(class(name)?);
            }
            for (name, figure) in &self.figures {
                *figures = figures.with(class(name)?, *figure);
            }
        }
        Ok(())
    }
}

fn class(name: &str) -> Result<Class, Failure> {
    let class = Class::ALL.into_iter().find(|class| class.name() == name);
    class.ok_or_else(|| format!("corrections.toml: there is no class of tokens `{name}`").into())
}
