//! `payload`: changes to bodies, as rules.

use super::words::PROTOCOLS;
use crate::finding::Findings;
use crate::foreign::section::{Section, Text, text};
use crate::foreign::table::{Table, list, literal, verbatim, verbatim_at};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{self, Kind, Node};

/// Its lists, ours, and whether their values are JSON in texts.
const LISTS: [(&str, &str, bool); 4] = [
    ("default", "default", false),
    ("default-raw", "default", true),
    ("override", "override", false),
    ("override-raw", "override", true),
];
/// Conditions on what a body holds.
const ON_BODIES: [&str; 4] = ["match", "not-match", "exist", "not-exist"];

pub(super) fn rules(mut section: Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let mut own = Table::at(section.span);
    for wanted in ["default", "override"] {
        let mut rules = Vec::new();
        for (key, _, is_raw) in LISTS.into_iter().filter(|(_, list, _)| *list == wanted) {
            for (path, item) in section.items(key, reading) {
                let mut rule = Section::of(item, &path, reading);
                let whens = whens(&mut rule, reading);
                let set = values(&mut rule, is_raw, reading);
                rules.extend(each(&rule, &whens, "set", set));
                rule.close(reading);
            }
        }
        own.put_some(wanted, some_list(section.span, rules));
    }
    let mut filters = Vec::new();
    for (path, item) in section.items("filter", reading) {
        let mut rule = Section::of(item, &path, reading);
        let whens = whens(&mut rule, reading);
        let mut paths = Vec::new();
        for (path, item) in rule.items("params", reading) {
            let written = text(item, &path, reading);
            paths.extend(written.and_then(|it| Some(literal(it.span, &path_here(it, &path, reading)?))));
        }
        filters.extend(each(&rule, &whens, "remove", some_list(rule.span, paths)));
        rule.close(reading);
    }
    own.put_some("filter", some_list(section.span, filters));
    section.close(reading);
    own.some()
}

/// The rule once for each of its conditions.
fn each(rule: &Section<'_>, whens: &[Node], key: &str, change: Option<Node>) -> Vec<Node> {
    let Some(change) = change else { return Vec::new() };
    let one = |when: &Node| {
        let mut own = Table::at(rule.span);
        own.put("when", when.clone());
        own.put(key, change.clone());
        own.node()
    };
    whens.iter().map(one).collect()
}

/// Which requests a rule is for: those of any of its matchers.
fn whens(rule: &mut Section<'_>, reading: &mut Reading<'_>) -> Vec<Node> {
    let mut whens = Vec::new();
    let mut plain = Vec::new();
    let items = rule.items("models", reading);
    if items.is_empty() {
        reading.note(rule.span, &rule.path, "names no `models`, so that it was for none, and is left out");
    }
    for (path, item) in items {
        let mut matcher = Section::of(item, &path, reading);
        let name = matcher.text("name", reading);
        let to = dialects(matcher.text("protocol", reading), &matcher.at("protocol"), reading);
        let from = dialects(matcher.text("from-protocol", reading), &matcher.at("from-protocol"), reading);
        let headers = matcher.section("headers", reading);
        let on_body = ON_BODIES.iter().find(|key| matcher.has(key));
        if let Some(key) = on_body {
            let why = "asks what a body holds, which rules here cannot: what it is for is left out";
            reading.note(matcher.span, &matcher.at(key), why);
        }
        let mut own = Table::at(matcher.span);
        let (span, is_usable) = (matcher.span, on_body.is_none() && to.is_ok() && from.is_ok());
        if on_body.is_none() {
            matcher.close(reading);
        }
        let Some(name) = name.filter(|_| is_usable) else { continue };
        let glob = literal(name.span, name.text);
        let (to, from) = (to.unwrap_or_default(), from.unwrap_or_default());
        if to.is_none() && from.is_none() && headers.is_none() {
            plain.push(glob);
            continue;
        }
        own.put("models", list(span, vec![glob]));
        own.put_some("from", from);
        own.put_some("to", to);
        own.put_some("headers", headers.and_then(|own| super::entry::headers(own, reading)));
        whens.push(own.node());
    }
    if let Some(models) = some_list(rule.span, plain) {
        let mut own = Table::at(rule.span);
        own.put("models", models);
        whens.push(own.node());
    }
    whens
}

/// The dialects that a protocol stands for; an error for one that is not known here, which is said.
fn dialects(word: Option<Text<'_>>, path: &str, reading: &mut Reading<'_>) -> Result<Option<Node>, ()> {
    let Some(word) = word.filter(|word| !word.text.is_empty()) else { return Ok(None) };
    match PROTOCOLS.iter().find(|(name, _)| *name == word.text) {
        Some((_, names)) => {
            Ok(Some(list(word.span, names.iter().map(|name| literal(word.span, name)).collect())))
        }
        None => {
            reading.note(word.span, path, "is not spoken here: what it is for is left out");
            Err(())
        }
    }
}

/// The values by their paths.
fn values(rule: &mut Section<'_>, is_raw: bool, reading: &mut Reading<'_>) -> Option<Node> {
    let mut params = rule.section("params", reading)?;
    let mut own = Table::at(params.span);
    for (path, entry) in params.named() {
        let written = Text { text: &entry.key, span: entry.key_span };
        let Some(key) = path_here(written, &path, reading) else { continue };
        let value = match is_raw {
            true => raw(&entry.value, &path, reading),
            false => Some(verbatim(&entry.value)),
        };
        own.put_some(&key, value);
    }
    own.some()
}

/// The value that a text of JSON stands for, its members in their order and its numbers as they are spelled.
fn raw(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Node> {
    let text = text(node, path, reading)?;
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(text.text).is_ok();
    let tree = tree::parse(tree::Format::Json5, text.span.source, text.text, &mut Findings::default())
        .filter(|_| is_json);
    if tree.is_none() {
        reading.findings.report(text.span, path, format!("`{path}` must be a text of JSON"), None);
    }
    tree.map(|tree| verbatim_at(&tree.root, text.span))
}

/// A path as it is written here; `None` if it has no meaning here, which is said.
fn path_here(written: Text<'_>, path: &str, reading: &mut Reading<'_>) -> Option<String> {
    let mut own = String::with_capacity(written.text.len());
    for (index, segment) in written.text.split('.').enumerate() {
        let is_number = !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit());
        match (index, is_number) {
            (0, _) => own.push_str(segment),
            (_, true) => own.push_str(&format!("[{segment}]")),
            (_, false) => {
                own.push('.');
                own.push_str(segment);
            }
        }
    }
    let has_query = written.text.contains(['#', '|', '*', '?', '@', '(']) || written.text.contains("-1");
    if has_query {
        reading.note(written.span, path, "is no plain path, and is left out");
        return None;
    }
    Some(own)
}

fn some_list(span: Span, items: Vec<Node>) -> Option<Node> {
    let list = list(span, items);
    if matches!(&list.kind, Kind::Sequence(items) if items.is_empty()) { None } else { Some(list) }
}
