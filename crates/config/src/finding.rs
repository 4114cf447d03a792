//! What the steps find wrong, collected.

use std::collections::HashSet;

use crate::nearest::nearest;
use crate::span::Span;

/// The most problems one report spells out; the rest are counted.
const MAX_REPORTED: usize = 100;

/// A problem before its line is quoted.
pub(crate) struct Finding {
    /// The offending key or value.
    pub(crate) span: Span,
    /// As in [`Problem`](crate::Problem).
    pub(crate) path: String,
    /// As in [`Problem`](crate::Problem).
    pub(crate) message: String,
    /// As in [`Problem`](crate::Problem).
    pub(crate) hint: Option<String>,
    /// As in [`Problem`](crate::Problem).
    pub(crate) help: Option<String>,
}

/// The problems so far, and which scalars of the file may be quoted.
#[derive(Default)]
pub(crate) struct Findings {
    /// The first of them, in the order they were found.
    pub(crate) list: Vec<Finding>,
    /// How many there are besides.
    pub(crate) not_shown: usize,
    /// Scalars that may be quoted.
    pub(crate) harmless: HashSet<Span>,
    /// Keys that stand for another once more: they may be quoted where that may.
    repeated: Vec<(Span, Span)>,
}

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

    /// Notes that the key at `again` is the one at `first`.
    pub(crate) fn repeats(&mut self, first: Span, again: Span) {
        self.repeated.push((first, again));
    }

    /// The problems, how many there are besides, and what may be quoted.
    pub(crate) fn finish(self) -> (Vec<Finding>, usize, HashSet<Span>) {
        let Self { list, not_shown, mut harmless, repeated } = self;
        let harmless_again = |(first, again)| harmless.contains(&first).then_some(again);
        let again: Vec<Span> = repeated.into_iter().filter_map(harmless_again).collect();
        harmless.extend(again);
        (list, not_shown, harmless)
    }

    /// Takes that back, when the value turns out to carry a secret after all.
    pub(crate) fn must_not_quote(&mut self, span: Span) {
        self.harmless.remove(&span);
    }
}
