//! One client key by itself: as the admin API takes it, and as it is kept.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value as Json;

use crate::check;
use crate::finding::Findings;
use crate::problem::{Errors, Problem};
use crate::reading::{Around, Reading};
use crate::span::Span;
use crate::tree::{Entry, Kind, Node, Scalar};
use crate::types::ClientKey;
use crate::{validate, value};

/// Where a key stands in a config.
const PLACE: &str = "access.keys[0]";
/// In the place of the key itself, which is not told.
const UNTOLD: &str = "created";

/// Reads what a key may do from JSON, in the words and by the rules of the config's `access.keys`, but for the `key` itself:
/// that is made. Nothing of it is taken for a variable or a file. `name` is what the errors call the text.
///
/// # Errors
/// Every problem of the text.
pub fn client_key(name: &str, text: &str) -> Result<ClientKey, Errors> {
    let read = |_: &Path| Err("cannot be read from here".to_owned());
    let mut reading = Reading::new(Around { env: &|_| None, read: &read });
    let key = reading.parse(name, text).and_then(|node| judged(node, &mut reading.findings));
    let key = key.filter(|_| reading.findings.is_empty());
    key.ok_or_else(|| reading.errors().mapped(by_itself))
}

fn judged(mut node: Node, findings: &mut Findings) -> Option<ClientKey> {
    static SCHEMA: OnceLock<Json> = OnceLock::new();
    let span = node.span;
    let Kind::Mapping(entries) = &mut node.kind else {
        findings.report(span, "", "a key is an object, such as `{\"name\": \"alice\"}`".to_owned(), None);
        return None;
    };
    if let Some(written) = entries.iter().find(|entry| entry.key == "key") {
        let hint = "leave it out: it is in the answer".to_owned();
        let path = format!("{PLACE}.key");
        findings.report(written.key_span, &path, "`key` is made here".to_owned(), Some(hint));
        return None;
    }
    let text = Scalar { text: UNTOLD.to_owned(), plain: false, interpolated: true };
    entries.push(entry("key", Node { span: Span::default(), kind: Kind::Scalar(text) }));
    let keys = Node { span, kind: Kind::Sequence(vec![node]) };
    let access = Node { span, kind: Kind::Mapping(vec![entry("keys", keys)]) };
    let root = Node { span, kind: Kind::Mapping(vec![entry("access", access)]) };
    let checked = check::check(&root, SCHEMA.get_or_init(crate::schema), findings)?;
    let config = value::deserialize(checked, &root, findings)?;
    validate::validate(&config, &root, findings);
    config.access.keys.into_iter().next()
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_owned(), key_span: Span::default(), value, comment: None }
}

/// A problem with a key in a config as one of a key by itself.
fn by_itself(problem: Problem) -> Problem {
    let front = format!("{PLACE}.");
    let plain = |text: String| text.replace(&front, "").replace(&format!("`{PLACE}`"), "the key");
    Problem {
        path: problem.path.strip_prefix(&front).unwrap_or_default().to_owned(),
        message: plain(problem.message),
        hint: problem.hint.map(plain),
        ..problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &[(&str, &str)]) {
        let errors = client_key("body.json", text).unwrap_err();
        let found: Vec<_> = errors
            .iter()
            .map(|problem| {
                (
                    problem.path.as_str(),
                    format!("{} {}", problem.message, problem.hint.as_deref().unwrap_or("")),
                )
            })
            .collect();
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for ((path, said), (expect_path, expect_said)) in found.iter().zip(expect) {
            assert_eq!(path, expect_path, "{found:?}");
            assert!(said.contains(expect_said), "{said} has no {expect_said}");
        }
    }

    #[test]
    fn a_key_is_read_as_in_a_config() {
        let text = r#"{"name": "alice", "models": ["fast"], "budget": {"usd": 1.5, "per": "day"}, "rpm": 60,
            "tags": {"team": "a"}, "expires": "2027-01-01", "operations": ["embed"]}"#;
        let key = client_key("body.json", text).unwrap();
        assert_eq!((key.name.as_str(), key.rpm, key.models.len()), ("alice", Some(60), 1));
        assert_eq!((key.budget.len(), key.operations.len(), key.tags.len()), (1, 1, 1));
        assert!(key.expires.is_some() && key.providers == ["*"]);
    }

    #[test]
    fn nothing_is_a_variable_or_a_file() {
        let key = client_key("body.json", r#"{"name": "${HOME}", "owner": "file:///etc/passwd"}"#).unwrap();
        assert_eq!((key.name.as_str(), key.owner.as_deref()), ("${HOME}", Some("file:///etc/passwd")));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        check(r#"{"name": "a", "modles": []}"#, &[("modles", "did you mean `models`")]);
        check(r#"{"name": "a", "rpm": 0}"#, &[("rpm", "rpm")]);
        check(r#"{"name": "a", "operations": ["embedd"]}"#, &[("operations[0]", "embed")]);
        check(r#"{"models": []}"#, &[("", "has no `name`")]);
        check(r#"{"name": ""}"#, &[("name", "`name` is empty")]);
        check(r#"{"name": "a", "key": "mine"}"#, &[("key", "`key` is made here")]);
        check(r#"{"name": "a", "models": ["a b"]}"#, &[("models[0]", "`models[0]` may only have")]);
        check(r#"{"name": "a\nb"}"#, &[("name", "has control characters")]);
        check(r#"{"name": "a", "tags": {"x:y": "z"}}"#, &[("tags", "may not have `:`")]);
        check("[]", &[("", "a key is an object")]);
        assert!(client_key("body.json", r#"{"name": "#).is_err());
    }
}
