//! A mapping of a foreign file, read key by key: what nobody asked for is said at the end.

use std::collections::HashSet;

use crate::check::{join, shown_key};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Entry, Kind, Node, Scalar};

/// A mapping under reading.
pub(crate) struct Section<'n> {
    entries: &'n [Entry],
    /// Where it stands, as messages say it; empty at the top.
    pub(crate) path: String,
    pub(crate) span: Span,
    asked: HashSet<&'n str>,
    /// Something else than a mapping is written there, which was reported.
    is_broken: bool,
}

/// A text of the file and its place.
#[derive(Clone, Copy)]
pub(crate) struct Text<'n> {
    pub(crate) text: &'n str,
    pub(crate) span: Span,
}

impl<'n> Section<'n> {
    /// The mapping at `path`; anything else is reported and read as an empty one, nothing written is an empty one too.
    pub(crate) fn of(node: &'n Node, path: &str, reading: &mut Reading<'_>) -> Self {
        let is_mapping = matches!(node.kind, Kind::Mapping(_)) || node.is_null();
        if !is_mapping && !matches!(node.kind, Kind::Broken) {
            wrong::<()>(reading, node.span, path, "a mapping");
        }
        Self {
            entries: node.entries(),
            path: path.to_owned(),
            span: node.span,
            asked: HashSet::new(),
            is_broken: !is_mapping,
        }
    }

    /// Whether the key is written, with or without a value. In what could not be read nothing is missed.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.is_broken || self.entries.iter().any(|entry| entry.key == key)
    }

    /// The path of a key, as messages say it.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.path, &shown_key(key, true))
    }

    /// The value of a key, unless nothing is written there.
    pub(crate) fn node(&mut self, key: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        self.asked.insert(&entry.key);
        Some(&entry.value).filter(|node| !node.is_null())
    }

    /// The text of a key. Numbers are texts too.
    pub(crate) fn text(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<Text<'n>> {
        let (node, path) = (self.node(key)?, self.at(key));
        text(node, &path, reading)
    }

    /// The whole number of a key; a reference such as `${PORT}` is none, and reported.
    pub(crate) fn number(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<(i64, Span)> {
        let (node, path) = (self.node(key)?, self.at(key));
        let number = scalar(node).and_then(|scalar| scalar.text.trim().parse().ok());
        match number {
            Some(number) => {
                reading.findings.may_quote(node.span);
                Some((number, node.span))
            }
            None => wrong(reading, node.span, &path, "a whole number"),
        }
    }

    /// The number of a key, which may have a fraction.
    pub(crate) fn amount(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<(f64, Span)> {
        let (node, path) = (self.node(key)?, self.at(key));
        let amount = scalar(node).and_then(|scalar| scalar.text.trim().parse().ok());
        match amount.filter(|amount: &f64| amount.is_finite()) {
            Some(amount) => {
                reading.findings.may_quote(node.span);
                Some((amount, node.span))
            }
            None => wrong(reading, node.span, &path, "a number"),
        }
    }

    /// The truth value of a key.
    pub(crate) fn truth(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<bool> {
        let (node, path) = (self.node(key)?, self.at(key));
        match scalar(node).map(|scalar| scalar.text.to_ascii_lowercase()).as_deref() {
            Some("true" | "yes" | "on") => Some(true),
            Some("false" | "no" | "off") => Some(false),
            _ => wrong(reading, node.span, &path, "`true` or `false`"),
        }
    }

    /// The mapping of a key.
    pub(crate) fn section(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<Section<'n>> {
        let (node, path) = (self.node(key)?, self.at(key));
        Some(Section::of(node, &path, reading))
    }

    /// The mapping of a key; an empty one where nothing is written.
    pub(crate) fn part(&mut self, key: &str, reading: &mut Reading<'_>) -> Section<'n> {
        let empty = Section {
            entries: &[],
            path: self.at(key),
            span: self.span,
            asked: HashSet::new(),
            is_broken: false,
        };
        self.section(key, reading).unwrap_or(empty)
    }

    /// The items of a key, each with its path; none where nothing is written.
    pub(crate) fn items(&mut self, key: &str, reading: &mut Reading<'_>) -> Vec<(String, &'n Node)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let path = self.at(key);
        if !matches!(node.kind, Kind::Sequence(_) | Kind::Broken) {
            wrong::<()>(reading, node.span, &path, "a list");
        }
        node.items().iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()
    }

    /// The entries of a mapping whose keys are names, each with its path.
    pub(crate) fn named(&mut self) -> Vec<(String, &'n Entry)> {
        let entries = self.entries;
        self.asked.extend(entries.iter().map(|entry| entry.key.as_str()));
        entries.iter().map(|entry| (self.at(&entry.key), entry)).collect()
    }

    /// Says of a key, if it is written, why it has no meaning here.
    pub(crate) fn meaningless(&mut self, key: &str, why: &str, reading: &mut Reading<'_>) {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            self.asked.insert(&entry.key);
            reading.note(entry.key_span, &self.at(key), format!("has no meaning here: {why}"));
        }
    }

    /// Says of every key that nobody asked for that it is not known.
    pub(crate) fn close(self, reading: &mut Reading<'_>) {
        for entry in self.entries {
            if self.asked.contains(entry.key.as_str()) {
                may_quote_key(entry, reading);
            } else {
                reading.note(entry.key_span, &self.at(&entry.key), "is not known here, and not acted on");
            }
        }
    }
}

/// Lets a key be quoted. What is no plain word may be a key with its value, as in `{ api_key:sk-... }` without the space.
pub(crate) fn may_quote_key(entry: &Entry, reading: &mut Reading<'_>) {
    if shown_key(&entry.key, true) == entry.key && !entry.value.is_null() {
        reading.findings.may_quote(entry.key_span);
    }
}

/// The text of a node that must be one.
pub(crate) fn text<'n>(node: &'n Node, path: &str, reading: &mut Reading<'_>) -> Option<Text<'n>> {
    match scalar(node) {
        Some(scalar) => Some(Text { text: &scalar.text, span: node.span }),
        None => wrong(reading, node.span, path, "a text"),
    }
}

fn scalar(node: &Node) -> Option<&Scalar> {
    if let Kind::Scalar(scalar) = &node.kind { Some(scalar) } else { None }
}

fn wrong<T>(reading: &mut Reading<'_>, span: Span, path: &str, expected: &str) -> Option<T> {
    reading.findings.report(span, path, format!("`{path}` must be {expected}"), None);
    None
}
