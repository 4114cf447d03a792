//! TOML to nodes: the grammar is `toml_parser`'s, what tables may be said twice is told in `table`.

use std::borrow::Cow;
use std::ops::Range;

use toml_parser::decoder::ScalarKind;
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace};
use toml_parser::{Expected, ParseError, Source};

use super::offsets::Offsets;
use super::{Fatal, Kind, MAX_DEPTH, MAX_NODES, Node, Scalar, Tree, duplicate, fatal, not_finite, too_deep};
use crate::finding::Findings;
use crate::span::SourceId;
use crate::span::Span;

mod table;

use table::{Clash, Item, Key, Repeated, Table};

/// The nodes of a TOML text.
pub(super) fn parse(source: SourceId, text: &str, findings: &mut Findings) -> Result<Tree, Fatal> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let offsets = Offsets::new(source, text);
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut errors: Vec<ParseError> = Vec::new();
    let mut events: Vec<Event> = Vec::with_capacity(tokens.len());
    let mut blanks = ValidateWhitespace::new(&mut events, source);
    let mut guard = RecursionGuard::new(&mut blanks, u32::try_from(MAX_DEPTH).unwrap_or(u32::MAX));
    toml_parser::parser::parse_document(&tokens, &mut guard, &mut errors);
    events.retain(|event| {
        !matches!(event.kind(), EventKind::Whitespace | EventKind::Comment | EventKind::Newline)
    });
    let mut reader =
        Reader { source, events: &events, at: 0, offsets, findings, pieces: Vec::new(), nodes: 0, errors };
    reader.first_error()?;
    let root = reader.document()?;
    // The escapes of keys are only looked into when they are read.
    reader.first_error()?;
    Ok(Tree { root, pieces: reader.pieces })
}

