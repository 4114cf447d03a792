//! What JSON5 is and is not, by the specification's own list and by an independent reader.

use super::*;

fn read(text: &str) -> Result<String, String> {
    let mut findings = Findings::default();
    let outcome = parse(SourceId::default(), text, &mut findings);
    let shown = match outcome {
        Ok(tree) => crate::any::json(&tree.root),
        Err(Fatal { span, message, .. }) => {
            return Err(format!("{}:{} {message}", span.start.line, span.start.column));
        }
    };
    match findings.list.first() {
        Some(finding) => {
            Err(format!("{}:{} {}", finding.span.start.line, finding.span.start.column, finding.message))
        }
        None => Ok(shown.unwrap_or_default()),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, at: &str) {
    let error = read(text).expect_err(text);
    assert!(error.starts_with(at), "{text}: {error}");
}

#[test]
fn everything_that_the_specification_adds_to_json() {
    check(
        "// comments\n{\n  unquoted: 'and you can quote me on that',\n  singleQuotes: 'I can use \"double quotes\" here',\n  \
         lineBreaks: \"Look, Mom! \\\nNo \\\\n's!\",\n  hexadecimal: 0xdecaf,\n  leadingDecimalPoint: .8675309, \
         andTrailing: 8675309.,\n  positiveSign: +1,\n  trailingComma: 'in objects', andIn: ['arrays',],\n  \
         \"backwardsCompatible\": \"with JSON\",\n}\n",
        r#"{"unquoted":"and you can quote me on that","singleQuotes":"I can use \"double quotes\" here","lineBreaks":"Look, Mom! No \\n's!","hexadecimal":912559,"leadingDecimalPoint":0.8675309,"andTrailing":8675309,"positiveSign":1,"trailingComma":"in objects","andIn":["arrays"],"backwardsCompatible":"with JSON"}"#,
    );
    check("/* a */ [true, /* b\n */ false, null] // c", "[true,false,null]");
    check(r#"{ $a_1: 1, \u00e9t\u00e9: 2, ünï: 3 }"#, r#"{"$a_1":1,"été":2,"ünï":3}"#);
    check(r#"'\x41\u00e9\ud83d\ude00\0\v\q\'"'"#, r#""Aé😀\u0000\u000bq'\"""#);
    check("'a\\\r\nb\\\u{2028}c\u{2029}d'", "\"abc\u{2029}d\"");
    check("\u{feff}\u{a0}\u{3000}[-0x10, -.5, +5e3]", "[-16,-0.5,5e3]");
}

#[test]
fn what_is_none_is_refused_where_it_stands() {
    refused("", "1:1 not valid JSON5: expected a value, found the end of the file");
    refused("{ a: 1", "1:7 not valid JSON5: expected `,` or `}`, found the end of the file");
    refused("{ a: 1 b: 2 }", "1:8 not valid JSON5: expected `,` or `}`");
    refused("{ a = 1 }", "1:5 not valid JSON5: expected `:`, found `=`");
    refused("{ a: b }", "1:6 not valid JSON5: expected a value");
    refused("{ a: 'x\n' }", "1:6 not valid JSON5: a text that does not end on its line");
    refused("{ a: 012 }", "1:6 not valid JSON5: a number that is none");
    refused("{ a: 1 } x", "1:10 not valid JSON5: expected the end of the file");
    refused("[1,,2]", "1:4 not valid JSON5: expected a value, found `,`");
    refused("{,}", "1:2 not valid JSON5: expected a key or `}`, found `,`");
    refused("# a\n{}", "1:1 not valid JSON5: expected a value, found a `#`");
    refused("{ /* a }", "1:3 not valid JSON5: a comment that does not end");
    refused(r"'\ud800'", "1:2 not valid JSON5: a `\\`");
    refused(r"'\1'", "1:2 not valid JSON5: a `\\`");
    refused("[Infinity]", "1:2 `Infinity` is no number");
    refused("[-NaN]", "1:2 `NaN` is no number");
    refused("{ a: 1,\n  'a': 2 }", "2:3 `a` is given twice");
    refused(&"[".repeat(MAX_DEPTH + 1), &format!("1:{} nested more than", MAX_DEPTH + 1));
    assert_eq!(
        read(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).map(|it| it.len()),
        Ok(64)
    );
    refused(&format!("[{}]", "1,".repeat(MAX_NODES)), "1:");
}

#[test]
fn values_know_their_place() {
    let tree = parse(SourceId::default(), "{\n  é: 'ö',\n  b: [ 12 ] }", &mut Findings::default())
        .ok()
        .expect("a tree");
    let span = |node: &Node| (node.span.start, node.span.end);
    let place = |line, column| Place { line, column };
    assert_eq!(span(tree.root.get("é").expect("a value")), (place(2, 6), place(2, 9)));
    let list = tree.root.get("b").expect("a value");
    assert_eq!((list.span.start, list.items()[0].span.start), (place(3, 3), place(3, 8)));
    assert_eq!(tree.pieces.len(), 4);
}

/// As an independent reader has it: every number as its value, since it does not keep the digits.
fn by_value(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Number(number) => number.as_f64().into(),
        serde_json::Value::Array(items) => items.into_iter().map(by_value).collect(),
        serde_json::Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key, by_value(value))).collect()
        }
        other => other,
    }
}

const SCALAR: &str = "(true|null|[+-]?(0|[1-9][0-9]{0,3})(\\.[0-9]{0,2})?([eE][+-]?[0-9])?|[-+]?\\.[0-9]{1,3}|0x[0-9a-fA-F]{0,4}\
                      |0[0-9]|'([a-z\"]|\\\\[nrtbfv'\"x0\\\\]|\\\\u00e4|\\\\\n){0,3}'|\"[a-z'\u{2028}]{0,2}\"|[a-z]{1,3})";

proptest::proptest! {
    #[test]
    fn no_text_is_read_otherwise_than_elsewhere(
        scalars in proptest::collection::vec(SCALAR, 1..4),
        keys in proptest::collection::vec("([a-c$_][a-c0-9]?|'[a-c ]'|\"\\\\u0061\")", 4),
        comma in "(,|,,|)",
        blank in "( |\n|// [a-z]{1,3}\n|/\\*[a-z*]?\\*/|\u{a0})",
        nested in proptest::bool::ANY,
    ) {
        let entry = |(key, value): (&String, &String)| format!("{key}{blank}:{value}{blank}");
        let entries: Vec<String> = keys.iter().zip(&scalars).map(entry).collect();
        let mapping = format!("{{{}{comma}}}", entries.join(","));
        let list = format!("[{blank}{}{comma}]", scalars.join(","));
        let text = if nested { format!("[{mapping},{list}]{blank}") } else { format!("{blank}{mapping}") };
        match (read(&text), json5::from_str::<serde_json::Value>(&text)) {
            (Ok(here), Ok(there)) => {
                let here = by_value(serde_json::from_str(&here).unwrap());
                proptest::prop_assert_eq!(here, by_value(there), "{}", text);
            }
            (Err(_), Err(_)) => {}
            (Err(error), Ok(_)) if error.contains("given twice") => {}
            (here, there) => proptest::prop_assert!(false, "{text}\n{here:?}\n{there:?}"),
        }
    }
}
