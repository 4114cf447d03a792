//! JSON5 to nodes, by the specification of version 1.0.0; JSON is part of it.
//!
//! Written out here because no kept parser of the whole of JSON5 says where its values stand.

use std::collections::HashMap;

use super::offsets::Offsets;
use super::{
    Entry, Fatal, Kind, MAX_DEPTH, MAX_NODES, Node, Scalar, Tree, duplicate, fatal, not_finite, too_deep,
};
use crate::finding::Findings;
use crate::span::SourceId;
use crate::span::{Place, Span};

mod number;
mod string;

/// The nodes of a JSON5 text.
pub(super) fn parse(source: SourceId, text: &str, findings: &mut Findings) -> Result<Tree, Fatal> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let offsets = Offsets::new(source, text);
    let mut parser = Parser { text, at: 0, offsets, findings, pieces: Vec::new(), nodes: 0 };
    let root = parser.value(None, 0)?;
    parser.blanks()?;
    match parser.peek() {
        None => Ok(Tree { root, pieces: parser.pieces }),
        Some(_) => Err(parser.expected("the end of the file", Some("a file is one value, mostly `{ ... }`"))),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// The byte that comes next.
    at: usize,
    offsets: Offsets<'a>,
    findings: &'a mut Findings,
    pieces: Vec<Span>,
    nodes: usize,
}

const QUOTES_MISSING: &str = "a text stands in quotes";

