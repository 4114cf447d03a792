//! What TOML is and is not, held to an independent reader.

use super::*;

fn read(text: &str) -> Result<String, String> {
    let mut findings = Findings::default();
    let tree =
        parse(SourceId::default(), text, &mut findings).map_err(|Fatal { span, message, .. }| {
            format!("{}:{} {message}", span.start.line, span.start.column)
        })?;
    match findings.list.first() {
        Some(finding) => {
            Err(format!("{}:{} {}", finding.span.start.line, finding.span.start.column, finding.message))
        }
        None => Ok(crate::any::json(&tree.root).unwrap_or_default()),
    }
}

/// Reads a text here and elsewhere.
#[track_caller]
fn check(text: &str) {
    let here = read(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let here: serde_json::Value = serde_json::from_str(&here).unwrap();
    let there: toml::Table = text.parse().unwrap_or_else(|error| panic!("{text}\n{error}"));
    assert_eq!(here, dates_as_texts(toml::Value::Table(there)), "{text}");
}

fn dates_as_texts(value: toml::Value) -> serde_json::Value {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(dates_as_texts).collect(),
        toml::Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, dates_as_texts(value))).collect()
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

#[track_caller]
fn refused(text: &str, at: &str) {
    assert!(text.parse::<toml::Table>().is_err(), "{text} is taken elsewhere");
    let error = read(text).expect_err(text);
    assert!(error.starts_with(at), "{text}: {error}");
}

#[test]
fn the_same_is_read_as_elsewhere() {
    check("");
    check("\u{feff}a = 1 # c\n'b c' = \"x\\n\\u00e9\"\n\"d\".e.f = '''\na\nb'''\nd.e.g = +7\n");
    check("n = [ 0xff, 0o17, 0b101, 1_000, -3, 1.5, +2e3, 6.0e-1, true,\n  false, # c\n]\n");
    check("t = 1979-05-27T07:32:00Z\nd = 1979-05-27\nl = 07:32:00\n");
    check("[a.b]\nc = 1\n[a]\nd = { e.f = 1, e.g = [ { h = 1 } ], i = {} }\n[a.b.j]\n[k]\nl.m = 1\n[k.n]\n");
    check("[[a]]\nb = 1\n[a.c]\nd = 2\n[[a.e]]\n[[a.e]]\nf = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[z]\n[[a]]\n");
    check("[a]\nb.c = 1\n[a.b.d]\ne = 2\n");
    check("a = '''x''''\nb = \"\"\"\\\n   y\\\"\"\"\"\n");
}

#[test]
fn what_is_none_is_refused_where_it_stands() {
    refused("a = 1\nb = 2\na = 3", "3:1 `a` is given twice");
    refused("[a]\n[b]\n[a]\n", "3:2 `a` is given twice");
    refused("[a]\nb = 1\n[a.b]\n", "3:4 `b` is given twice");
    refused("[a]\nb = 1\n[a.b.c]\n", "3:4 `b` has a value already");
    refused("[[a]]\n[a]\n", "2:2 `a` is given twice");
    refused("[a]\n[[a]]\n", "2:3 `a` is given twice");
    refused("a = [{}]\n[[a]]\n", "2:3 `a` is given twice");
    refused("a = { b = 1 }\na.c = 2\n", "2:1 `a` has a value already");
    refused("[a.b]\nc = 1\n[a]\nb.d = 2\n", "4:1 `b` is given twice");
    refused("a.b = 1\n[a]\nc = 1\n", "2:2 `a` is given twice");
    refused("a = { b = 1, b = 2 }", "1:14 `b` is given twice");
    refused("a = \n", "1:");
    refused("a = b", "1:5 not valid TOML");
    refused("a = 'x\n", "1:");
    refused("a = 1 b = 2", "1:");
    refused("[a\n", "1:");
    refused("a = 01", "1:5 not valid TOML");
    refused("a = \"\\q\"", "1:");
    refused("a\n", "1:");
    refused("a = [1\n", "");
    refused("= 1\n", "1:1 not valid TOML");
    refused("a = 1 # \u{1}\n", "1:");
    for number in ["inf", "+inf", "-nan"] {
        assert!(read(&format!("a = {number}")).is_err_and(|error| error.starts_with("1:5 `")), "{number}");
    }
}

#[test]
fn limits_hold() {
    let nested = |depth: usize| format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH - 1)).is_ok());
    assert!(read(&nested(MAX_DEPTH)).is_err_and(|error| error.contains("levels deep")));
    for deep in
        [format!("{}a = 1", "a.".repeat(200_000)), format!("[{}a]", "a.".repeat(200_000)), nested(100_000)]
    {
        assert!(read(&deep).is_err());
    }
    assert!(
        read(&format!("a = [{}]", "1,".repeat(2 * MAX_NODES))).is_err_and(|error| error.contains("values"))
    );
}

#[test]
fn values_know_their_place() {
    let text = "\"é\" = 'ö'\n[t.u]\nb = [ 12 ]\n[[v]]\nw = 1\n";
    let tree = parse(SourceId::default(), text, &mut Findings::default()).ok().expect("a tree");
    let start = |node: &Node| (node.span.start.line, node.span.start.column);
    assert_eq!(start(tree.root.get("é").expect("a value")), (1, 7));
    let inner = tree.root.get("t").and_then(|it| it.get("u")).expect("a table");
    assert_eq!((start(inner), start(inner.get("b").expect("a list"))), ((2, 4), (3, 1)));
    let list = tree.root.get("v").expect("a list");
    assert_eq!((start(list), start(&list.items()[0])), ((4, 3), (4, 3)));
    assert_eq!(tree.pieces.len(), 9);
}

proptest::proptest! {
    #[test]
    fn no_text_is_read_otherwise_than_elsewhere(
        lines in proptest::collection::vec("(\\[[ab](\\.[abc]){0,2}\\]|\\[\\[[ab](\\.[ab])?\\]\\]|[abc](\\.[abc]){0,2} = (1|\\{ ?[ab](\\.c)? = 1(, [ab] = 2)? ?\\}|\\[\\{a = 1\\}, 2\\]|\"x\"))", 0..7)
    ) {
        let text = lines.join("\n");
        match (read(&text), text.parse::<toml::Table>()) {
            (Ok(here), Ok(there)) => {
                let here: serde_json::Value = serde_json::from_str(&here).unwrap();
                proptest::prop_assert_eq!(here, dates_as_texts(toml::Value::Table(there)), "{}", text);
            }
            (Err(_), Err(_)) => {}
            // An array of tables is not to be extended by a dotted key: the other reader lets it pass.
            (Err(error), Ok(_)) if error.contains("given twice") && text.contains("[[") => {}
            (here, there) => proptest::prop_assert!(false, "{text}\n{here:?}\n{there:?}"),
        }
    }
}
