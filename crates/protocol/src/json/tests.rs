//! The scanner agrees with serde_json on what JSON is, and finds what it should.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(body: &str, name: &str, expect: Result<Option<&str>, &str>) {
    let got = Object::scan(body.as_bytes()).and_then(|object| object.get(body.as_bytes(), name));
    match (got, expect) {
        (Ok(range), Ok(expect)) => assert_eq!(range.map(|range| &body[range]), expect),
        (Err(error), Err(expect)) => assert_eq!(error.to_string(), expect),
        (got, expect) => panic!("{got:?} instead of {expect:?}"),
    }
}

#[test]
fn finds_a_top_level_value_and_no_deeper_one() {
    check(r#"{"a":{"model":"no"},"model" : "yes" }"#, "model", Ok(Some("\"yes\"")));
    check(r#"{"a":[{"model":"no"}]}"#, "model", Ok(None));
    check(r#" { } "#, "model", Ok(None));
    check(r#"{"n":1.50e+10,"model":null}"#, "n", Ok(Some("1.50e+10")));
}

#[test]
fn a_name_spelled_with_escapes_is_the_same_name() {
    check(r#"{"mod\u0065l":"x"}"#, "model", Ok(Some("\"x\"")));
    check(
        r#"{"a":1,"mod\u0065l":"x","model":"y"}"#,
        "model",
        Err("`model` is given twice, again at byte 24"),
    );
}

#[test]
fn members_are_cut_out_with_their_commas() {
    #[track_caller]
    fn check(body: &str, names: &[&str], expect: &str) {
        let (cuts, kept) = Object::scan(body.as_bytes()).unwrap().without(body.as_bytes(), names);
        let mut left = body.to_owned();
        cuts.into_iter().rev().for_each(|cut| left.replace_range(cut, ""));
        assert_eq!(left, expect);
        let left: serde_json::Value = serde_json::from_str(&left).unwrap();
        assert_eq!(left.as_object().unwrap().len(), kept);
    }
    check(r#"{"a":1, "b":2, "c":3}"#, &["x"], r#"{"a":1, "b":2, "c":3}"#);
    check(r#"{"a":1, "b":2, "c":3}"#, &["a"], r#"{"b":2, "c":3}"#);
    check(r#"{"a":1, "b":2, "c":3}"#, &["b"], r#"{"a":1, "c":3}"#);
    check(r#"{"a":1, "b":2, "c":3 }"#, &["c", "b"], r#"{"a":1 }"#);
    check(r#"{"a":1, "b":2, "c":3}"#, &["a", "c"], r#"{"b":2}"#);
    check(r#"{ "a":1, "\u0062":2 }"#, &["a", "b"], "{  }");
    check("{}", &["a"], "{}");
}

#[test]
fn an_error_names_the_place() {
    check(r#"{"a":1,"#, "a", Err("the JSON ends too early, at byte 7"));
    check(r#"{"a":[1,]}"#, "a", Err("expected a JSON value at byte 8"));
    check(r#"{"a":01}"#, "a", Err("expected `,` or `}` at byte 6"));
    check(r#"{"a":NaN}"#, "a", Err("expected a JSON value at byte 5"));
    check(r#"{"a":1} x"#, "a", Err("expected the end of the body at byte 8"));
    check(r#"[1]"#, "a", Err("expected a JSON object at byte 0"));
    check("", "a", Err("the JSON ends too early, at byte 0"));
    check("{\"a\":\"x\ny\"}", "a", Err("expected an escape instead of a control character at byte 7"));
    check(r#"{"a":"\x"}"#, "a", Err("expected a known escape at byte 7"));
    check(r#"{"a":[}"#, "a", Err("expected a JSON value at byte 6"));
    check(r#"{a:1}"#, "a", Err("expected a member's name in double quotes at byte 1"));
}

#[test]
fn depth_is_bounded_exactly() {
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(Object::scan(nested(MAX_DEPTH as usize).as_bytes()).is_ok());
    let error = Object::scan(nested(MAX_DEPTH as usize + 1).as_bytes()).unwrap_err();
    assert_eq!(error.what, What::TooDeep);
    let bomb = format!("{{\"a\":{}", "{\"b\":[".repeat(1_000_000));
    assert_eq!(Object::scan(bomb.as_bytes()).unwrap_err().what, What::TooDeep);
}

#[test]
fn members_are_bounded_exactly() {
    let body = |count: usize| {
        format!("{{{}}}", (0..count).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","))
    };
    assert!(Object::scan(body(MAX_MEMBERS).as_bytes()).is_ok());
    assert_eq!(Object::scan(body(MAX_MEMBERS + 1).as_bytes()).unwrap_err().what, What::TooManyMembers);
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let error = Object::scan(b"{\"a\":\"\xff\"}").unwrap_err();
    assert_eq!((error.at, error.what), (6, What::NotUtf8));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        // Eighths are exact in binary, so reading them back loses nothing.
        (-8000i32..8000).prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
        ".*".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_member_of_generated_json_is_found_whole(value in json(), pretty: bool) {
        let object: serde_json::Map<_, _> = [("model".to_owned(), value.clone()), ("other".to_owned(), value)].into_iter().collect();
        let body = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
        let scanned = Object::scan(body.as_bytes()).unwrap();
        let range = scanned.get(body.as_bytes(), "model").unwrap().unwrap();
        let back: serde_json::Value = serde_json::from_str(&body[range]).unwrap();
        prop_assert_eq!(&back, &object["model"]);
    }

    #[test]
    fn damaged_json_is_judged_as_serde_json_judges_it(value in json(), at: prop::sample::Index, byte: u8) {
        let mut body = serde_json::to_vec(&serde_json::json!({ "a": value })).unwrap();
        let at = at.index(body.len());
        body[at] = byte;
        let ours = Object::scan(&body);
        match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&body) {
            Ok(_) => prop_assert!(ours.is_ok(), "{:?}: {ours:?}", String::from_utf8_lossy(&body)),
            // The one difference: a lone surrogate or a number out of range is grammar to us and an error to serde_json.
            Err(error) if error.to_string().contains("surrogate") || error.to_string().contains("unexpected end of hex")
                || error.to_string().contains("out of range") => {}
            Err(error) => prop_assert!(ours.is_err(), "{error}: {:?}", String::from_utf8_lossy(&body)),
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(body: Vec<u8>) {
        let _ = Object::scan(&body);
    }
}
