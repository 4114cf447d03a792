//! Walks a file along the JSON Schema of the config: all errors of shape at once, each with its place,
//! and the typed value of whatever is right.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::any;
use crate::finding::{Finding, Findings};
use crate::span::Span;
use crate::tree::{Entry, Kind, Node, Scalar, quotable};
use crate::units::{self, Verdict};
use crate::value::Value;

/// Checks a whole file. What is wrong is left out of the value, so that the rest can still be judged;
/// `None` when nothing is left.
pub(crate) fn check(root: &Node, schema: &Json, findings: &mut Findings) -> Option<Value> {
    Checker { schema, findings }.node(root, schema, "")
}

/// What is shown in place of a key that may be a secret.
const REDACTED: &str = "<redacted>";

/// A key as an error may carry it. What is no plain word may be a key with its value, as in
/// `{ api_key:sk-... }` without the space, and is shown only where no secret belongs.
pub(crate) fn shown_key(key: &str, near_secrets: bool) -> String {
    let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if is_word || !near_secrets || key == "<<" { quotable(key) } else { REDACTED.to_owned() }
}

/// The path of a key inside the thing at `path`.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Every key that the schema knows anywhere.
pub(crate) fn keys(schema: &Json) -> HashSet<String> {
    let types = schema["$defs"].as_object().into_iter().flat_map(serde_json::Map::values);
    let properties = types.chain([schema]).filter_map(|schema| schema["properties"].as_object());
    properties.flat_map(serde_json::Map::keys).cloned().collect()
}

/// The keys that a file may begin with.
pub(crate) fn top_level(schema: &Json) -> Vec<String> {
    names(schema["properties"].as_object()).map(str::to_owned).collect()
}

struct Checker<'a> {
    schema: &'a Json,
    findings: &'a mut Findings,
}

impl<'a> Checker<'a> {
    fn node(&mut self, node: &Node, schema: &'a Json, path: &str) -> Option<Value> {
        if any::is_any(self.resolve(schema)) {
            self.may_quote_all(node);
            return any::json(node).map(Value::String);
        }
        let branches = self.branches(schema);
        let mapping = branches.iter().copied().find(|branch| has_type(branch, "object"));
        let sequence = branches.iter().copied().find(|branch| has_type(branch, "array"));
        let scalar = branches.iter().copied().find(|branch| is_scalar(branch));
        if let Some(branch) = scalar
            && matches!(node.kind, Kind::Scalar(_) | Kind::Broken)
            && !is_secret(branch)
        {
            self.findings.may_quote(node.span);
        }
        match (&node.kind, mapping, sequence, scalar) {
            (Kind::Broken, ..) => return None,
            (Kind::Mapping(entries), Some(branch), ..) => {
                return self.mapping(entries, node.span, branch, path);
            }
            (Kind::Sequence(items), _, Some(branch), _) => return self.sequence(items, branch, path),
            // A section whose every line is commented out is an empty section.
            (Kind::Scalar(text), Some(branch), ..) if text.is_null() => {
                return self.mapping(&[], node.span, branch, path);
            }
            (Kind::Scalar(text), _, Some(branch), _) if text.is_null() => {
                return self.sequence(&[], branch, path);
            }
            (Kind::Scalar(text), .., Some(_)) if text.is_null() => {
                if !text.text.is_empty() && branches.iter().any(|branch| has_type(branch, "null")) {
                    return Some(Value::Null);
                }
                let message = format!("{} has no value, expected {}", named(path), expected(&branches));
                let hint = "give it one, or remove the line; an empty text is written \"\"".to_owned();
                self.wrong(node.span, path, schema, message, Some(hint));
            }
            (Kind::Scalar(text), .., Some(branch)) => {
                return self.scalar(text, node.span, schema, branch, path);
            }
            (kind, ..) => {
                let message =
                    format!("{} must be {}, found {}", named(path), expected(&branches), found(kind));
                self.wrong(node.span, path, schema, message, misplaced(kind, mapping, sequence.is_some()));
            }
        }
        None
    }

    /// Lets a value of any shape be quoted with all that is in it.
    fn may_quote_all(&mut self, node: &Node) {
        self.findings.may_quote(node.span);
        node.items().iter().for_each(|item| self.may_quote_all(item));
        for entry in node.entries() {
            self.findings.may_quote(entry.key_span);
            self.may_quote_all(&entry.value);
        }
    }

