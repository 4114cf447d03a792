//! The texts that a config comes from: its file, the files beside it, the variables.

use std::path::{Path, PathBuf};

use crate::span::{SourceId, Span};

/// One text.
#[derive(Debug)]
pub(crate) struct Source {
    /// What errors call it: a path as somebody wrote it, or the name of a variable.
    pub(crate) name: String,
    pub(crate) text: String,
    /// Where it has scalars, in the order of the text; `None` if it could not be parsed.
    pub(crate) pieces: Option<Vec<Span>>,
    /// The folder that paths in it count from: its own, if it is a file.
    folder: Option<PathBuf>,
}

/// All texts, in the order in which they were read: the first is the file itself.
#[derive(Debug, Default)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// Adds the text of a file, of which nothing is known yet.
    pub(crate) fn add(&mut self, name: &str, text: &str) -> SourceId {
        self.push(name, text, Path::new(name).parent().map(Path::to_path_buf))
    }

    /// Adds a variable. Its value is kept by the nodes that are made of it: a problem names the variable and no line.
    pub(crate) fn add_variable(&mut self, name: &str) -> Span {
        Span { source: self.push(name, "", None), ..Span::default() }
    }

    /// The folder that paths in a text count from; for a variable that of the first file.
    pub(crate) fn folder(&self, id: SourceId) -> PathBuf {
        let of = |source: &Source| source.folder.clone();
        self.get(id).and_then(of).or_else(|| self.0.first().and_then(of)).unwrap_or_default()
    }

    fn push(&mut self, name: &str, text: &str, folder: Option<PathBuf>) -> SourceId {
        // More than fit are all called like the last: a config is not made of thousands of files.
        let id = SourceId(u16::try_from(self.0.len()).unwrap_or(u16::MAX));
        self.0.push(Source { name: name.to_owned(), text: text.to_owned(), pieces: None, folder });
        id
    }

    /// Notes where a text has scalars.
    pub(crate) fn parsed(&mut self, id: SourceId, pieces: Vec<Span>) {
        if let Some(source) = self.0.get_mut(usize::from(id.0)) {
            source.pieces = Some(pieces);
        }
    }

    /// Where the first text has scalars; nowhere if it could not be parsed.
    pub(crate) fn pieces(&self) -> &[Span] {
        self.0.first().and_then(|source| source.pieces.as_deref()).unwrap_or_default()
    }

    /// The text of that place.
    pub(crate) fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(usize::from(id.0))
    }
}
