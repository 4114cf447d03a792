//! The text of a config as an operator may see and change it: what is secret is a marker, and a marker put back is the
//! secret that it stands for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::check::{self, join, shown_key};
use crate::problem::Errors;
use crate::reading::{Around, Reading};
use crate::span::SourceId;
use crate::span::{Place, Span};
use crate::tree::{Kind, Node};
use crate::{foreign, schema};

/// How a marker begins and ends; between them stands where the secret is.
const MARKER: (&str, &str) = ("<redacted:", ">");
/// From how many characters on a word of letters and digits in a comment is taken for an old key.
const LONG_WORD: usize = 16;

/// The text of one config file, and what of it is not to be shown.
#[derive(Clone)]
pub struct Document {
    path: PathBuf,
    text: String,
    /// In the order of the text, none inside another.
    hidden: Vec<Hidden>,
}

/// One part of the text that is not to be shown.
#[derive(Clone)]
struct Hidden {
    range: Range<usize>,
    marker: String,
    /// What is put back for the marker: a secret in quotes, or the word of a comment.
    value: String,
    is_comment: bool,
}

/// A value of the file as it is written.
struct Written {
    span: Span,
    path: String,
    text: String,
}

impl Document {
    /// The document of a text that was read. `scalars` are its values, `harmless` those that may be shown.
    pub(crate) fn new(path: &Path, text: &str, scalars: Scalars, harmless: &HashSet<Span>) -> Self {
        let lines = Lines::new(text);
        let mut hidden = Vec::new();
        let mut pieces: Vec<Range<usize>> =
            scalars.pieces.iter().map(|span| lines.range(text, *span)).collect();
        for Written { span, path, text: value } in scalars.values {
            let range = lines.range(text, span);
            let range = block_begin(text, range.start)..range.end;
            pieces.push(range.clone());
            if !harmless.contains(&span) && !is_reference(&value) && !value.is_empty() {
                let marker = format!("{}{path}{}", MARKER.0, MARKER.1);
                // What is no text stays none: a number, a truth value, nothing.
                let raw = &text[range.clone()];
                let is_bare = raw == "~"
                    || serde_json::from_str::<serde_json::Value>(raw).is_ok_and(|it| !it.is_string());
                let value = if is_bare { raw.to_owned() } else { quoted(&value) };
                hidden.push(Hidden { range, marker, value, is_comment: false });
            }
        }
        pieces.sort_by_key(|range| range.start);
        for (number, range) in old_keys(text, &pieces).enumerate() {
            let marker = format!("{}comment {}{}", MARKER.0, number + 1, MARKER.1);
            let value = text[range.clone()].to_owned();
            hidden.push(Hidden { range, marker, value, is_comment: true });
        }
        hidden.sort_by_key(|hidden| hidden.range.start);
        Self { path: path.to_path_buf(), text: text.to_owned(), hidden }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text as it is, secrets included.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The text with a marker in place of every secret: of each value that is not known to be harmless, and of each word in
    /// a comment that looks like a key. References such as `${VAR}` stay, since they show nothing.
    pub fn redacted(&self) -> String {
        let mut shown = String::with_capacity(self.text.len());
        let mut end = 0;
        for hidden in &self.hidden {
            let Some(before) = self.text.get(end..hidden.range.start) else { continue };
            shown.push_str(before);
            if hidden.is_comment {
                shown.push_str(&hidden.marker);
            } else {
                // Quoted as every format reads it, since a path may have brackets.
                shown.push_str(&quoted(&hidden.marker));
            }
            end = hidden.range.end;
        }
        shown.push_str(&self.text[end..]);
        shown
    }

    /// A changed text with the secrets of this one in place of their markers. A marker may have moved with the rest of its
    /// entry, and may stand several times; it only counts where a secret belongs, so that none can be put where it is
    /// shown.
    ///
    /// # Errors
    /// A text that cannot be parsed; a marker that stands for nothing or in a place for something else.
    pub fn restore(&self, put: &str, around: Around<'_>) -> Result<String, Errors> {
        let mut reading = Reading::new(around);
        let Some(root) = reading.parse(&self.path.display().to_string(), put) else {
            return Err(reading.errors());
        };
        let scalars = Scalars::of(&root, reading.sources.pieces());
        let harmless = harmless(root, &mut reading);
        let known: HashMap<&str, &Hidden> =
            self.hidden.iter().map(|hidden| (hidden.marker.as_str(), hidden)).collect();
        let lines = Lines::new(put);
        let mut edits: Vec<(Range<usize>, String)> = Vec::new();
        let mut pieces: Vec<Range<usize>> =
            scalars.pieces.iter().map(|span| lines.range(put, *span)).collect();
        for Written { span, path, text } in &scalars.values {
            let range = lines.range(put, *span);
            pieces.push(range.clone());
            if !text.contains(MARKER.0) {
                continue;
            }
            let fault = match known.get(text.as_str()) {
                Some(hidden) if !hidden.is_comment && !harmless.contains(span) => {
                    edits.push((range, hidden.value.clone()));
                    continue;
                }
                Some(_) => "is a redacted value where no secret belongs",
                None => "is a redacted value that stands for no secret of the present config",
            };
            let hint = "write the value itself, or leave the line as it was shown".to_owned();
            reading.findings.report(*span, path, format!("`{path}` {fault}"), Some(hint));
        }
        pieces.sort_by_key(|range| range.start);
        for gap in gaps(put, &pieces) {
            for hidden in self.hidden.iter().filter(|hidden| hidden.is_comment) {
                for (at, marker) in put[gap.clone()].match_indices(&hidden.marker) {
                    let start = gap.start + at;
                    edits.push((start..start + marker.len(), hidden.value.clone()));
                }
            }
        }
        if !reading.findings.is_empty() {
            return Err(reading.errors());
        }
        edits.sort_by_key(|(range, _)| range.start);
        let mut text = put.to_owned();
        for (range, value) in edits.into_iter().rev() {
            text.replace_range(range, &value);
        }
        Ok(text)
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The values of a file that may be shown, whatever is wrong with it: nothing of that is kept.
fn harmless(root: Node, reading: &mut Reading<'_>) -> HashSet<Span> {
    let findings = std::mem::take(&mut reading.findings);
    let notes = reading.notes.len();
    if let Some(root) = foreign::native(root, reading) {
        check::check(&root, &schema(), &mut reading.findings);
    }
    reading.notes.truncate(notes);
    std::mem::replace(&mut reading.findings, findings).harmless
}

/// Everything that a file has scalars for.
pub(crate) struct Scalars {
    /// Where they are, keys and values.
    pieces: Vec<Span>,
    values: Vec<Written>,
}

impl Scalars {
    /// The scalars of the first text: what aliases repeat is there once.
    pub(crate) fn of(root: &Node, pieces: &[Span]) -> Self {
        let mut scalars = Self { pieces: pieces.to_vec(), values: Vec::new() };
        scalars.gather(root, "", &mut HashSet::new());
        scalars
    }

    fn gather(&mut self, node: &Node, path: &str, seen: &mut HashSet<Span>) {
        match &node.kind {
            Kind::Scalar(scalar) if node.span.source == SourceId::default() && seen.insert(node.span) => {
                let (path, text) = (path.to_owned(), scalar.text.clone());
                self.values.push(Written { span: node.span, path, text });
            }
            Kind::Scalar(_) | Kind::Broken => {}
            Kind::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.gather(item, &format!("{path}[{index}]"), seen);
                }
            }
            Kind::Mapping(entries) => {
                for entry in entries {
                    self.gather(&entry.value, &join(path, &shown_key(&entry.key, true)), seen);
                }
            }
        }
    }
}

/// Whether a value only names where the secret is.
fn is_reference(value: &str) -> bool {
    let name = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let is_variable = name.is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    is_variable || value.starts_with("file://")
}

/// Where a value begins whose text begins at `start`: of a YAML block (`|` or `>`, and its lines below) at its sign.
fn block_begin(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end_matches(' ');
    let Some(head) = before.strip_suffix('\n') else { return start };
    let head = head.rsplit('\n').next().unwrap_or_default().trim_end();
    let head = head.split(" #").next().unwrap_or_default().trim_end();
    let sign = head.trim_end_matches(|c: char| c.is_ascii_digit() || "+-".contains(c));
    let is_block = sign.strip_suffix(['|', '>']).is_some_and(|front| front.ends_with([' ', ':', '-']));
    if !is_block {
        return start;
    }
    let line = before.trim_end_matches('\n').rfind('\n').map_or(0, |at| at + 1);
    line + sign.len() - 1
}

/// A text in double quotes, as YAML, JSON5 and TOML read it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The words outside of all scalars, which is in comments, that look like keys.
fn old_keys<'t>(text: &'t str, pieces: &'t [Range<usize>]) -> impl Iterator<Item = Range<usize>> {
    gaps(text, pieces).flat_map(move |gap| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+/=.".contains(c);
        let mut words = Vec::new();
        let mut start = None;
        for (at, c) in text[gap.clone()].char_indices().chain([(gap.len(), ' ')]) {
            match (is_part(c), start) {
                (true, None) => start = Some(at),
                (false, Some(from)) => {
                    let word = &text[gap.start + from..gap.start + at];
                    let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
                    if word.len() >= LONG_WORD && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) {
                        words.push(gap.start + from..gap.start + at);
                    }
                    start = None;
                }
                _ => {}
            }
        }
        words
    })
}