struct Reader<'a> {
    source: Source<'a>,
    events: &'a [Event],
    at: usize,
    offsets: Offsets<'a>,
    findings: &'a mut Findings,
    pieces: Vec<Span>,
    nodes: usize,
    errors: Vec<ParseError>,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Node, Fatal> {
        let mut root = Table::written();
        self.section(&mut root, 0)?;
        while let Some(event) = self.next() {
            let is_list = event.kind() == EventKind::ArrayTableOpen;
            if !is_list && event.kind() != EventKind::StdTableOpen {
                continue;
            }
            let path = self.keys(0)?;
            self.next();
            let depth = path.len() + usize::from(is_list);
            // The entries of a table that may not be here are read, and left out.
            let mut spare = Table::written();
            let mut repeated = Vec::new();
            let entered = root.enter(&path, is_list, &mut repeated);
            self.repeated(repeated);
            match entered {
                Ok(table) => self.section(table, depth)?,
                Err(clash) => {
                    self.clash(&clash);
                    self.section(&mut spare, depth)?;
                }
            }
        }
        Ok(Node { span: self.offsets.span(0..0), kind: root.kind() })
    }

    /// The entries up to the next header.
    fn section(&mut self, table: &mut Table, depth: usize) -> Result<(), Fatal> {
        while self.peek() == Some(EventKind::SimpleKey) {
            self.entry(table, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, table: &mut Table, depth: usize) -> Result<(), Fatal> {
        let path = self.keys(depth)?;
        self.next_if(EventKind::KeyValSep);
        let Some(span) = path.last().map(|key| key.span) else { return Ok(()) };
        let value = self.value(Some(span), depth + path.len())?;
        let mut repeated = Vec::new();
        if let Err(clash) = table.put(path, Item::Value(value), &mut repeated) {
            self.clash(&clash);
        }
        self.repeated(repeated);
        Ok(())
    }

    fn repeated(&mut self, repeated: Repeated) {
        for (first, again) in repeated.into_iter().filter(|(first, again)| first != again) {
            self.findings.repeats(first, again);
        }
    }

    /// A key and the keys behind its dots.
    fn keys(&mut self, depth: usize) -> Result<Vec<Key>, Fatal> {
        let mut keys: Vec<Key> = Vec::new();
        while let Some(event) = self.next_if(EventKind::SimpleKey) {
            let span = self.offsets.span(range(&event));
            if depth + keys.len() >= MAX_DEPTH {
                return Err(too_deep(span));
            }
            let mut text = Cow::Borrowed("");
            if let Some(raw) = self.source.get(event) {
                raw.decode_key(&mut text, &mut self.errors);
            }
            self.pieces.push(span);
            self.count(span, text.len())?;
            keys.push(Key { text: text.into_owned(), span });
            self.next_if(EventKind::KeySep);
        }
        Ok(keys)
    }

    /// A value; a list or table in brackets is shown at its key.
    fn value(&mut self, key: Option<Span>, depth: usize) -> Result<Node, Fatal> {
        let Some(event) = self.next() else { return Err(self.fault(0..0, "a value is missing")) };
        let span = self.offsets.span(range(&event));
        if depth >= MAX_DEPTH && event.kind() != EventKind::Scalar {
            return Err(too_deep(key.unwrap_or(span)));
        }
        match event.kind() {
            EventKind::InlineTableOpen => {
                let mut table = Table::written();
                while let Some(kind) = self.peek() {
                    match kind {
                        EventKind::SimpleKey => self.entry(&mut table, depth + 1)?,
                        _ if self.next_if(EventKind::ValueSep).is_none() => break,
                        _ => {}
                    }
                }
                self.next_if(EventKind::InlineTableClose);
                Ok(Node { span: key.unwrap_or(span), kind: table.kind() })
            }
            EventKind::ArrayOpen => {
                let mut items = Vec::new();
                while let Some(kind) = self.peek() {
                    match kind {
                        EventKind::ArrayClose => break,
                        EventKind::ValueSep => drop(self.next()),
                        _ => items.push(self.value(None, depth + 1)?),
                    }
                }
                self.next_if(EventKind::ArrayClose);
                Ok(Node { span: key.unwrap_or(span), kind: Kind::Sequence(items) })
            }
            EventKind::Scalar => self.scalar(event),
            _ => Err(self.fault(range(&event), "a value is missing")),
        }
    }

    fn scalar(&mut self, event: Event) -> Result<Node, Fatal> {
        let span = self.offsets.span(range(&event));
        self.pieces.push(span);
        let mut text = Cow::Borrowed("");
        let Some(raw) = self.source.get(event) else {
            return Err(self.fault(range(&event), "a value is missing"));
        };
        let kind = raw.decode_scalar(&mut text, &mut self.errors);
        self.first_error()?;
        self.count(span, text.len())?;
        let unsigned = text.trim_start_matches(['+', '-']);
        let (text, plain) = match kind {
            // A date is a text: no setting is one.
            ScalarKind::String | ScalarKind::DateTime => (text.into_owned(), false),
            ScalarKind::Boolean(value) => (value.to_string(), true),
            ScalarKind::Float if matches!(unsigned, "inf" | "nan") => {
                not_finite(self.findings, unsigned, span);
                return Ok(Node { span, kind: Kind::Broken });
            }
            ScalarKind::Float => (text.trim_start_matches('+').to_owned(), true),
            ScalarKind::Integer(radix) => match i128::from_str_radix(&text, radix.value()) {
                Ok(number) => (number.to_string(), true),
                Err(_) => return Err(self.fault(range(&event), "a number of more than 128 bits")),
            },
        };
        Ok(Node { span, kind: Kind::Scalar(Scalar { text, plain, interpolated: false }) })
    }

    fn count(&mut self, span: Span, bytes: usize) -> Result<(), Fatal> {
        self.nodes += 1 + bytes / 1024;
        if self.nodes > 2 * MAX_NODES {
            return Err(fatal(span, &format!("more than {MAX_NODES} values")));
        }
        Ok(())
    }

    // === the events ===

    fn peek(&self) -> Option<EventKind> {
        self.events.get(self.at).map(Event::kind)
    }

    fn next(&mut self) -> Option<Event> {
        let event = self.events.get(self.at).copied();
        self.at += usize::from(event.is_some());
        event
    }

    fn next_if(&mut self, kind: EventKind) -> Option<Event> {
        if self.peek() == Some(kind) { self.next() } else { None }
    }

    // === what is wrong ===

    fn clash(&mut self, clash: &Clash) {
        let Clash { key, span, first, is_value } = clash;
        if !is_value {
            return duplicate(self.findings, key, *span, *first);
        }
        let message = format!("`{}` has a value already, and takes no more keys", super::quotable(key));
        let hint =
            format!("the value is at line {}, column {}: put the keys there", first.line, first.column);
        self.findings.may_quote(*span);
        self.findings.report(*span, key, message, Some(hint));
    }

    /// The first thing that is no TOML, with the parser's own words, which repeat nothing of the text.
    fn first_error(&self) -> Result<(), Fatal> {
        let place =
            |error: &ParseError| error.unexpected().or(error.context()).map_or(0, |span| span.start());
        let Some(error) = self.errors.iter().min_by_key(|error| place(error)) else { return Ok(()) };
        let mut message = error.description().to_owned();
        for (index, expected) in error.expected().unwrap_or_default().iter().enumerate() {
            message.push_str(if index == 0 { ", expected " } else { " or " });
            match expected {
                Expected::Literal("\n") => message.push_str("the end of the line"),
                Expected::Literal(text) => message.push_str(&format!("`{text}`")),
                Expected::Description(text) => message.push_str(text),
                _ => message.push_str("something else"),
            }
        }
        let span = error.unexpected().map_or(0..0, |span| span.start()..span.end());
        Err(self.fault(span, &message))
    }

    fn fault(&self, range: Range<usize>, message: &str) -> Fatal {
        fatal(self.offsets.span(range), &format!("not valid TOML: {message}"))
    }
}

fn range(event: &Event) -> Range<usize> {
    event.span().start()..event.span().end()
}

#[cfg(test)]
mod tests;
