//! YAML text to nodes that know their place.
//!
//! Scalars stay text: what `12345` is, a key or a number, is for the schema to say.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::finding::Findings;
use crate::shield::{shield, unshield};
use crate::sources::SourceId;
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

/// Parses a file. `None` when nothing can be said about its content; what is wrong is in `findings`.
pub(crate) fn parse(source: SourceId, text: &str, findings: &mut Findings) -> Option<Tree> {
    let mut builder = Builder {
        source,
        findings,
        root: None,
        pieces: Vec::new(),
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        documents: 0,
    };
    match builder.run(text) {
        Ok(()) => {
            let empty = Node { span: Span { source, ..Span::default() }, kind: Kind::Mapping(Vec::new()) };
            Some(Tree { root: builder.root.unwrap_or(empty), pieces: builder.pieces })
        }
        Err(Fatal { span, message, hint }) => {
            findings.report(span, "", message, hint);
            None
        }
    }
}

/// What makes the rest of the file unreadable.
struct Fatal {
    span: Span,
    message: String,
    hint: Option<String>,
}

/// A mapping or list whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    children: Children,
}

enum Children {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, places: HashMap<String, Place>, key: Option<Key> },
}

/// A key that waits for its value.
struct Key {
    text: String,
    span: Span,
    /// A key that was reported: its value is read, and left out.
    refused: bool,
}

/// Folds parser events into a tree, without recursion.
struct Builder<'a> {
    source: SourceId,
    findings: &'a mut Findings,
    root: Option<Node>,
    pieces: Vec<Span>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
}

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Fatal> {
        // The parser takes NUL for the end of the text: what follows would be ignored in silence.
        if let Some((before, _)) = text.split_once('\0') {
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
            let place = Place { line, column };
            return Err(fatal(self.span(place, place), "the file has a NUL character"));
        }
        let text = shield(text);
        let mut parser = Parser::new_from_str(&text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let place = place(*error.marker());
                let span = self.span(place, place);
                Fatal {
                    hint: advice(error.info()),
                    ..fatal(span, &format!("not valid YAML: {}", error.info()))
                }
            })?;
            self.event(event, self.span(place(span.start), place(span.end)))?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(fatal(
                        span,
                        "a config file is one YAML document, and here a second one begins",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                let plain = style == ScalarStyle::Plain;
                // Where nothing is written, the parser's span is that of what follows.
                let span = if plain && text.is_empty() { Span { end: span.start, ..span } } else { span };
                self.pieces.push(span);
                self.nodes += 1 + text.len() / 1024;
                let scalar = Scalar { text: unshield(&text), plain, interpolated: false };
                self.place(Node { span, kind: Kind::Scalar(scalar) }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                self.begin(span, anchor, Children::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span)?;
                let children = Children::Mapping { entries: Vec::new(), places: HashMap::new(), key: None };
                self.begin(span, anchor, children)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { span, anchor, children }) = self.open.pop() {
                    let kind = match children {
                        Children::Sequence(items) => Kind::Sequence(items),
                        Children::Mapping { entries, .. } => Kind::Mapping(entries),
                    };
                    self.place(Node { span, kind }, anchor)?;
                }
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(fatal(span, "an alias inside the value that it stands for"));
                };
                self.nodes += weight(&node);
                self.place(node, 0)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn span(&self, start: Place, end: Place) -> Span {
        Span { source: self.source, start, end }
    }

    fn refuse_tag(&self, has_tag: bool, span: Span) -> Result<(), Fatal> {
        if has_tag {
            let hint = Some("put quotes around a value that begins with `!`".to_owned());
            return Err(Fatal { hint, ..fatal(span, "YAML tags such as `!name` have no meaning here") });
        }
        Ok(())
    }

    fn begin(&mut self, span: Span, anchor: usize, children: Children) -> Result<(), Fatal> {
        if self.open.len() >= MAX_DEPTH {
            return Err(fatal(span, &format!("nested more than {MAX_DEPTH} levels deep")));
        }
        // A value inside a mapping is shown at its key; a mapping used as a key is refused here, where
        // its own place is still known.
        let span = match self.open.last_mut() {
            Some(Open { children: Children::Mapping { key: Some(key), .. }, .. }) => key.span,
            Some(Open { children: Children::Mapping { .. }, .. }) => {
                return Err(Fatal {
                    hint: Some("put quotes around a value that has `{` or `[` in it".to_owned()),
                    ..fatal(span, "a key must be a text")
                });
            }
            _ => Span { end: span.start, ..span },
        };
        self.nodes += 1;
        self.open.push(Open { span, anchor, children });
        Ok(())
    }

    /// Puts a finished node where it belongs: the root, a list, or a mapping as key or value.
    fn place(&mut self, mut node: Node, anchor: usize) -> Result<(), Fatal> {
        if anchor > 0 {
            self.nodes += weight(&node);
            self.anchors.insert(anchor, node.clone());
        }
        if self.nodes > MAX_NODES {
            return Err(fatal(
                node.span,
                &format!("more than {MAX_NODES} values, with all aliases expanded"),
            ));
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(node),
            Some(Children::Sequence(items)) => items.push(node),
            Some(Children::Mapping { entries, places, key }) => match key.take() {
                None => {
                    let Kind::Scalar(scalar) = node.kind else {
                        return Err(fatal(node.span, "a key must be a text"));
                    };
                    let first = *places.entry(scalar.text.clone()).or_insert(node.span.start);
                    let refused = first != node.span.start;
                    if refused {
                        let message = format!("`{}` is given twice", quotable(&scalar.text));
                        let hint =
                            format!("it is also at line {}, column {}: keep one", first.line, first.column);
                        self.findings.may_quote(node.span);
                        self.findings.report(node.span, &scalar.text, message, Some(hint));
                    }
                    *key = Some(Key { text: scalar.text, span: node.span, refused });
                }
                Some(key) if !key.refused => {
                    if node.span.start == node.span.end {
                        node.span = key.span;
                    }
                    entries.push(Entry { key: key.text, key_span: key.span, value: node, comment: None });
                }
                Some(_) => {}
            },
        }
        Ok(())
    }
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

/// What mostly helps when the YAML parser complains in these words.
fn advice(complaint: &str) -> Option<String> {
    const ADVICE: [(&str, &str); 7] = [
        ("tabs disallowed", "indent with spaces"),
        (
            "mapping values are not allowed",
            "put quotes around a value with `: ` in it, and a space after the `:` of the line before",
        ),
        ("expected key", "indent the line like its neighbours"),
        ("quoted scalar", "close the quote"),
        ("flow mapping", "close the `{` with a `}`, and put a `,` between entries"),
        ("flow sequence", "close the `[` with a `]`, and put a `,` between items"),
        ("unknown anchor", "put quotes around a value that begins with `*`"),
    ];
    let found = ADVICE.iter().find(|(words, _)| complaint.contains(words));
    found.map(|(_, advice)| (*advice).to_owned())
}

fn weight(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::Scalar(scalar) => scalar.text.len() / 1024,
        Kind::Sequence(items) => items.iter().map(weight).sum(),
        Kind::Mapping(entries) => {
            entries.iter().map(|entry| 1 + entry.key.len() / 1024 + weight(&entry.value)).sum()
        }
        Kind::Broken => 0,
    }
}

fn place(marker: Marker) -> Place {
    Place { line: marker.line(), column: marker.col() + 1 }
}

fn fatal(span: Span, message: &str) -> Fatal {
    Fatal { span, message: message.to_owned(), hint: None }
}
