//! What is looked past in names, and what is not.

use super::*;

#[track_caller]
fn check(kind: &str, model: &str, expected: &[&str]) {
    let found: Vec<&str> = candidates(habits(kind), model).collect();
    assert_eq!(found, expected, "{kind} {model}");
}

#[test]
fn the_names_are_whole() {
    let rows = parse(include_str!("../../names.toml")).expect("names.toml parses");
    assert_eq!(rows.len(), HABITS.len());
    let kinds = lockgate_provider::kinds();
    for row in &rows {
        let mut named = std::iter::once(&row.kind).chain(&row.prices_of);
        assert!(named.all(|kind| kinds.contains(&kind.as_str())), "{}: no such kind", row.kind);
    }
}

#[test]
fn a_date_is_looked_past() {
    check("deepseek", "m", &["m"]);
    check("deepseek", "m-2024-08-06", &["m-2024-08-06", "m"]);
    check("deepseek", "m-20250929", &["m-20250929", "m"]);
    check("deepseek", "m@20250929", &["m@20250929", "m"]);
    check("deepseek", "m-latest", &["m-latest", "m"]);
    check("deepseek", "m@default", &["m@default", "m"]);
}

#[test]
fn what_is_no_date_is_part_of_the_name() {
    for name in [
        "m-mini",
        "m-2024",
        "m-0613",
        "m-2024-08-0",
        "m-2024-08-066",
        "m-2024/08/06",
        "m-2025092",
        "m@2025-09-29",
        "mlatest",
        "m-Latest",
    ] {
        check("deepseek", name, &[name]);
    }
    check("deepseek", "-latest", &["-latest"]);
    check("deepseek", "", &[]);
    check("deepseek", "ü@2025092", &["ü@2025092"]);
}

#[test]
fn a_beginning_is_the_kinds_own() {
    check("gemini", "models/m-latest", &["models/m-latest", "models/m", "m-latest", "m"]);
    check("deepseek", "models/m", &["models/m"]);
    check("vertex", "publishers/google/models/m", &["publishers/google/models/m", "m"]);
    check("vertex", "google/m@20250929", &["google/m@20250929", "google/m", "m@20250929", "m"]);
    check("bedrock", "us.maker.m-v1:0", &["us.maker.m-v1:0", "maker.m-v1:0"]);
    check("bedrock", "us-gov.maker.m-v1:0", &["us-gov.maker.m-v1:0"]);
}

#[test]
fn a_resource_is_named_behind_its_path() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.maker.m-v1:0";
    check("bedrock", arn, &["us.maker.m-v1:0", "maker.m-v1:0"]);
    let mine = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    check("bedrock", mine, &[mine]);
}

#[test]
fn a_tuned_model_has_the_price_of_its_base() {
    check("openai", "ft:m-2024-08-06:org::id", &["ft:m-2024-08-06:org::id", "ft:m-2024-08-06"]);
    check("openai", "ft:m", &["ft:m"]);
    check("openai", "m:org", &["m:org"]);
}
