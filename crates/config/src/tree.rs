//! Text to nodes that know their place: one tree, whatever the file is written in.
//!
//! Scalars stay text: what `12345` is, a key or a number, is for the schema to say.

mod json5;
mod offsets;
mod toml;
mod yaml;

use crate::finding::Findings;
use crate::span::SourceId;
use crate::span::{Place, Span};

/// The deepest that mappings and lists may be nested.
const MAX_DEPTH: usize = 32;
/// The most nodes a file may have once its aliases are expanded (a text counts once more per KiB), so
/// that a small file cannot grow into a large one.
const MAX_NODES: usize = 100_000;

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Node,
    /// Where the text has a scalar, key or value, also those that the tree has no place for.
    pub(crate) pieces: Vec<Span>,
}

/// A value of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Where a complaint about it points: a scalar itself, a mapping or list at its key.
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
    /// A value that could not be made out, and was reported.
    Broken,
}

/// A text, and how it was written.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes, so that it may also be a number, a boolean or nothing.
    pub(crate) plain: bool,
    /// Made from a variable, so that it may be a number or a boolean, and is never shown.
    pub(crate) interpolated: bool,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
    /// What is said above it when the tree is written out.
    pub(crate) comment: Option<String>,
}

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    /// JSON is JSON5 too.
    Json5,
    Toml,
}

impl Format {
    /// What a file of that name is written in; YAML if its ending does not say.
    pub(crate) fn of(file_name: &str) -> Self {
        let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("json" | "json5") => Self::Json5,
            Some("toml") => Self::Toml,
            _ => Self::Yaml,
        }
    }
}

/// Parses a text. `None` when nothing can be said about its content; what is wrong is in `findings`.
pub(crate) fn parse(format: Format, source: SourceId, text: &str, findings: &mut Findings) -> Option<Tree> {
    let outcome = match format {
        // A parser of YAML takes NUL for the end of the text: what follows would be ignored in silence.
        _ if text.contains('\0') => Err(nul(source, text)),
        Format::Yaml => yaml::parse(source, text, findings).map_err(|fatal| {
            if is_like_json5(text) { Fatal { hint: Some(RENAME.to_owned()), ..fatal } } else { fatal }
        }),
        Format::Json5 => json5::parse(source, text, findings),
        Format::Toml => toml::parse(source, text, findings),
    };
    outcome.map_err(|Fatal { span, message, hint }| findings.report(span, "", message, hint)).ok()
}

const RENAME: &str =
    "a file with comments that begin with `//` or `/*` is JSON5: let its name end in `.json5`";

/// Whether a text begins with a comment as JSON5 has them, or has one on a line of its own in braces.
fn is_like_json5(text: &str) -> bool {
    let is_comment = |line: &str| line.starts_with("//") || line.starts_with("/*");
    let text = text.trim_start_matches('\u{feff}').trim_start();
    is_comment(text) || text.starts_with('{') && text.lines().any(|line| is_comment(line.trim_start()))
}

fn nul(source: SourceId, text: &str) -> Fatal {
    let before = text.split('\0').next().unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let place = Place { line, column };
    fatal(Span { source, start: place, end: place }, "the file has a NUL character")
}

/// What makes the rest of the file unreadable.
struct Fatal {
    span: Span,
    message: String,
    hint: Option<String>,
}

// === impl Node ===

impl Node {
    /// The value of a key, when this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key itself, when this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Whether nothing was written, or the word for it.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    /// Whether it is nothing, or a list or mapping with nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Scalar(_) => self.is_null(),
            Kind::Sequence(items) => items.is_empty(),
            Kind::Mapping(entries) => entries.is_empty(),
            Kind::Broken => false,
        }
    }

    /// The entries; none when this is not a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        if let Kind::Mapping(entries) = &self.kind { entries } else { &[] }
    }

    /// The items; none when this is not a list.
    pub(crate) fn items(&self) -> &[Node] {
        if let Kind::Sequence(items) = &self.kind { items } else { &[] }
    }
}

// === impl Scalar ===

impl Scalar {
    /// Whether nothing was written, or the word for it.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && !self.interpolated && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// A text of the file as an error may carry it: bounded, and with nothing that moves a terminal's cursor.
pub(crate) fn quotable(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

fn fatal(span: Span, message: &str) -> Fatal {
    Fatal { span, message: message.to_owned(), hint: None }
}

fn too_deep(span: Span) -> Fatal {
    fatal(span, &format!("nested more than {MAX_DEPTH} levels deep"))
}

/// Reports a key that its mapping has already.
fn duplicate(findings: &mut Findings, key: &str, span: Span, first: Place) {
    let message = format!("`{}` is given twice", quotable(key));
    let hint = format!("it is also at line {}, column {}: keep one", first.line, first.column);
    findings.may_quote(span);
    findings.report(span, key, message, Some(hint));
}

/// Reports a number without end, or what is none: no setting is one.
fn not_finite(findings: &mut Findings, written: &str, span: Span) {
    findings.may_quote(span);
    findings.report(span, "", format!("`{written}` is no number that a config can hold"), None);
}
