//! What becomes of schemas, keyword by keyword.

use super::*;

fn fit(schema: &str) -> (Option<String>, Vec<String>) {
    let raw = RawValue::from_string(schema.to_owned()).unwrap();
    let mut losses = Losses::default();
    let fitted = fitted(&raw, "s", &mut losses).map(|raw| raw.get().to_owned());
    (fitted, losses.iter().map(|loss| loss.path.clone()).collect())
}

#[track_caller]
fn check(schema: &str, expect: &str, losses: &[&str]) {
    assert_eq!(
        fit(schema),
        (Some(expect.to_owned()), losses.iter().map(|path| (*path).to_owned()).collect())
    );
    assert_eq!(fit(expect), (Some(expect.to_owned()), Vec::new()), "what is taken is left alone");
}

#[test]
fn objects_are_closed() {
    check(
        r#"{"type":"object","properties":{"z":{"type":"object"},"type":{"type":"string"}}}"#,
        r#"{"type":"object","properties":{"z":{"type":"object","additionalProperties":false},"type":{"type":"string"}},"additionalProperties":false}"#,
        &[],
    );
    check(
        r#"{"type":["object","null"],"additionalProperties":true,"required":[]}"#,
        r#"{"type":["object","null"],"required":[],"additionalProperties":false}"#,
        &["s.additionalProperties"],
    );
    check(
        r#"{"type":"object","additionalProperties":{"type":"integer"}}"#,
        r#"{"type":"object","description":"{additionalProperties: {\"type\":\"integer\"}}","additionalProperties":false}"#,
        &["s.additionalProperties"],
    );
    check(
        r#"{"anyOf":[{"type":"object"},{"type":"null"}],"default":{"type":"object"}}"#,
        r#"{"anyOf":[{"type":"object","additionalProperties":false},{"type":"null"}],"default":{"type":"object"}}"#,
        &[],
    );
    check("true", "true", &[]);
}

#[test]
fn constraints_are_moved_to_where_the_model_reads_them() {
    check(
        r#"{"type":"integer","minimum":1,"maximum":1e1,"description":"a \"number\""}"#,
        r#"{"type":"integer","description":"a \"number\"\n\n{minimum: 1, maximum: 1e1}"}"#,
        &["s.minimum", "s.maximum"],
    );
    check(
        r#"{"type":"string","minLength":2,"maxLength":3}"#,
        r#"{"type":"string","description":"{minLength: 2, maxLength: 3}"}"#,
        &["s.minLength", "s.maxLength"],
    );
    check(
        r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"number","multipleOf":2},"minItems":2,"uniqueItems":true}}}"#,
        r#"{"type":"object","properties":{"a":{"type":"array","items":{"type":"number","description":"{multipleOf: 2}"},"description":"{minItems: 2, uniqueItems: true}"}},"additionalProperties":false}"#,
        &["s.properties.a.minItems", "s.properties.a.uniqueItems", "s.properties.a.items.multipleOf"],
    );
    check(
        r#"{"enum":[{"a":1}],"const":[1],"not":{"type":"null"}}"#,
        r#"{"description":"{enum: [{\"a\":1}], const: [1], not: {\"type\":\"null\"}}"}"#,
        &["s.enum", "s.const", "s.not"],
    );
    check(
        r#"{"type":"array","items":[{"type":"null"}]}"#,
        r#"{"type":"array","description":"{items: [{\"type\":\"null\"}]}"}"#,
        &["s.items"],
    );
}

#[test]
fn what_is_taken_stays() {
    for schema in [
        r#"{"$schema":"x","title":"T","type":"string","format":"date-time","default":"d"}"#,
        r#"{"enum":["a",1,null,true]}"#,
        r#"{"type":"array","items":{"const":3},"minItems":1}"#,
        r#"{"type":"string","pattern":"^[a-z]{2,4}(-\\d+)?\\.$"}"#,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"null"}}}"##,
        r#"{"allOf":[{"type":"string"},{"enum":["a"]}]}"#,
    ] {
        check(schema, schema, &[]);
    }
}

#[test]
fn patterns_and_formats_that_are_not_taken_are_moved() {
    for pattern in [r"(?=a)", r"\\bword", r"(a)\\1", r"a{1,100}", r"a{2,}", r"\\p{L}", r"\\"] {
        let (fitted, losses) = fit(&format!(r#"{{"type":"string","pattern":"{pattern}"}}"#));
        assert!(fitted.unwrap().starts_with(r#"{"type":"string","description":"{pattern: "#), "{pattern}");
        assert_eq!(losses, ["s.pattern"], "{pattern}");
    }
    check(
        r#"{"type":"string","format":"color"}"#,
        r#"{"type":"string","description":"{format: \"color\"}"}"#,
        &["s.format"],
    );
}

#[test]
fn choices_and_references() {
    check(
        r#"{"oneOf":[{"type":"integer","minimum":0},{"type":"null"}]}"#,
        r#"{"anyOf":[{"type":"integer","description":"{minimum: 0}"},{"type":"null"}]}"#,
        &["s.oneOf", "s.oneOf[0].minimum"],
    );
    check(
        r##"{"type":"object","properties":{"a":{"$ref":"#/definitions/x","description":"d"}},"definitions":{"x":{"type":"object"}}}"##,
        r##"{"type":"object","properties":{"a":{"anyOf":[{"$ref":"#/definitions/x"}],"description":"d"}},"definitions":{"x":{"type":"object","additionalProperties":false}},"additionalProperties":false}"##,
        &[],
    );
    check(
        r##"{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"null"}}}"##,
        r##"{"anyOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"type":"null"}}}"##,
        &[],
    );
    check(
        r#"{"type":"string","$ref":"https://a.example/s.json"}"#,
        r#"{"type":"string","description":"{$ref: \"https://a.example/s.json\"}"}"#,
        &["s.$ref"],
    );
}

#[test]
fn a_schema_that_refers_to_itself_is_none() {
    for schema in [
        r##"{"type":"object","properties":{"child":{"$ref":"#"}}}"##,
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"items":{"$ref":"#/$defs/b"}},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}"##,
        r##"{"properties":{"a":{"properties":{"b":{"$ref":"#/properties/a"}}}}}"##,
    ] {
        assert_eq!(fit(schema), (None, Vec::new()), "{schema}");
    }
    let shared = r##"{"properties":{"a":{"$ref":"#/$defs/x"},"b":{"$ref":"#/$defs/x"}},"$defs":{"x":{"$ref":"#/$defs/y"},"y":{"type":"null"}}}"##;
    assert!(fit(shared).0.is_some(), "twice is not in a circle");
    let chain = (0..100_000).map(|n| format!(r##""d{n}":{{"$ref":"#/$defs/d{}"}}"##, n + 1));
    let chain = format!(r##"{{"$defs":{{{}}}}}"##, chain.collect::<Vec<_>>().join(","));
    assert_eq!(fit(&chain).0, None, "too long to be followed");
}
