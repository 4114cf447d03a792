//! The schema that editors get, held to an independent validator, and to independent readers of the files.

use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use crate::files::configs;

/// Wrong files that a schema cannot know to be wrong: what is written twice, what belongs together, what is named and not
/// there.
const OF_MEANING: &[&str] = &[
    "auth_secrets",
    "base_urls",
    "body_budget",
    "client_keys",
    "duplicate_keys",
    "exposed",
    "exposed_with_empty_keys",
    "listeners_that_make_no_sense",
    "listening_nowhere",
    "models",
    "no_providers",
    "origins_with_credentials",
    "providers",
    "variables",
];

/// Files that readers of their format refuse before any schema is asked.
const OF_FORMAT: &[&str] = &[
    "alias_of_itself",
    "billion_laughs",
    "json5_comma",
    "json5_comment",
    "json5_end",
    "json5_in_yaml",
    "json5_quotes",
    "json5_unclosed",
    "key_is_a_mapping",
    "nul_character",
    "numbers",
    "syntax_bracket",
    "syntax_indentation",
    "syntax_missing_space",
    "syntax_tab",
    "syntax_two_colons",
    "syntax_unclosed_quote",
    "tags",
    "toml_duplicates",
    "toml_number",
    "toml_quotes",
    "toml_unclosed",
    "toml_yaml",
    "two_documents",
    "unknown_alias",
];

fn validator() -> Validator {
    let schema = lockgate_config::json_schema();
    jsonschema::meta::validate(&schema).expect("it is a JSON Schema");
    jsonschema::draft202012::new(&schema).expect("it is a JSON Schema of 2020-12")
}

/// The file as JSON, by readers that are not this crate's; `None` if they refuse it.
fn read(file: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(file).expect("a fixture is readable");
    let text = text.trim_start_matches('\u{feff}');
    match file.extension()?.to_str()? {
        // `{ key: ${VAR} }` without quotes is read here only: to others it is a mapping inside of a text.
        "yaml" => serde_norway::from_str(&with_braces(text, ["${", "}"], ["$<", ">"])).ok().map(restored),
        "json5" => json5::from_str(text).ok(),
        _ => toml::from_str(text).ok(),
    }
}

/// The text with other braces around the names of variables.
fn with_braces(text: &str, [open, close]: [&str; 2], [new_open, new_close]: [&str; 2]) -> String {
    let mut parts = text.split(open);
    let mut replaced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(close) {
            Some((name, rest)) if !name.contains('\n') => {
                replaced += &format!("{new_open}{name}{new_close}{rest}");
            }
            _ => replaced += &format!("{open}{part}"),
        }
    }
    replaced
}

fn restored(value: Value) -> Value {
    match value {
        Value::String(text) => with_braces(&text, ["$<", ">"], ["${", "}"]).into(),
        Value::Array(items) => items.into_iter().map(restored).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, restored(value))).collect(),
        other => other,
    }
}

#[test]
fn every_good_file_is_accepted() {
    let validator = validator();
    let folders = ["tests/fixtures/good", "../../examples"];
    let mut wrong = Vec::new();
    for file in folders.into_iter().flat_map(configs) {
        let json = read(&file).unwrap_or_else(|| panic!("{} is not read", file.display()));
        let faults: Vec<String> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        wrong.extend(faults.iter().map(|fault| format!("{}: {fault}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_that_is_wrong_by_its_shape_is_refused() {
    let validator = validator();
    let mut accepted = Vec::new();
    let mut unread = Vec::new();
    for file in configs("tests/fixtures/bad") {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        match read(&file) {
            None => unread.push(name),
            Some(json) if validator.is_valid(&json) => accepted.push(name),
            Some(_) => {}
        }
    }
    assert_eq!(accepted, OF_MEANING);
    assert_eq!(unread, OF_FORMAT);
}

#[test]
fn the_page_is_that_of_the_types() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.md");
    let page = lockgate_config::reference();
    // Renewed with the snapshots, which it is like.
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, &page).expect("the page is written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    let remedy = "lockgate schema --reference > docs/reference/config.md";
    assert!(kept == page, "docs/reference/config.md is stale, renew it: {remedy}");
}
