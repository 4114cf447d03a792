//! What is wrong with a file, for a person with that file open.

use std::collections::HashSet;
use std::fmt;

use crate::nearest::nearest;
use crate::tree::{Span, Tree};
use crate::{check, quote};

/// The most problems one report spells out; the rest are counted.
const MAX_REPORTED: usize = 100;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1; 0 when the problem is the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 when the problem is the file as a whole.
    pub column: usize,
    /// The key, such as `providers.openai.credentials[1].weight`; empty at the top.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
    /// What the key is for, where that helps.
    pub help: Option<String>,
    /// The line of the file, with secrets left out.
    pub quote: Option<Quote>,
}

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

/// Everything that is wrong with a file, in the order of the file. `Display` is the whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    problems: Vec<Problem>,
    not_shown: usize,
}

/// A problem before its line is quoted.
pub(crate) struct Finding {
    /// The offending key or value.
    pub(crate) span: Span,
    /// As in [`Problem`].
    pub(crate) path: String,
    /// As in [`Problem`].
    pub(crate) message: String,
    /// As in [`Problem`].
    pub(crate) hint: Option<String>,
    /// As in [`Problem`].
    pub(crate) help: Option<String>,
}

/// The problems so far, and which scalars of the file may be quoted.
#[derive(Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    not_shown: usize,
    harmless: HashSet<Span>,
}

// === impl Errors ===

impl Errors {
    /// The problems, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// One problem that is the file as a whole.
    pub(crate) fn of_file(file: &str, message: String) -> Self {
        let problem = Problem {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            message,
            hint: None,
            help: None,
            quote: None,
        };
        Self { problems: vec![problem], not_shown: 0 }
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl std::error::Error for Errors {}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let file = self.problems.first().map_or("", |problem| &problem.file);
        match self.problems.len() + self.not_shown {
            1 => write!(f, "1 problem in {file}"),
            count if self.not_shown == 0 => write!(f, "{count} problems in {file}"),
            count => write!(f, "{count} problems in {file}, the first {} shown", self.problems.len()),
        }
    }
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => writeln!(f, "{}: {}", self.file, self.message)?,
            line => writeln!(f, "{}:{line}:{}: {}", self.file, self.column, self.message)?,
        }
        if let Some(Quote { text, start, length }) = &self.quote {
            writeln!(f, "{:>5} | {text}", self.line)?;
            writeln!(f, "{:>5} | {:start$}{:^<length$}", "", "", "")?;
        }
        for (word, text) in [("hint", &self.hint), ("help", &self.help)] {
            if let Some(text) = text {
                writeln!(f, " {word}: {text}")?;
            }
        }
        Ok(())
    }
}

// === impl Findings ===

impl Findings {
    /// Adds a problem.
    pub(crate) fn add(&mut self, finding: Finding) {
        if self.list.len() < MAX_REPORTED {
            self.list.push(finding);
        } else {
            self.not_shown += 1;
        }
    }

    /// Adds a problem that has a path and perhaps a hint.
    pub(crate) fn report(&mut self, span: Span, path: &str, message: String, hint: Option<String>) {
        self.add(Finding { span, path: path.to_owned(), message, hint, help: None });
    }

    /// The name that was probably meant. A report that is full anyway is spared the search.
    pub(crate) fn nearest<'k>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'k str>,
    ) -> Option<&'k str> {
        if self.list.len() < MAX_REPORTED { nearest(name, candidates) } else { None }
    }

    /// Whether nothing was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Lets a scalar be quoted: it stands where no secret belongs.
    pub(crate) fn may_quote(&mut self, span: Span) {
        self.harmless.insert(span);
    }

    /// Takes that back, when the value turns out to carry a secret after all.
    pub(crate) fn must_not_quote(&mut self, span: Span) {
        self.harmless.remove(&span);
    }

    /// The report. Without a tree nothing is known about the text, and its quotes are masked.
    pub(crate) fn into_errors(mut self, file: &str, text: &str, tree: Option<&Tree>) -> Errors {
        self.list.sort_by_key(|finding| finding.span.start);
        let lines = quote::lines(text);
        let harmless = self.harmless;
        let keys = if tree.is_none() { check::keys(&crate::schema()) } else { HashSet::new() };
        let problems = self.list.into_iter().map(|finding| {
            let span = finding.span;
            let quote = lines.get(span.start.line.wrapping_sub(1)).map(|line| match tree {
                Some(tree) => quote::redacted(line, span, &tree.pieces, &harmless),
                None => quote::masked(line, span, &keys),
            });
            Problem {
                file: file.to_owned(),
                line: span.start.line,
                column: span.start.column,
                path: finding.path,
                message: finding.message,
                hint: finding.hint,
                help: finding.help,
                quote,
            }
        });
        Errors { problems: problems.collect(), not_shown: self.not_shown }
    }
}
