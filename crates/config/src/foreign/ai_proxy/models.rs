//! Which models a key is asked for, and by which names.

use super::words::{MODEL, Program, Row, SECTIONS};
use crate::foreign::section::{Section, Text};
use crate::foreign::table::{Table, list, literal};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Kind, Node};

/// What clients put before a model's name to mean this very key.
pub(super) enum Prefix<'n> {
    /// A word, which a `/` follows.
    Word(Text<'n>),
    /// Other text, which is part of each name.
    Text(Text<'n>),
}

impl<'n> Prefix<'n> {
    /// Reads a `prefix`; nothing in it is none.
    pub(super) fn of(written: Text<'n>, program: Program) -> Option<Self> {
        let inner = written.text.trim_matches('/');
        let is_word = !inner.contains('/') && (written.text.ends_with('/') || program == Program::CliProxy);
        match (inner, is_word) {
            ("", _) => None,
            (inner, true) => Some(Self::Word(Text { text: inner, span: written.span })),
            (_, false) => Some(Self::Text(written)),
        }
    }
}

/// Reads a list of models; `None` where nothing is listed.
pub(super) fn listed(
    items: Vec<(String, &Node)>,
    prefix: Option<&Prefix<'_>>,
    program: Program,
    reading: &mut Reading<'_>,
) -> Vec<Node> {
    let mut own = Vec::new();
    for (path, item) in items {
        let mut section = Section::of(item, &path, reading);
        let id = section.text("id", reading);
        let name = section.text("name", reading);
        let alias = section.text("alias", reading).filter(|alias| !alias.text.is_empty());
        for key in MODEL {
            section.meaningless(key, "it describes the model in lists", reading);
        }
        let span = section.span;
        section.close(reading);
        let Some(known) = id.or(name).filter(|known| !known.text.is_empty()) else {
            let message = format!("`{path}` has no name: write it as `id` or `name`");
            reading.findings.report(span, &path, message, None);
            continue;
        };
        let alias = alias.filter(|alias| alias.text != known.text);
        // A program that calls the name `id` takes it from clients beside the alias.
        let is_called_by_name = alias.is_none() || (program == Program::AiProxy && id.is_some());
        if let Some(Prefix::Text(prefix)) = prefix {
            let called = alias.unwrap_or(known).text;
            own.push(aliased(span, known, &format!("{}{called}", prefix.text)));
        }
        match alias {
            Some(alias) if alias.text.contains('*') => own.push(literal(alias.span, alias.text)),
            Some(alias) => own.push(aliased(span, known, alias.text)),
            None => {}
        }
        if is_called_by_name {
            own.push(literal(known.span, known.text));
        }
    }
    own
}

fn aliased(span: Span, name: Text<'_>, alias: &str) -> Node {
    let mut own = Table::at(span);
    own.put("name", literal(name.span, name.text));
    own.put("alias", literal(span, alias));
    own.node()
}

/// What a key that lists no models is asked for: the original takes any name for it. Where several lists have such keys,
/// each is asked for what its maker's names look like, and one whose names may be any for the rest.
pub(super) struct Unlisted {
    pub(super) models: Vec<&'static str>,
    pub(super) exclude: Vec<&'static str>,
}

impl Unlisted {
    pub(super) fn of(row: &Row, root: &Node) -> Self {
        let open = || SECTIONS.iter().filter(|row| is_open(row, root));
        let is_alone = open().all(|other| other.key == row.key);
        match (is_alone, row.families) {
            (true, _) => Self { models: vec!["*"], exclude: Vec::new() },
            (false, []) => {
                let mut exclude: Vec<_> = open().flat_map(|other| other.families).copied().collect();
                exclude.sort_unstable();
                exclude.dedup();
                Self { models: vec!["*"], exclude }
            }
            (false, families) => Self { models: families.to_vec(), exclude: Vec::new() },
        }
    }

    pub(super) fn node(globs: &[&str], span: Span) -> Node {
        list(span, globs.iter().map(|glob| literal(span, glob)).collect())
    }
}

/// Whether a list has a key in use that lists no models.
fn is_open(row: &Row, root: &Node) -> bool {
    let entries = root.get(row.key).map_or(&[][..], Node::items);
    let is_true = |node: &Node| matches!(&node.kind, Kind::Scalar(scalar) if scalar.text == "true");
    let mut used = entries.iter().filter(|entry| !entry.get("disabled").is_some_and(is_true));
    used.any(|entry| entry.get("models").is_none_or(Node::is_empty))
}
