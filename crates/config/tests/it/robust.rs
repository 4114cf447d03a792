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
        for (name, text) in
            [("f", text.as_str()), ("f.json5", text.as_str()), ("f.toml", &format!("server = {text}"))]
        {
            assert!(parse(name, text, &env).is_err());
        }
    }
    for (name, part) in [
        ("f.json5", "/* */"),
        ("f.json5", "["),
        ("f.json5", "{a:"),
        ("f.json5", "'\\\n"),
        ("f.json5", "[0,"),
        ("f.toml", "a=[0,[]]\n"),
        ("f.toml", "a."),
        ("f.toml", "[a.b]\n"),
        ("f.toml", "[[a]]\n"),
        ("f.toml", "[["),
        ("f.toml", "a={"),
        ("f.toml", "'"),
        ("f.toml", "\"\"\""),
        ("f.toml", "a=1#"),
    ] {
        assert!(parse(name, &part.repeat(400_000 / part.len()), &env).is_err(), "{name}: {part}");
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
    fn text_of_json5_and_toml_characters_never_panics(
        json in "[a-c \\n\\r\\t:\\-+./*'\"{}\\[\\],$\\\\xu0-9eEé\u{feff}\u{2028}]{0,60}",
        toml in "[a-c \\n\\r\\t=.#\\-+'\"{}\\[\\],_\\\\xuTZ:0-9eEé\u{feff}]{0,60}",
    ) {
        for (name, text) in [("f.json5", json), ("f.toml", toml)] {
            let _ = parse(name, &text, &env).map_err(|errors| errors.to_string());
        }
    }

    #[test]
    fn a_cut_or_changed_file_never_panics_nor_shows_its_keys(
        style in 0..FILES.len(),
        at in 0_usize..500,
        cut in 0_usize..4,
        insert in "[a: \\n\\-#'\"{}\\[\\],$&*|>/=\\\\]{0,3}",
    ) {
        let (name, file, secret) = FILES[style];
        let text = file(secret);
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        characters.splice(at..end, insert.chars());
        let text: String = characters.into_iter().collect();
        if let Err(errors) = parse(name, &text, &env) {
            let report = errors.to_string();
            prop_assert!(!report.contains(SECRET), "{text}\n---\n{report}");
        }
    }
}

/// A file's name, what makes it of one secret, and how the secret is written.
type File = (&'static str, fn(&str) -> String, &'static str);

const FILES: [File; 13] = [
    ("f", yaml, "KEY"),
    ("f", yaml, "\"KEY\""),
    ("f", yaml, "'KEY'"),
    ("f", yaml, "|\n        KEY\n        KEY"),
    ("f", yaml, ">-\n        KEY\n\n        KEY"),
    ("f", yaml, "KEY\n        KEY # KEY"),
    ("f.json5", json5, "\"KEY\""),
    ("f.json5", json5, "'KEY' /* KEY */"),
    ("f.json5", json5, "'a\\\n KEY', // KEY\n zebra: 'KEY'"),
    ("f.toml", toml, "\"KEY\""),
    ("f.toml", toml, "'KEY' # KEY"),
    ("f.toml", toml, "\"\"\"\nKEY\nKEY\"\"\""),
    ("f.toml", toml, "'''\nKEY\\\nKEY'''"),
];

fn yaml(style: &str) -> String {
    let secret = style.replace("KEY", SECRET);
    format!(
        "access:\n  keys:\n  - name: alice\n    key: {secret}\n    zebra: 1\n  - {{ name: bob, key: {SECRET}, zebra: 2 }}\n\
         providers:\n  a:\n    kind: openai\n    api_key: {secret}\n    weight: 3\n    headers:\n      authorization: {secret}\n\
         \x20 b: {{ kind: no-such, credentials: [ {{ api_key: {SECRET}, weight: x }}, {{ api_key: '{SECRET}' }} ] }}\n\
         retry: {{ attempts: 0 }}\n"
    )
}

fn json5(style: &str) -> String {
    let secret = style.replace("KEY", SECRET);
    format!(
        "// {SECRET}\n{{\n  access: {{ keys: [\n    {{ name: 'alice', zebra: 1, key: {secret} }},\n    \
         {{ name: 'bob', key: '{SECRET}', zebra: 2 }},\n  ] }},\n  providers: {{\n    a: {{ kind: 'openai', weight: 3, \
         headers: {{ authorization: {secret} }}, api_key: {secret} }},\n    b: {{ kind: 'no-such', credentials: \
         [ {{ api_key: \"{SECRET}\", weight: 'x' }} ] }},\n  }},\n  retry: {{ attempts: 0 }},\n}}\n"
    )
}

fn toml(style: &str) -> String {
    let secret = style.replace("KEY", SECRET);
    format!(
        "# {SECRET}\n[[access.keys]]\nname = 'alice'\nkey = {secret}\nzebra = 1\n[[access.keys]]\nname = 'bob'\n\
         key = '{SECRET}'#{SECRET}\n[providers.a]\nkind = 'openai'\napi_key = {secret}\nweight = 3\n\
         headers.authorization = {secret}\n[providers.b]\nkind = 'no-such'\ncredentials = [ {{ api_key = '{SECRET}', \
         weight = 'x' }}, {{ api_key = \"{SECRET}\" }} ]\n[retry]\nattempts = 0\n"
    )
}

#[test]
fn the_files_that_are_changed_are_read_as_a_whole() {
    for (name, file, style) in FILES {
        let errors = parse(name, &file(style), &env).expect_err("they have mistakes of content");
        let faults: Vec<&str> = errors.iter().map(|problem| problem.message.as_str()).collect();
        assert!(faults.iter().any(|fault| fault.contains("retry.attempts")), "{name} {style}: {faults:?}");
    }
}
