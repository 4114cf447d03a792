//! Which of the list's providers are kinds of ours, and what their models are called without the list's additions.

use std::sync::LazyLock;

use serde::Deserialize;

use super::list::{List, Members};

/// A provider of the list that is a kind of ours: a row of `sources.toml`. Where names meet, earlier rows count for more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    /// The list's word for it.
    provider: String,
    /// The kind, as the config has it.
    kind: String,
    /// What the list puts before its models' names.
    #[serde(default)]
    prefix: Option<String>,
    /// Whether names without the prefix are models too, and not prices by size.
    #[serde(default)]
    bare: bool,
    /// Whether models' own names have slashes; elsewhere what has one is a region's price or a picture's.
    #[serde(default)]
    slashes: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    source: Vec<Source>,
}

// One that does not parse is empty here and fails `the_sources_are_whole`.
static SOURCES: LazyLock<Vec<Source>> =
    LazyLock::new(|| parse(include_str!("sources.toml")).unwrap_or_default());

fn parse(text: &str) -> Result<Vec<Source>, toml::de::Error> {
    toml::from_str::<Sources>(text).map(|sources| sources.source)
}

/// An entry of the list that is a model of a kind of ours.
pub(crate) struct Found<'a> {
    /// The kind of provider whose it is.
    pub(crate) kind: &'static str,
    /// The model, as the provider calls it.
    pub(crate) model: &'a str,
    /// What the list calls it.
    pub(crate) key: &'a str,
    /// What the list says of it.
    pub(crate) members: &'a Members,
}

/// The entries of kinds of ours: those of earlier sources first, and of one source those with its prefix first.
pub(crate) fn assign(list: &List) -> Vec<Found<'_>> {
    let mut found = Vec::new();
    for source in SOURCES.iter() {
        let own = list
            .iter()
            .filter(|(_, members)| members.text("litellm_provider").as_ref() == Some(&source.provider));
        let named = own.filter_map(|(key, members)| {
            let (model, rank) = source.model(key)?;
            Some((rank, Found { kind: &source.kind, model, key, members }))
        });
        let mut named: Vec<(u8, Found<'_>)> = named.collect();
        named.sort_by_key(|(rank, _)| *rank);
        found.extend(named.into_iter().map(|(_, found)| found));
    }
    found
}

impl Source {
    /// The model's own name, and how much the list's name for it is worth, the least the most.
    fn model<'a>(&self, key: &'a str) -> Option<(&'a str, u8)> {
        let own = self.prefix.as_ref().and_then(|prefix| key.strip_prefix(prefix.as_str()));
        let (model, rank) = match own {
            Some(model) => (model, 0),
            None if self.bare || self.prefix.is_none() => (key, 1),
            None => return None,
        };
        (self.slashes || !model.contains('/')).then_some((model, rank))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_whole() {
        let sources = parse(include_str!("sources.toml")).expect("sources.toml parses");
        assert_eq!(sources.len(), SOURCES.len());
        let kinds = lockgate_provider::kinds();
        for source in &sources {
            assert!(kinds.contains(&source.kind.as_str()), "{}: no such kind", source.kind);
        }
    }

    #[test]
    fn names_lose_what_the_list_added() {
        let source = |prefix: Option<&str>, bare, slashes| Source {
            provider: String::new(),
            kind: String::new(),
            prefix: prefix.map(str::to_owned),
            bare,
            slashes,
        };
        let check = |source: &Source, key, model: Option<&str>| {
            assert_eq!(source.model(key).map(|(model, _)| model), model, "{key}");
        };
        check(&source(Some("near/"), false, true), "near/maker/model", Some("maker/model"));
        check(&source(Some("near/"), false, true), "near-4b-to-16b", None);
        check(&source(Some("near/"), true, false), "model", Some("model"));
        check(&source(Some("near/"), true, false), "near/eu/model", None);
        check(&source(None, false, false), "model", Some("model"));
        check(&source(None, false, false), "1024-x-1024/model", None);
    }
}
