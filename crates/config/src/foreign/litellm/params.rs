//! The parameters of one row, its own before those of the shared credential that it names.

use crate::foreign::section::{Section, Text};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// `credential_list`: parameters by a name.
pub(super) struct Shared<'n>(Vec<(&'n str, &'n Node, String)>);

impl<'n> Shared<'n> {
    pub(super) fn of(top: &mut Section<'n>, reading: &mut Reading<'_>) -> Self {
        let mut shared = Vec::new();
        for (path, item) in top.items("credential_list", reading) {
            let mut section = Section::of(item, &path, reading);
            let name = section.text("credential_name", reading);
            let values =
                section.node("credential_values").map(|node| (node, section.at("credential_values")));
            section.meaningless("credential_info", "it describes the credential to people", reading);
            section.close(reading);
            if let (Some(name), Some((values, path))) = (name, values) {
                shared.push((name.text, values, path));
            }
        }
        Self(shared)
    }

    fn named(&self, name: &str, reading: &mut Reading<'_>) -> Option<Section<'n>> {
        let (_, node, path) = self.0.iter().find(|(known, ..)| *known == name)?;
        Some(Section::of(node, path, reading))
    }
}

/// The parameters of one row.
pub(super) struct Params<'n> {
    pub(super) own: Section<'n>,
    shared: Option<Section<'n>>,
}

impl<'n> Params<'n> {
    pub(super) fn of(mut own: Section<'n>, shared: &Shared<'n>, reading: &mut Reading<'_>) -> Self {
        let name = own.text("litellm_credential_name", reading);
        let found = name.and_then(|name| shared.named(name.text, reading));
        if let Some(name) = name.filter(|_| found.is_none()) {
            let path = own.at("litellm_credential_name");
            reading.findings.may_quote(name.span);
            let message = format!("`{path}` names no credential of `credential_list`");
            reading.findings.report(name.span, &path, message, None);
        }
        Self { own, shared: found }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<Text<'n>> {
        let own = self.own.text(key, reading);
        let shared = self.shared.as_mut().and_then(|shared| shared.text(key, reading));
        own.or(shared).filter(|text| !text.text.is_empty())
    }

    /// A whole number of one or more.
    pub(super) fn count(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<(i64, Span)> {
        self.own.number(key, reading).filter(|(number, _)| *number > 0)
    }

    /// A time in seconds, as a duration here.
    pub(super) fn time(&mut self, key: &str, reading: &mut Reading<'_>) -> Option<(f64, Span)> {
        self.own.amount(key, reading).filter(|(seconds, _)| *seconds > 0.0)
    }

    /// Says of what nobody asked for that it is not known.
    pub(super) fn close(self, reading: &mut Reading<'_>) {
        self.own.close(reading);
        if let Some(shared) = self.shared {
            shared.close(reading);
        }
    }
}

/// A number of seconds as a duration.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds.fract() == 0.0 { format!("{seconds:.0}s") } else { format!("{:.0}ms", seconds * 1000.0) }
}
