//! One reading of a config: what it may look at beside its file, and what is found on the way.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::finding::Findings;
use crate::note::Note;
use crate::problem::Errors;
use crate::sources::Sources;
use crate::span::Span;
use crate::tree::{self, Format, Node};
use crate::{Env, check};

/// What a config may look at beside its own text.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The variables.
    pub env: Env<'a>,
    /// Reads another file; fails with what is wrong, as the end of a sentence that begins with its name.
    pub read: &'a dyn Fn(&Path) -> Result<String, String>,
}

impl<'a> Around<'a> {
    /// These variables, and the files of this machine.
    pub fn files(env: Env<'a>) -> Self {
        Self { env, read: &crate::read }
    }
}

/// What is known so far.
pub(crate) struct Reading<'a> {
    pub(crate) around: Around<'a>,
    pub(crate) sources: Sources,
    pub(crate) findings: Findings,
    pub(crate) notes: Vec<Note>,
    /// Whose form the file has; `None` for the own one.
    pub(crate) form: Option<&'static str>,
    /// The files that were looked for beside the first, whether or not they are there.
    pub(crate) files: Vec<PathBuf>,
    /// The variables that values refer to.
    pub(crate) referred: HashSet<String>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(around: Around<'a>) -> Self {
        Self {
            around,
            sources: Sources::default(),
            findings: Findings::default(),
            notes: Vec::new(),
            form: None,
            files: Vec::new(),
            referred: HashSet::new(),
        }
    }

    /// The nodes of a text; `None` where nothing can be said about its content, which is reported.
    pub(crate) fn parse(&mut self, name: &str, text: &str) -> Option<Node> {
        let id = self.sources.add(name, text);
        let tree = tree::parse(Format::of(name), id, text, &mut self.findings)?;
        self.sources.parsed(id, tree.pieces);
        Some(tree.root)
    }

    /// The nodes of another file that the value at `at` names; `None` where it is missing or broken, which is reported.
    pub(crate) fn file(&mut self, path: &Path, at: Span, key: &str) -> Option<Node> {
        self.files.push(path.to_path_buf());
        let name = path.display().to_string();
        match (self.around.read)(path) {
            Ok(text) => self.parse(&name, &text),
            Err(fault) => {
                self.findings.may_quote(at);
                self.findings.report(at, key, format!("`{name}` {fault}"), None);
                None
            }
        }
    }

    /// Notes what the owner of the file should know about the key at `at`.
    pub(crate) fn note(&mut self, at: Span, path: &str, text: impl Into<String>) {
        let file = self.sources.get(at.source).map(|source| source.name.clone()).unwrap_or_default();
        self.notes.push(Note { file, line: at.start.line, path: path.to_owned(), text: text.into() });
    }

    /// Everything that is wrong, for a person.
    pub(crate) fn errors(self) -> Errors {
        let keys: HashSet<String> = check::keys(&crate::schema());
        Errors::of_findings(self.findings, &self.sources, &keys).with_files(self.files)
    }
}
