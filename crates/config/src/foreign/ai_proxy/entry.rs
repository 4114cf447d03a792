//! One entry of a list of keys: a key with where it is used, or a place with several keys.

use super::cloak;
use super::models::{Prefix, Unlisted, listed};
use super::words::{self, Program, Row};
use crate::foreign::section::{Section, Text, text};
use crate::foreign::table::{Table, list, literal, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// What holds for all entries of a file.
pub(super) struct Setting<'n> {
    pub(super) root: &'n Node,
    pub(super) program: Program,
    /// Models may only be called with their prefix.
    pub(super) is_forced: bool,
    pub(super) has_weights: bool,
    /// The headers of cloaked requests.
    pub(super) cloak_headers: Option<Node>,
}

/// One entry.
pub(super) struct Entry<'n> {
    pub(super) base_url: Option<Text<'n>>,
    /// What the file calls it.
    pub(super) name: Option<Text<'n>>,
    pub(super) prefix: Option<&'n str>,
    pub(super) span: Span,
    /// Its keys, as credentials.
    pub(super) credentials: Vec<Table>,
}

impl<'n> Entry<'n> {
    pub(super) fn of(
        row: &Row,
        (path, node): (&str, &'n Node),
        setting: &Setting<'_>,
        reading: &mut Reading<'_>,
    ) -> Self {
        let mut section = Section::of(node, path, reading);
        let span = section.span;
        let not_empty = |text: &Text<'_>| !text.text.is_empty();
        let base_url = section.text("base-url", reading).filter(not_empty);
        let name = section.text("name", reading).filter(not_empty);
        let prefix = section.text("prefix", reading).and_then(|it| Prefix::of(it, setting.program));

        let mut shared = Table::at(span);
        if section.truth("disabled", reading) == Some(true) {
            shared.put("disabled", written(span, "true"));
        }
        models(row, &mut section, prefix.as_ref(), setting, &mut shared, reading);
        let own = section.section("headers", reading);
        shared.put_some("headers", own.and_then(|own| headers(own, reading)));
        match section.text("wire-api", reading) {
            Some(api) => shared.put("wire_api", literal(api.span, api.text)),
            None if row.is_responses => shared.put("wire_api", written(span, "responses")),
            None => {}
        }
        match section.section("cloak", reading) {
            Some(cloak) if row.has_cloak => {
                shared.put_some("cloak", cloak::cloak(cloak, setting.cloak_headers.as_ref(), reading));
            }
            Some(cloak) => {
                reading.note(cloak.span, &cloak.path, "has no meaning here: only Claude's keys were cloaked");
            }
            None => {}
        }
        for (key, why) in words::ENTRY {
            section.meaningless(key, why, reading);
        }

        let several = section.items("api-key-entries", reading);
        let mut credentials = Vec::new();
        if several.is_empty() {
            credentials.extend(credential(&mut section, &shared, setting, reading));
        }
        let proxy = if several.is_empty() { None } else { proxy(&mut section, setting, reading) };
        for (path, item) in several {
            let mut own = Section::of(item, &path, reading);
            let made = credential(&mut own, &shared, setting, reading);
            own.close(reading);
            credentials.extend(made.map(|mut made| {
                if !made.has("proxy") {
                    made.put_some("proxy", proxy.clone());
                }
                made
            }));
        }
        section.close(reading);
        let prefix = match prefix {
            Some(Prefix::Word(word)) => Some(word.text),
            _ => None,
        };
        Self { base_url, name, prefix, span, credentials }
    }
}

/// Which models it is asked for.
fn models(
    row: &Row,
    section: &mut Section<'_>,
    prefix: Option<&Prefix<'_>>,
    setting: &Setting<'_>,
    own: &mut Table,
    reading: &mut Reading<'_>,
) {
    let (span, items) = (section.span, section.items("models", reading));
    let mut exclude: Vec<Node> = Vec::new();
    for (path, item) in section.items("excluded-models", reading) {
        exclude.extend(text(item, &path, reading).map(|glob| literal(glob.span, glob.text)));
    }
    if items.is_empty() {
        let unlisted = Unlisted::of(row, setting.root);
        let comment = "It lists no models, so that it is asked for all that nobody else lists.";
        own.put_chosen("models", Unlisted::node(&unlisted.models, span), comment);
        exclude.extend(unlisted.exclude.iter().map(|glob| literal(span, glob)));
        if let Some(Prefix::Text(prefix)) = prefix {
            let path = section.at("prefix");
            reading.note(
                prefix.span,
                &path,
                "has no meaning here: it is no word before a `/`, and no models are listed",
            );
        }
    } else {
        let models = listed(items, prefix, setting.program, reading);
        own.put("models", list(span, models));
    }
    if !exclude.is_empty() {
        own.put("exclude", list(span, exclude));
    }
    if let Some(Prefix::Word(word)) = prefix {
        own.put("prefix", literal(word.span, word.text));
        if setting.is_forced {
            own.put("force_prefix", written(word.span, "true"));
        }
    }
}

/// One key, with what its entry says of all its keys; `None` if there is no key, with which the original left it out.
fn credential(
    section: &mut Section<'_>,
    shared: &Table,
    setting: &Setting<'_>,
    reading: &mut Reading<'_>,
) -> Option<Table> {
    let key = section.text("api-key", reading).filter(|key| !key.text.is_empty());
    let proxy = proxy(section, setting, reading);
    let (weight, priority) = (section.number("weight", reading), section.number("priority", reading));
    let mut own = Table::at(section.span);
    match key {
        Some(key) => own.put("api_key", literal(key.span, key.text)),
        None if setting.program == Program::AiProxy => {
            reading.note(section.span, &section.path, "has no `api-key`, and is left out, as before");
            return None;
        }
        None => {}
    }
    own.extend(shared);
    own.put_some("proxy", proxy);
    if let Some((priority, span)) = priority {
        own.put("priority", written(span, priority.to_string()));
    }
    match weight {
        Some((_, span)) if !setting.has_weights => {
            let why = "has no meaning here: shares count in `weighted-round-robin` only";
            reading.note(span, &section.at("weight"), why);
        }
        Some((weight, _)) if weight <= 0 && own.has("disabled") => {}
        Some((weight, span)) if weight <= 0 => {
            own.put_chosen("disabled", written(span, "true"), "A share of nothing left it out.");
        }
        Some((weight, span)) => own.put("weight", written(span, weight.to_string())),
        None => {}
    }
    Some(own)
}

/// Nothing in a `proxy-url` is no proxy to the one program, and the top-level one to the other.
fn proxy(section: &mut Section<'_>, setting: &Setting<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let written = section.text("proxy-url", reading)?;
    match (written.text, setting.program) {
        ("", Program::CliProxy) => None,
        ("", Program::AiProxy) => Some(literal(written.span, "direct")),
        (url, _) => Some(super::route(written.span, url)),
    }
}

/// Headers by their names.
pub(super) fn headers(mut section: Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let mut own = Table::at(section.span);
    for (path, entry) in section.named() {
        if let Some(value) = text(&entry.value, &path, reading) {
            own.put(&entry.key, literal(value.span, value.text));
        }
    }
    own.some()
}