/// What lies between the pieces, which are sorted.
fn gaps<'t>(text: &'t str, pieces: &'t [Range<usize>]) -> impl Iterator<Item = Range<usize>> + 't {
    let mut end = 0;
    let last = text.len()..text.len();
    pieces.iter().cloned().chain([last]).filter_map(move |piece| {
        let gap = end..piece.start;
        end = end.max(piece.end);
        (gap.start < gap.end && text.is_char_boundary(gap.start)).then_some(gap)
    })
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let bytes = text.as_bytes();
        let after = |(at, byte): (usize, &u8)| match byte {
            b'\n' => Some(at + 1),
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => Some(at + 1),
            _ => None,
        };
        Self([bom].into_iter().chain(bytes.iter().enumerate().filter_map(after)).collect())
    }

    /// The bytes of a span, without blanks at its end.
    fn range(&self, text: &str, span: Span) -> Range<usize> {
        let (start, end) = (self.offset(text, span.start), self.offset(text, span.end));
        let end = end.max(start);
        start..start + text[start..end].trim_end().len()
    }

    fn offset(&self, text: &str, place: Place) -> usize {
        let Some(start) = self.0.get(place.line.wrapping_sub(1)) else { return text.len() };
        let line = &text[*start..];
        line.char_indices().nth(place.column.saturating_sub(1)).map_or(text.len(), |(at, _)| start + at)
    }
}
