//! `os.environ/NAME`, and the variables that the file itself sets.

use std::collections::HashSet;

use crate::foreign::section::{Section, Text, text};
use crate::foreign::table::{literal, referring};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// What a reference begins with.
const REFERENCE: &str = "os.environ/";

/// The variables that the file sets.
pub(super) struct Variables<'n> {
    set: Vec<(&'n str, String, Text<'n>)>,
    used: HashSet<&'n str>,
}

impl<'n> Variables<'n> {
    /// Reads `environment_variables`.
    pub(super) fn of(top: &mut Section<'n>, reading: &mut Reading<'_>) -> Self {
        let mut set = Vec::new();
        if let Some(mut section) = top.section("environment_variables", reading) {
            for (path, entry) in section.named() {
                let value = text(&entry.value, &path, reading);
                set.extend(value.map(|value| (entry.key.as_str(), path, value)));
            }
        }
        Self { set, used: HashSet::new() }
    }

    /// A text of the file: the value of a variable where it names one.
    pub(super) fn value(&mut self, text: Text<'_>) -> Node {
        match text.text.strip_prefix(REFERENCE) {
            Some(name) => self.referred(text.span, name),
            None => literal(text.span, text.text),
        }
    }

    /// The same as text, where it is no reference to a variable of the process.
    pub(super) fn known<'t>(&self, text: Text<'t>) -> Option<&'t str>
    where
        'n: 't,
    {
        match text.text.strip_prefix(REFERENCE) {
            Some(name) => self.find(name).map(|(_, value)| value.text),
            None => Some(text.text),
        }
    }

    /// The value of a variable: the file's own before that of the process.
    pub(super) fn referred(&mut self, span: Span, name: &str) -> Node {
        match self.find(name) {
            Some((known, value)) => {
                self.used.insert(known);
                match value.text.strip_prefix(REFERENCE).filter(|other| *other != name) {
                    Some(other) => referring(value.span, format!("${{{other}}}")),
                    None => literal(value.span, value.text),
                }
            }
            None => referring(span, format!("${{{name}}}")),
        }
    }

    /// Whether a variable has a value.
    pub(super) fn is_set(&self, name: &str, reading: &Reading<'_>) -> bool {
        self.find(name).is_some() || (reading.around.env)(name).is_some_and(|value| !value.is_empty())
    }

    /// Says of variables that nothing here reads.
    pub(super) fn close(self, reading: &mut Reading<'_>) {
        for (name, path, value) in self.set {
            if !self.used.contains(name) {
                reading.note(value.span, &path, "has no meaning here: nothing in the file refers to it");
            }
        }
    }

    fn find(&self, name: &str) -> Option<(&'n str, Text<'n>)> {
        self.set.iter().find(|(known, ..)| *known == name).map(|(known, _, value)| (*known, *value))
    }
}
