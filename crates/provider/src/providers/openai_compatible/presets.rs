//! The table of known services and servers that speak OpenAI's dialect.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::provider::Environment;

/// One row: a service or server under a name of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name in the config's `kind`.
    pub name: String,
    /// What the OpenAI SDK would be given as `base_url`.
    pub base_url: String,
    /// The environment variable that usually holds the key.
    #[serde(default)]
    pub env: Option<String>,
    /// Whether a start without a config file takes `env` as a wish to use this service. Off where the variable is
    /// somebody else's (a GitHub token is set for other reasons) or another row's.
    #[serde(default = "yes")]
    pub discover: bool,
    /// Whether the service answers nobody without a key.
    pub key: Key,
    /// How to get usage in a stream.
    pub stream_usage: StreamUsage,
    /// What is odd about it, for the documentation.
    #[serde(default)]
    pub note: Option<String>,
}

/// Whether a service wants a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// It answers nobody without one.
    Required,
    /// A server of one's own: as its operator started it.
    Optional,
}

/// How a provider can be brought to report usage in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamUsage {
    /// `stream_options.include_usage` asks for it.
    Ask,
    /// It comes unasked, and asking may be refused.
    Always,
    /// It does not come, and asking is refused.
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    preset: Vec<Preset>,
}

// A table that does not parse is empty here and fails `the_table_is_whole` in the tests: it is part of the binary,
// so nothing an operator does can break it.
static TABLE: LazyLock<Vec<Preset>> =
    LazyLock::new(|| parse(include_str!("presets.toml")).unwrap_or_default());

/// Every preset, in the order of the documentation.
pub fn presets() -> &'static [Preset] {
    &TABLE
}

impl Preset {
    pub(crate) fn environment(&'static self) -> Option<Environment> {
        let api_key = self.env.as_deref().filter(|_| self.discover)?;
        Some(Environment { kind: &self.name, api_key, base_url: None, api_version: None })
    }
}

fn parse(text: &str) -> Result<Vec<Preset>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.preset)
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{PROVIDERS, Site, address::Address, environment, find, kinds};

    #[test]
    fn the_table_is_whole() {
        let rows = parse(include_str!("presets.toml")).expect("presets.toml parses");
        assert!(rows.len() >= 25, "{} rows", rows.len());
        assert_eq!(rows.len(), presets().len());
        for row in &rows {
            Address::parse(&row.base_url).unwrap_or_else(|error| panic!("{}: {error}", row.name));
            assert!(!row.base_url.ends_with('/'), "{}: trailing slash", row.name);
            let site = Site::new(&row.name, None, None, &[]).expect("a preset needs nothing but its name");
            assert!(row.base_url.ends_with(site.prefix()), "{}: the path is changed", row.name);
            assert_eq!(
                row.key == Key::Required,
                row.env.is_some(),
                "{}: a required key has a variable",
                row.name
            );
            let local = row.base_url.starts_with("http://127.0.0.1:");
            assert_eq!(
                local,
                row.key == Key::Optional,
                "{}: local servers take requests without key",
                row.name
            );
            assert!(local || row.base_url.starts_with("https://"), "{}: keys go over TLS", row.name);
        }
    }

    #[test]
    fn every_kind_has_one_name_and_every_variable_one_kind() {
        let names = kinds();
        assert_eq!(names.len(), PROVIDERS.len() + presets().len());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
        for name in names {
            assert_eq!(find(name).expect("what is listed is found").name(), name);
        }
        let rows = environment();
        assert_eq!(rows.iter().map(|row| row.api_key).collect::<BTreeSet<_>>().len(), rows.len());
        assert_eq!(rows.first().map(|row| row.kind), Some("openai"));
        for stranger in ["GITHUB_TOKEN", "HF_TOKEN"] {
            assert!(rows.iter().all(|row| row.api_key != stranger), "{stranger} is not set for us");
        }
    }

    #[test]
    fn a_misspelt_field_is_an_error() {
        let row = "[[preset]]\nname='x'\nbase_url='https://x'\nkey='optional'\nstream_usage='ask'\nkeys=1";
        assert!(parse(row).is_err());
    }
}
