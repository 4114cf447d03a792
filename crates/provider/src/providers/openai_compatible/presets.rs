//! The table of known services and servers that speak OpenAI's dialect.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::preset::Preset;

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

fn parse(text: &str) -> Result<Vec<Preset>, toml::de::Error> {
    toml::from_str::<Table>(text).map(|table| table.preset)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Key, PROVIDERS, Wish, address::Address, environment, find, kinds};

    #[test]
    fn the_table_is_whole() {
        let rows = parse(include_str!("presets.toml")).expect("presets.toml parses");
        assert!(rows.len() >= 25, "{} rows", rows.len());
        assert_eq!(rows.len(), presets().len());
        for row in &rows {
            Address::parse(&row.base_url).unwrap_or_else(|error| panic!("{}: {error}", row.name));
            assert!(!row.base_url.ends_with('/'), "{}: trailing slash", row.name);
            let kind = find(&row.name).expect("a preset's name is a kind");
            let wish = Wish { preset: kind.preset, ..Wish::default() };
            let place = kind.provider.locate(&wish).expect("a preset needs nothing but its name");
            assert!(row.base_url.ends_with(&place.address.path), "{}: the path is changed", row.name);
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