    fn mapping(&mut self, entries: &[Entry], span: Span, schema: &'a Json, path: &str) -> Option<Value> {
        let properties = schema["properties"].as_object();
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut values = Vec::with_capacity(entries.len());
        let mut meant = Vec::new();
        for Entry { key, key_span, value, .. } in entries {
            let key = also(properties, key);
            let near_secrets =
                others.is_none_or(|others| self.branches(others).iter().any(|it| is_secret(it)));
            let mut shown = shown_key(key, near_secrets);
            let is_known = others.is_some() || has_key(properties, key);
            if !is_known && value.is_null() && self.meant(key, properties).is_none() {
                // In `{ key, sk-... }` the secret is a key without a value.
                shown = REDACTED.to_owned();
            }
            if shown != REDACTED {
                self.findings.may_quote(*key_span);
            }
            let path = join(path, &shown);
            match properties.and_then(|properties| properties.get(key)).or(others) {
                Some(schema) => {
                    if let Some(value) = self.node(value, schema, &path) {
                        values.push((key.to_owned(), value));
                    }
                }
                None => {
                    meant.extend(self.unknown_key(key, &shown, *key_span, &path, properties));
                }
            }
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if values.iter().any(|(given, _)| given == key) {
                continue;
            }
            // A key that was misspelt or has a wrong value is already reported.
            if !meant.contains(&key) && !entries.iter().any(|entry| entry.key == key) {
                let description = self.description(&schema["properties"][key]);
                let message = format!("{} has no `{key}`", named(path));
                let path = path.to_owned();
                self.findings.add(Finding { span, path, message, hint: None, help: description });
            }
            return None;
        }
        Some(Value::Mapping(values))
    }

    /// Reports a key that the schema does not have, and returns the one that was probably meant.
    fn unknown_key(
        &mut self,
        key: &str,
        shown: &str,
        span: Span,
        path: &str,
        known: Option<&'a Properties>,
    ) -> Option<&'a str> {
        let message = match path.strip_suffix(shown).and_then(|parent| parent.strip_suffix('.')) {
            None => format!("unknown key `{shown}`"),
            Some(parent) => format!("unknown key `{shown}` in `{parent}`"),
        };
        let meant = self.meant(key, known);
        let first_word = key.split_once(':').map(|(word, _)| word);
        let hint = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if key == "<<" => {
                "merge keys are not part of YAML 1.2: an alias stands for a whole value".to_owned()
            }
            None if first_word.is_some_and(|word| has_key(known, word)) => SPACE_MISSING.to_owned(),
            None => format!("the keys here are {}", list(names(known))),
        };
        self.findings.report(span, path, message, Some(hint));
        meant
    }

    fn meant(&self, key: &str, known: Option<&'a Properties>) -> Option<&'a str> {
        self.findings.nearest(key, names(known))
    }

    fn sequence(&mut self, items: &[Node], schema: &'a Json, path: &str) -> Option<Value> {
        let checked: Vec<Option<Value>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.node(item, &schema["items"], &format!("{path}[{index}]")))
            .collect();
        // A list with a hole would number the rest differently from the file: it is left out whole.
        checked.into_iter().collect::<Option<Vec<_>>>().map(Value::Sequence)
    }

    fn scalar(
        &mut self,
        scalar: &Scalar,
        span: Span,
        field: &'a Json,
        schema: &'a Json,
        path: &str,
    ) -> Option<Value> {
        let text = scalar.text.as_str();
        let bare = scalar.plain || scalar.interpolated;
        let mut hint = None;
        if let Some(choices) = choices(schema) {
            if choices.contains(&text) {
                return Some(Value::String(text.to_owned()));
            }
            hint = self
                .findings
                .nearest(text, choices)
                .filter(|_| !scalar.interpolated)
                .map(|near| format!("did you mean `{near}`?"));
        } else if has_type(schema, "integer") {
            match text.parse::<i64>() {
                Ok(number) if bare && in_range(number, schema) => return Some(Value::Integer(number)),
                Ok(_) if !bare => hint = Some("remove the quotes".to_owned()),
                _ => {}
            }
        } else if has_type(schema, "boolean") {
            match text {
                "true" if bare => return Some(Value::Boolean(true)),
                "false" if bare => return Some(Value::Boolean(false)),
                "true" | "false" => hint = Some("remove the quotes".to_owned()),
                _ if is_one_of(text, &["yes", "on", "true", "1"]) => hint = Some("write `true`".to_owned()),
                _ if is_one_of(text, &["no", "off", "false", "0"]) => hint = Some("write `false`".to_owned()),
                _ => {}
            }
        } else {
            match schema["format"].as_str().and_then(units::format).map(|format| (format.judge)(text)) {
                None | Some(Verdict::Good) => return Some(Value::String(text.to_owned())),
                // The advice repeats the value, which may be a secret when a variable brought it.
                Some(Verdict::BadBecause(advice)) if !scalar.interpolated => hint = Some(advice),
                Some(_) => {}
            }
        }
        let found = match scalar.interpolated {
            true => "`<redacted>` from a variable or file".to_owned(),
            false => format!("`{}`", quotable(text)),
        };
        let message = format!("{} must be {}, found {found}", named(path), expected(&[schema]));
        self.wrong(span, path, field, message, hint);
        None
    }

    /// Reports a value of the wrong type, with what the field is for.
    fn wrong(&mut self, span: Span, path: &str, schema: &'a Json, message: String, hint: Option<String>) {
        let help = self.description(schema);
        self.findings.add(Finding { span, path: path.to_owned(), message, hint, help });
    }

    /// What a field is for: its own description before that of its type.
    fn description(&self, schema: &Json) -> Option<String> {
        let own = schema["description"].as_str();
        let description = own.or_else(|| self.resolve(schema)["description"].as_str())?;
        Some(description.replace('\n', " "))
    }

    fn resolve<'s>(&'s self, schema: &'s Json) -> &'s Json {
        let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
        name.map_or(schema, |name| &self.schema["$defs"][name])
    }

    fn branches(&self, schema: &'a Json) -> Vec<&'a Json> {
        branches(self.schema, schema)
    }
}