impl Parser<'_> {
    /// A value, with what is blank before it. A mapping or list is shown at its key.
    fn value(&mut self, key: Option<Span>, depth: usize) -> Result<Node, Fatal> {
        self.blanks()?;
        let start = self.at;
        let opening = key.unwrap_or_else(|| self.offsets.span(start..start));
        let node = match self.peek() {
            Some('{' | '[') if depth >= MAX_DEPTH => return Err(too_deep(opening)),
            Some('{') => Node { span: opening, kind: Kind::Mapping(self.mapping(depth)?) },
            Some('[') => Node { span: opening, kind: Kind::Sequence(self.sequence(depth)?) },
            Some(quote @ ('"' | '\'')) => {
                let text = self.string(quote)?;
                self.scalar(start, text, false)
            }
            Some(c) if c.is_ascii_digit() || "+-.".contains(c) => self.number()?,
            Some(c) if is_start(c) => self.word()?,
            _ => return Err(self.expected("a value", None)),
        };
        self.nodes += 1 + if let Kind::Scalar(scalar) = &node.kind { scalar.text.len() / 1024 } else { 0 };
        if self.nodes > MAX_NODES {
            return Err(fatal(node.span, &format!("more than {MAX_NODES} values")));
        }
        Ok(node)
    }

    fn scalar(&mut self, start: usize, text: String, plain: bool) -> Node {
        let span = self.offsets.span(start..self.at);
        self.pieces.push(span);
        Node { span, kind: Kind::Scalar(Scalar { text, plain, interpolated: false }) }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>, Fatal> {
        let mut entries = Vec::new();
        let mut places: HashMap<String, Place> = HashMap::new();
        self.at += 1;
        loop {
            self.blanks()?;
            if self.take('}') {
                return Ok(entries);
            }
            let start = self.at;
            let key = match self.peek() {
                Some(quote @ ('"' | '\'')) => self.string(quote)?,
                Some(c) if is_start(c) || c == '\\' => self.name()?,
                None => return Err(self.expected("a key or `}`", Some("close the `{` with a `}`"))),
                Some(_) => return Err(self.expected("a key or `}`", None)),
            };
            let span = self.offsets.span(start..self.at);
            self.pieces.push(span);
            self.blanks()?;
            if !self.take(':') {
                let hint = "a key and its value have a `:` between them";
                return Err(self.expected("`:`", Some(hint)));
            }
            let value = self.value(Some(span), depth + 1)?;
            self.nodes += key.len() / 1024;
            match places.get(&key) {
                Some(first) => duplicate(self.findings, &key, span, *first),
                None => {
                    places.insert(key.clone(), span.start);
                    entries.push(Entry { key, key_span: span, value, comment: None });
                }
            }
            self.blanks()?;
            if !self.take(',') && self.peek() != Some('}') {
                let hint = "put a `,` between entries, and close the `{` with a `}`";
                return Err(self.expected("`,` or `}`", Some(hint)));
            }
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Fatal> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            self.blanks()?;
            if self.take(']') {
                return Ok(items);
            }
            if self.peek().is_none() {
                return Err(self.expected("a value or `]`", Some("close the `[` with a `]`")));
            }
            items.push(self.value(None, depth + 1)?);
            self.blanks()?;
            if !self.take(',') && self.peek() != Some(']') {
                let hint = "put a `,` between items, and close the `[` with a `]`";
                return Err(self.expected("`,` or `]`", Some(hint)));
            }
        }
    }

    /// `true`, `false`, `null`, or what is no value of a config.
    fn word(&mut self) -> Result<Node, Fatal> {
        let start = self.at;
        let word = self.name()?;
        match word.as_str() {
            "true" | "false" | "null" => Ok(self.scalar(start, word, true)),
            "Infinity" | "NaN" => {
                self.at = start;
                self.number()
            }
            _ => {
                self.at = start;
                Err(self.expected("a value", Some(QUOTES_MISSING)))
            }
        }
    }

    /// A name without quotes.
    fn name(&mut self) -> Result<String, Fatal> {
        let start = self.at;
        let mut name = String::new();
        loop {
            let at = self.at;
            let c = match self.peek() {
                Some('\\') if self.rest().starts_with("\\u") => {
                    self.at += 2;
                    self.unicode(at)?
                }
                Some(c) if is_part(c) => {
                    self.at += c.len_utf8();
                    c
                }
                _ if name.is_empty() => return Err(self.expected("a key", None)),
                _ => return Ok(name),
            };
            let is_good = if at == start { is_start(c) } else { is_part(c) };
            if !is_good {
                return Err(self.fault(
                    at..self.at,
                    "a character that no name has",
                    Some("put it in quotes"),
                ));
            }
            name.push(c);
        }
    }

    // === what is blank ===

    /// Passes blanks and comments.
    fn blanks(&mut self) -> Result<(), Fatal> {
        loop {
            let rest = self.rest();
            if let Some(comment) = rest.strip_prefix("//") {
                self.at += 2 + comment.find(BREAKS).unwrap_or(comment.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    let message = "a comment that does not end";
                    return Err(self.fault(self.at..self.at + 2, message, Some("close it with `*/`")));
                };
                self.at += 2 + end + 2;
            } else {
                let blank = rest.find(|c| !is_blank(c)).unwrap_or(rest.len());
                if blank == 0 {
                    return Ok(());
                }
                self.at += blank;
            }
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, expected: char) -> bool {
        let is_there = self.peek() == Some(expected);
        self.at += if is_there { expected.len_utf8() } else { 0 };
        is_there
    }

    // === what is wrong ===

    /// Something else stands where `what` belongs. It is not repeated, since it may be part of a secret.
    fn expected(&self, what: &str, hint: Option<&str>) -> Fatal {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some('#') => "a `#`".to_owned(),
            Some(c) if "{}[]:,='\"".contains(c) => format!("`{c}`"),
            Some(_) => "something else".to_owned(),
        };
        let hint = if self.peek() == Some('#') { Some("a comment begins with `//`") } else { hint };
        let end = self.at + self.peek().map_or(0, char::len_utf8);
        self.fault(self.at..end, &format!("expected {what}, found {found}"), hint)
    }

    fn fault(&self, range: std::ops::Range<usize>, message: &str, hint: Option<&str>) -> Fatal {
        let hint = hint.map(str::to_owned);
        Fatal { hint, ..fatal(self.offsets.span(range), &format!("not valid JSON5: {message}")) }
    }
}

/// What ends a line.
const BREAKS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];

/// White space and line ends: those of the specification, which takes every space that Unicode has.
fn is_blank(c: char) -> bool {
    BREAKS.contains(&c)
        || matches!(c, '\t' | '\u{b}' | '\u{c}' | ' ' | '\u{a0}' | '\u{feff}' | '\u{1680}' | '\u{202f}')
        || matches!(c, '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}')
}

/// Whether a name may begin with it: a letter of any script, `$` or `_`.
fn is_start(c: char) -> bool {
    c == '$' || c == '_' || c.is_alphabetic()
}

/// Whether it may stand in a name: also digits, and what joins letters.
fn is_part(c: char) -> bool {
    is_start(c) || c.is_numeric() || matches!(c, '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{203f}')
}

#[cfg(test)]
mod tests;
