//! What is wrong with a file, for a person with that file open.

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;

use crate::finding::Findings;
use crate::quote::{self, Known, Quote};
use crate::sources::Sources;

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

/// Everything that is wrong with a file, in the order of the file. `Display` is the whole report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors {
    problems: Vec<Problem>,
    not_shown: usize,
    files: Vec<PathBuf>,
}

// === impl Errors ===

impl Errors {
    /// The problems, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.problems.iter()
    }

    /// The files that were looked for beside the first, whether or not they are there: a change of any of them may help.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The same with those files.
    pub(crate) fn with_files(self, files: Vec<PathBuf>) -> Self {
        Self { files, ..self }
    }

    /// The same with each problem told otherwise.
    pub(crate) fn mapped(self, tell: impl Fn(Problem) -> Problem) -> Self {
        Self { problems: self.problems.into_iter().map(tell).collect(), ..self }
    }

    /// The report on what was found; `keys` are the words that a text which could not be parsed may be quoted with.
    pub(crate) fn of_findings(findings: Findings, sources: &Sources, keys: &HashSet<String>) -> Self {
        let (mut list, not_shown, harmless) = findings.finish();
        list.sort_by_key(|finding| (finding.span.source, finding.span.start));
        let problems = list.into_iter().map(|finding| {
            let span = finding.span;
            let source = sources.get(span.source);
            let line =
                source.and_then(|source| quote::lines(&source.text).nth(span.start.line.wrapping_sub(1)));
            let known = match source.and_then(|source| source.pieces.as_deref()) {
                Some(pieces) => Known::Pieces(pieces),
                None => Known::Keys(keys),
            };
            Problem {
                file: source.map_or_else(String::new, |source| source.name.clone()),
                line: span.start.line,
                column: span.start.column,
                path: finding.path,
                message: finding.message,
                hint: finding.hint,
                help: finding.help,
                quote: line.map(|line| quote::quote(line, span, &known, &harmless)),
            }
        });
        Self { problems: problems.collect(), not_shown, files: Vec::new() }
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
        Self { problems: vec![problem], not_shown: 0, files: Vec::new() }
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
        let files = Files(&self.problems);
        match self.problems.len() + self.not_shown {
            1 => write!(f, "1 problem in {files}"),
            count if self.not_shown == 0 => write!(f, "{count} problems in {files}"),
            count => write!(f, "{count} problems in {files}, the first {} shown", self.problems.len()),
        }
    }
}

/// The names of the files that have problems.
struct Files<'p>(&'p [Problem]);

impl fmt::Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        let mut names: Vec<&str> = self.0.iter().map(|problem| problem.file.as_str()).collect();
        names.dedup();
        f.write_str(&names[..names.len().min(SHOWN)].join(", "))?;
        match names.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
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