// === reading the schema ===

/// The alternatives of a schema inside of `root`, with references followed.
pub(crate) fn branches<'a>(root: &'a Json, schema: &'a Json) -> Vec<&'a Json> {
    let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
    let schema = name.map_or(schema, |name| &root["$defs"][name]);
    match schema["anyOf"].as_array() {
        Some(alternatives) => alternatives.iter().flat_map(|branch| branches(root, branch)).collect(),
        None => vec![schema],
    }
}

pub(crate) type Properties = serde_json::Map<String, Json>;

pub(crate) fn names(properties: Option<&Properties>) -> impl Iterator<Item = &str> {
    properties.into_iter().flat_map(serde_json::Map::keys).map(String::as_str)
}

/// The field that `key` names: itself, or one that is also known by it.
fn also<'k>(properties: Option<&'k Properties>, key: &'k str) -> &'k str {
    let mut fields = properties.into_iter().flatten();
    fields.find(|(_, field)| field["x-also"] == key).map_or(key, |(name, _)| name)
}

fn has_key(properties: Option<&Properties>, key: &str) -> bool {
    properties.is_some_and(|properties| properties.contains_key(key))
}

/// Whether a value of that type is allowed, beside what else is.
pub(crate) fn has_type(schema: &Json, name: &str) -> bool {
    match &schema["type"] {
        Json::String(only) => only == name,
        Json::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}

fn is_scalar(schema: &Json) -> bool {
    ["string", "integer", "boolean"].iter().any(|name| has_type(schema, name)) || choices(schema).is_some()
}

fn is_secret(schema: &Json) -> bool {
    schema["writeOnly"] == true
}

/// The words that an enumeration allows, in the order of its variants.
pub(crate) fn choices(schema: &Json) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(Json::as_str).collect();
    }
    // A documented variant has a schema of its own, to hold its description.
    schema["oneOf"].as_array()?.iter().map(|variant| variant["const"].as_str()).collect()
}

fn in_range(number: i64, schema: &Json) -> bool {
    let minimum = schema["minimum"].as_i64().unwrap_or(i64::MIN);
    let maximum = schema["maximum"].as_i64().unwrap_or(i64::MAX);
    (minimum..=maximum).contains(&number)
}

// === the words of a message ===

fn named(path: &str) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") }
}

fn expected(branches: &[&Json]) -> String {
    let words: Vec<String> = branches.iter().filter_map(|branch| expected_of(branch)).collect();
    words.join(" or ")
}

/// What a value must be, in words.
pub(crate) fn expected_of(schema: &Json) -> Option<String> {
    if let Some(choices) = choices(schema) {
        return Some(match choices.as_slice() {
            [only] => format!("`{only}`"),
            _ => format!("one of {}", list(choices.into_iter())),
        });
    }
    let words = if has_type(schema, "object") {
        "a mapping"
    } else if has_type(schema, "array") {
        "a list"
    } else if has_type(schema, "boolean") {
        "`true` or `false`"
    } else if has_type(schema, "integer") {
        return Some(match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
            (Some(minimum), Some(maximum)) => format!("a whole number from {minimum} to {maximum}"),
            (Some(minimum), None) => format!("a whole number, {minimum} or more"),
            _ => "a whole number".to_owned(),
        });
    } else if has_type(schema, "string") {
        schema["format"].as_str().and_then(units::format).map_or("a text", |format| format.expected)
    } else {
        return None;
    };
    Some(words.to_owned())
}

/// What was found where something else belongs. A text is not repeated: in place of a mapping or list it
/// may be anything, also `api_key:sk-...` without its space.
fn found(kind: &Kind) -> &'static str {
    match kind {
        Kind::Scalar(scalar) if scalar.is_null() => "nothing",
        Kind::Scalar(_) => "a text",
        Kind::Sequence(_) => "a list",
        Kind::Mapping(_) | Kind::Broken => "a mapping",
    }
}

const SPACE_MISSING: &str = "`key: value` needs a space after the `:`";

/// What to do about a value of the wrong kind.
fn misplaced(kind: &Kind, mapping: Option<&Json>, wants_list: bool) -> Option<String> {
    match kind {
        Kind::Scalar(scalar)
            if scalar.text.split_once(':').is_some_and(|(key, _)| {
                mapping.is_some_and(|mapping| mapping["properties"].get(key).is_some())
            }) =>
        {
            Some(SPACE_MISSING.to_owned())
        }
        Kind::Scalar(_) if wants_list => Some("a list of one is written `[value]`".to_owned()),
        Kind::Mapping(_) if wants_list => Some("each item of a list begins with `- `".to_owned()),
        _ => None,
    }
}

fn is_one_of(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `a`, `b` and `c`, in code marks.
fn list<'k>(words: impl Iterator<Item = &'k str>) -> String {
    let words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    words.join(", ")
}
