//! YAML to nodes.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Entry, Fatal, Kind, MAX_DEPTH, MAX_NODES, Node, Scalar, Tree, duplicate, fatal, too_deep};
use crate::finding::Findings;
use crate::shield::{shield, unshield};
use crate::span::SourceId;
use crate::span::{Place, Span};

/// The nodes of a YAML text.
pub(super) fn parse(source: SourceId, text: &str, findings: &mut Findings) -> Result<Tree, Fatal> {
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
    builder.run(text)?;
    let empty = Node { span: Span { source, ..Span::default() }, kind: Kind::Mapping(Vec::new()) };
    Ok(Tree { root: builder.root.unwrap_or(empty), pieces: builder.pieces })
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
            return Err(too_deep(span));
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
                        duplicate(self.findings, &scalar.text, node.span, first);
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
