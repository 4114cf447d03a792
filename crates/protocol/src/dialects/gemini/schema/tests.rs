//! Schemas in and out, with what is lost.

use serde_json::value::RawValue;

use super::{Field, to_json_schema, write};
use crate::ir::Losses;

#[track_caller]
fn check_read(gemini: &str, json: &str) {
    let raw: &RawValue = serde_json::from_str(gemini).unwrap();
    assert_eq!(to_json_schema(raw).get(), json);
}

#[track_caller]
fn check(json: &str, field: Field, expect: &str, lost: &str) {
    let mut losses = Losses::default();
    let raw: &RawValue = serde_json::from_str(json).unwrap();
    let written = write(raw, "schema", false, &mut losses);
    assert_eq!((written.field, written.schema.get(), losses.to_string().as_str()), (field, expect, lost));
}

#[test]
fn geminis_form_becomes_json_schema() {
    check_read(
        r#"{"type":"OBJECT","properties":{"type":{"type":"STRING","nullable":true},"n":{"type":"ARRAY","minItems":"2","items":{"type":"INTEGER"}}}}"#,
        r#"{"type":"object","properties":{"type":{"type":["string","null"]},"n":{"type":"array","minItems":2,"items":{"type":"integer"}}}}"#,
    );
    check_read(
        r#"{"anyOf":[{"type":"STRING"}],"nullable":true}"#,
        r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
    );
    check_read(
        r#"{"type":"STRING","enum":["A"],"nullable":true}"#,
        r#"{"type":["string","null"],"enum":["A",null]}"#,
    );
    check_read(r#"{"type":"string","nullable":false}"#, r#"{"type":"string"}"#);
    let plain = r#"{ "type" : "object" , "properties" : { } }"#;
    check_read(plain, plain);
    check_read("true", "true");
}

#[test]
fn what_the_own_form_can_say_is_said_in_it() {
    check(
        r##"{"$schema":"x","type":"object","properties":{"b":{"type":["string","null"]},"a":{"$ref":"#/$defs/A","description":"near"}},"required":["b"],"$defs":{"A":{"type":"string","description":"far","enum":["x"]}}}"##,
        Field::Own,
        r#"{"type":"OBJECT","properties":{"b":{"type":"STRING","nullable":true},"a":{"description":"near","type":"STRING","enum":["x"]}},"required":["b"]}"#,
        "",
    );
    check(
        r#"{"anyOf":[{"type":"integer","minimum":1.50},{"type":"null"}],"title":"N"}"#,
        Field::Own,
        r#"{"title":"N","type":"INTEGER","minimum":1.50,"nullable":true}"#,
        "",
    );
    check(r#"{"const":"x"}"#, Field::Own, r#"{"type":"STRING","enum":["x"]}"#, "");
    check(
        r##"{"allOf":[{"$ref":"#/d/A"}],"d":{"A":{"type":"string"}}}"##,
        Field::Json,
        r#"{"type":"string"}"#,
        "schema.d (Gemini knows no such keyword)",
    );
}

#[test]
fn the_field_that_says_more_is_taken() {
    let strict =
        r#"{"type":"object","properties":{"n":{"type":["string","number"]}},"additionalProperties":false}"#;
    check(strict, Field::Json, strict, "");
    check(r#"{"enum":[1,2]}"#, Field::Json, r#"{"enum":[1,2]}"#, "");
    check(r#"{}"#, Field::Json, r#"{}"#, "");
    check(
        r#"{"anyOf":[{"type":"string"},{"type":"number"}],"description":"d"}"#,
        Field::Json,
        r#"{"anyOf":[{"type":"string"},{"type":"number"}],"description":"d"}"#,
        "",
    );
}

#[test]
fn what_no_field_can_say_is_named() {
    check(
        r#"{"type":"object","properties":{"a":{"type":"string","pattern":"^x","not":{}}}}"#,
        Field::Own,
        r#"{"type":"OBJECT","properties":{"a":{"type":"STRING","pattern":"^x"}}}"#,
        "schema.properties.a.not (Gemini knows no such keyword)",
    );
    check(
        r#"{"enum":[true]}"#,
        Field::Json,
        r#"{}"#,
        "schema.enum (Gemini takes only texts here, and numbers in JSON Schema)",
    );
    check(
        r#"{"type":"integer","allOf":[{"minimum":1},{"minimum":2}]}"#,
        Field::Json,
        r#"{"type":"integer","minimum":1}"#,
        "schema.allOf (schemas that constrain the same keyword cannot be joined)",
    );
    check(
        r#"{"$ref":"https://x/y"}"#,
        Field::Json,
        r#"{}"#,
        "schema.$ref (the reference leads nowhere within the schema)",
    );
}

#[test]
fn references_are_followed_but_not_for_ever() {
    check(
        r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##,
        Field::Json,
        r#"{"type":"object","properties":{"next":{}}}"#,
        "schema.properties.next.$ref (the schema contains itself)",
    );
    // Each definition doubles the next one: 2^30 schemas if nobody stopped.
    let definitions: Vec<String> = (0..30)
        .map(|n| format!(r##""d{n}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{m}"}},"b":{{"$ref":"#/$defs/d{m}"}}}}}}"##, m = n + 1))
        .collect();
    let bomb = format!(
        r##"{{"$ref":"#/$defs/d0","$defs":{{{},"d30":{{"type":"string"}}}}}}"##,
        definitions.join(",")
    );
    let mut losses = Losses::default();
    let raw: &RawValue = serde_json::from_str(&bomb).unwrap();
    let written = write(raw, "schema", false, &mut losses);
    assert!(written.schema.get().len() < 2_000_000 && losses.to_string().contains("too large"));
}

#[test]
fn at_home_everything_goes_through() {
    let raw: &RawValue = serde_json::from_str(r#"{"type":"object","not":{}}"#).unwrap();
    let mut losses = Losses::default();
    let written = write(raw, "schema", true, &mut losses);
    assert_eq!((written.field, written.schema.get()), (Field::Json, raw.get()));
    assert!(losses.is_empty());
}
