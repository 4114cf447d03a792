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
    /// The models they are for; `*` for every model of the kind.
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
    /// The share of the price, in percent, that a batch costs.
    #[serde(default)]
    batch: Option<u64>,
    /// Nothing that the list says of them is so: no price is better.
    #[serde(default)]
    unknown: bool,
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
        for model in self.of(entries) {
            let key = (self.kind.clone(), model);
            if self.unknown {
                entries.remove(&key);
                continue;
            }
            let entry = entries.entry(key).or_insert_with_key(|(kind, model)| Entry {
                kind: kind.clone(),
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
            if let Some(percent) = self.batch {
                let share = |class| entry.base.get(class).map(|figure| figure * percent / 100);
                entry.batch = (share(Class::Input), share(Class::Output));
            }
        }
        Ok(())
    }

    fn of(&self, entries: &BTreeMap<(String, String), Entry>) -> Vec<String> {
        if self.models == ["*"] {
            let own = entries.keys().filter(|(kind, _)| *kind == self.kind);
            return own.map(|(_, model)| model.clone()).collect();
        }
        self.models.clone()
    }
}

fn class(name: &str) -> Result<Class, Failure> {
    let class = Class::ALL.into_iter().find(|class| class.name() == name);
    class.ok_or_else(|| format!("corrections.toml: there is no class of tokens `{name}`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correct(text: &str, of: &[(&str, Figures)]) -> BTreeMap<(String, String), Entry> {
        let corrections = toml::from_str::<Corrections>(text).expect("corrections").correction;
        let entry = |(model, base): &(&str, Figures)| {
            let key = ("kind".to_owned(), (*model).to_owned());
            let entry = Entry {
                kind: key.0.clone(),
                model: key.1.clone(),
                answers: Answers::Text,
                base: *base,
                tiers: BTreeMap::new(),
                batch: (None, None),
            };
            (key, entry)
        };
        let mut entries = of.iter().map(entry).collect();
        for correction in corrections {
            correction.apply(&mut entries).expect("classes there are");
        }
        entries
    }

    #[test]
    fn a_figure_takes_the_place_of_the_lists() {
        let text = r#"
            [[correction]]
            kind = "kind"
            models = ["old", "new"]
            source = "https://example.test/"
            figures = { input = 2, output = 10 }
            none = ["cache_read"]
            batch = 50

            [[correction]]
            kind = "kind"
            models = ["old"]
            source = "https://example.test/"
            above = 200
            figures = { input = 4 }"#;
        let entries = correct(text, &[("old", Figures::new(3, 15).with(Class::CacheRead, 1))]);
        let of = |model: &str| entries.get(&("kind".to_owned(), model.to_owned())).expect(model);
        assert_eq!(of("old").base, Figures::new(2, 10));
        assert_eq!(of("old").tiers, BTreeMap::from([(200, Figures::default().with(Class::Input, 4))]));
        assert_eq!((of("new").base, of("new").batch), (Figures::new(2, 10), (Some(1), Some(5))));
    }

    #[test]
    fn a_model_can_be_unknown_and_a_kind_meant_whole() {
        let text = r#"
            [[correction]]
            kind = "kind"
            models = ["b"]
            source = "https://example.test/"
            unknown = true

            [[correction]]
            kind = "kind"
            models = ["*"]
            source = "https://example.test/"
            batch = 50"#;
        let entries = correct(text, &[("a", Figures::new(4, 8)), ("b", Figures::new(1, 1))]);
        let batches: Vec<_> = entries.values().map(|entry| (entry.model.as_str(), entry.batch)).collect();
        assert_eq!(batches, [("a", (Some(2), Some(4)))]);
    }

    #[test]
    fn the_corrections_are_whole() {
        let kinds = lockgate_provider::kinds();
        for correction in corrections().expect("corrections.toml parses") {
            assert!(kinds.contains(&correction.kind.as_str()), "{}: no such kind", correction.kind);
            assert!(correction.source.starts_with("https://"), "{:?}: no source", correction.models);
            for name in correction.none.iter().chain(correction.figures.keys()) {
                assert!(class(name).is_ok(), "{name}");
            }
        }
    }
}
