//! Lines of the file as an error may show them: whatever is not known to be harmless is left out.

use std::collections::HashSet;

use crate::span::{Place, Span};

const REDACTED: &str = "<redacted>";
/// The most characters of a line that are shown.
const WIDEST: usize = 160;

/// A line of the file, fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The line. Whatever is not known to be harmless is `<redacted>`.
    pub text: String,
    /// Where the marked part begins, in characters of `text`, from 0.
    pub start: usize,
    /// How long the marked part is, in characters; at least 1.
    pub length: usize,
}

/// What is known of the text that a line is from.
pub(crate) enum Known<'a> {
    /// It was parsed: where it has scalars, in the order of the text.
    Pieces(&'a [Span]),
    /// It could not be parsed: only the words that are keys of the config.
    Keys(&'a HashSet<String>),
}

/// A line as far as it may be shown, with the part at `span` marked.
pub(crate) fn quote(line: &str, span: Span, known: &Known<'_>, harmless: &HashSet<Span>) -> Quote {
    match known {
        Known::Pieces(pieces) => redacted(line, span, pieces, harmless),
        Known::Keys(keys) => masked(line, span, keys),
    }
}

/// The lines of a text, broken where its parser breaks them.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text.strip_prefix('\u{feff}').unwrap_or(text));
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\n', '\r']) else { return rest.take() };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

/// A line of a file that was parsed: its structure, and those keys and values that are `harmless`.
fn redacted(line: &str, span: Span, pieces: &[Span], harmless: &HashSet<Span>) -> Quote {
    let number = span.start.line;
    let hides = |piece: &Span| !harmless.contains(piece) && !is_reference(line, *piece);
    // Pieces are in the order of the text. Of a long line only the part around the place is looked at.
    let first = Place { line: number, column: span.start.column.saturating_sub(WIDEST / 2).max(1) };
    let mut pieces = pieces[pieces.partition_point(|piece| piece.end <= first)..].iter().peekable();
    let around =
        pieces.clone().take_while(|piece| piece.start <= span.start).find(|piece| span.start < piece.end);
    // A place inside of a hidden value is the value.
    let span = around.filter(|piece| hides(piece)).copied().unwrap_or(span);

    let mut out = Marked::new(span, first.column > 1);
    let mut current = None;
    let mut is_hidden = false;
    let mut is_replaced = false;
    let mut spaces = String::new();
    let mut characters = line.chars().enumerate().skip(first.column - 1).peekable();
    while let Some((index, c)) = characters.next() {
        let place = Place { line: number, column: index + 1 };
        while pieces.next_if(|piece| piece.end <= place).is_some() {}
        let piece = pieces.peek().copied().filter(|piece| piece.start <= place);
        if piece != current {
            // The parser counts the spaces after a quoted text as part of it.
            out.text.push_str(&std::mem::take(&mut spaces));
            current = piece;
            is_hidden = piece.is_some_and(hides);
            is_replaced = false;
        }
        out.reached(place);
        if out.is_wide() {
            return out.finish(true);
        }
        match piece {
            Some(_) if is_hidden && c.is_whitespace() => spaces.push(' '),
            Some(_) if is_hidden => {
                // Indentation before the text stays, spaces within it go.
                let indentation = std::mem::take(&mut spaces);
                if !std::mem::replace(&mut is_replaced, true) {
                    out.text.push_str(&indentation);
                    out.text.push_str(REDACTED);
                }
            }
            Some(_) => out.push(c),
            // A comment may hold an old key.
            None if c == '#' => break,
            None if c == '/' => match characters.peek() {
                Some((_, '*')) => skip_comment(&mut characters),
                _ => break,
            },
            // What is neither value nor structure is the name of an anchor, or a key that begins like one.
            None => out.push(if c.is_whitespace() || ":,[]{}-?&*|>=.".contains(c) { c } else { '*' }),
        }
    }
    out.finish(false)
}

/// Passes a comment between values, behind its first character, up to its end or that of the line.
fn skip_comment(characters: &mut impl Iterator<Item = (usize, char)>) {
    characters.next();
    let mut previous = ' ';
    for (_, c) in characters {
        if (previous, c) == ('*', '/') {
            return;
        }
        previous = c;
    }
}

/// A line of a file that could not be parsed: its structure and the words that are keys of the config;
/// all else is `*`, because nobody knows what it is.
fn masked(line: &str, span: Span, keys: &HashSet<String>) -> Quote {
    let structural = |c: char| c.is_control() || " :,[]{}=\"'".contains(c);
    let first = span.start.column.saturating_sub(WIDEST / 2).max(1);
    let mut out = Marked::new(span, first > 1);
    let mut column = 0;
    for word in line.split_inclusive(structural) {
        let known = keys.contains(word.trim_end_matches(structural));
        for c in word.chars() {
            column += 1;
            if column < first {
                continue;
            }
            out.reached(Place { line: span.start.line, column });
            if out.is_wide() {
                return out.finish(true);
            }
            // The dash of a list item is structure too, and stands alone.
            let shown = known || structural(c) || word.trim_end() == "-";
            out.push(if shown { c } else { '*' });
        }
    }
    out.finish(false)
}

/// Whether a value is `${NAME}` and nothing else: the name of a variable is no secret.
fn is_reference(line: &str, span: Span) -> bool {
    if span.start.line != span.end.line {
        return false;
    }
    let length = span.end.column - span.start.column;
    let text: String = line.chars().skip(span.start.column - 1).take(length.min(WIDEST)).collect();
    let text = text.trim_end().trim_matches(['"', '\'']);
    let name = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    name.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'))
}

/// Text under construction, which remembers where the offending part begins and ends.
struct Marked {
    span: Span,
    text: String,
    start: Option<usize>,
    end: Option<usize>,
}

impl Marked {
    fn new(span: Span, is_cut: bool) -> Self {
        Self { span, text: if is_cut { "…".to_owned() } else { String::new() }, start: None, end: None }
    }

    /// Notes that the next character is the one at `place`.
    fn reached(&mut self, place: Place) {
        if self.start.is_none() && place >= self.span.start {
            self.start = Some(self.width());
        }
        if self.end.is_none() && place >= self.span.end {
            self.end = Some(self.width());
        }
    }

    fn push(&mut self, c: char) {
        self.text.push(match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        });
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn is_wide(&self) -> bool {
        self.width() >= WIDEST
    }

    fn finish(self, is_cut: bool) -> Quote {
        let width = self.width();
        let start = self.start.unwrap_or(width);
        let end = self.end.unwrap_or(width);
        let marked: String = self.text.chars().skip(start).take(end.saturating_sub(start)).collect();
        let length = marked.trim_end().chars().count().max(1);
        let text = if is_cut { format!("{}…", self.text) } else { self.text.trim_end().to_owned() };
        Quote { text, start, length }
    }
}
