//! Any text at all: no panic, and no secret in a report.

use lockgate_config::parse;
use proptest::prelude::*;

use crate::env;

/// A text that may not be seen in any report.
const SECRET: &str = "Zq7secretZq7";

#[test]
fn a_long_report_is_cut_and_says_so() {
    let zebras: String = (0..120).map(|number| format!("zebra{number}: 1\n")).collect();
    let errors = parse("f", &format!("log: {{}}\n{zebras}"), &env).expect_err("these are no keys");
    assert_eq!(errors.iter().count(), 100);
    assert!(errors.to_string().ends_with("120 problems in f, the first 100 shown"), "{errors}");
}

#[test]
fn a_text_made_to_be_slow_is_not() {
    // Each is quadratic for a parser that looks ahead from every reference anew: minutes, not milliseconds.
    for part in ["${", "${A:-b}", "$", "a,", "*a "] {
        let text = format!("server: {{ listen: \"{}\" }}", part.repeat(400_000 / part.len()));
        assert!(parse("f", &text, &env).is_err());
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = parse("f", &text, &env).map_err(|errors| errors.to_string());
    }

    #[test]
    fn text_of_yaml_characters_never_panics(text in "[a-c \\n\\r\\t:\\-#&*!|>'\"%@`{}\\[\\],?~0$\u{feff}é\0]{0,60}") {
        let _ = parse("f", &text, &env).map_err(|errors| errors.to_string());
    }

    #[test]
    fn a_cut_or_changed_file_never_panics_nor_shows_its_keys(
        style in 0..STYLES.len(),
        at in 0_usize..400,
        cut in 0_usize..4,
        insert in "[a: \\n\\-#'\"{}\\[\\],$&*|>]{0,3}",
    ) {
        let text = file_with_secrets(STYLES[style]);
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        characters.splice(at..end, insert.chars());
        let text: String = characters.into_iter().collect();
        if let Err(errors) = parse("f", &text, &env) {
            let report = errors.to_string();
            prop_assert!(!report.contains(SECRET), "{text}\n---\n{report}");
        }
    }
}

const STYLES: [&str; 6] = [
    "KEY",
    "\"KEY\"",
    "'KEY'",
    "|\n      KEY\n      KEY",
    ">-\n      KEY\n\n      KEY",
    "KEY\n      KEY # KEY",
];

fn file_with_secrets(style: &str) -> String {
    let secret = style.replace("KEY", SECRET);
    format!(
        "access:\n  keys:\n  - name: alice\n    key: {secret}\n    zebra: 1\n  - {{ name: bob, key: {SECRET}, zebra: 2 }}\n\
         providers:\n  a:\n    kind: openai\n    api_key: {secret}\n    weight: 3\n    headers:\n      authorization: {secret}\n\
         \x20 b: {{ kind: no-such, credentials: [ {{ api_key: {SECRET}, weight: x }}, {{ api_key: '{SECRET}' }} ] }}\n\
         retry: {{ attempts: 0 }}\n"
    )
}
