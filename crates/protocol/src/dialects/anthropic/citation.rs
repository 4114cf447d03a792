//! Citations: reads where they point, and writes those of other dialects (type `TextCitation` of the official SDK).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    wire::{Fields, read},
    write::Object,
};
use crate::{
    dialects::place::{self, Place, Pointer, Unit},
    ir::{Citation, Text},
};

/// The kinds that point into a source of the request: unit, type, and the members for source, start and end.
const PLACES: &[(Unit, &str, [&str; 3])] = &[
    (Unit::Chars, "char_location", ["document_index", "start_char_index", "end_char_index"]),
    (Unit::Pages, "page_location", ["document_index", "start_page_number", "end_page_number"]),
    (Unit::Blocks, "content_block_location", ["document_index", "start_block_index", "end_block_index"]),
    (
        Unit::SearchResult,
        "search_result_location",
        ["search_result_index", "start_block_index", "end_block_index"],
    ),
];
/// The words cited.
const WORDS: &str = "cited_text";
/// Members that no other dialect has a word for.
const UNSAID: &[&str] = &["file_id", "encrypted_index"];

/// See [`place::pointer`].
pub(in crate::dialects) fn pointer(raw: &RawValue) -> Pointer {
    let Ok(mut fields) = read::<Fields<'_>>(raw) else { return Pointer::default() };
    let unsaid = UNSAID.iter().filter(|name| fields.raw(name).is_some());
    let unsaid = unsaid.map(|name| Cow::Borrowed(*name)).collect();
    let kind: Option<Text<'_>> = fields.peek_text("type");
    let row = PLACES.iter().find(|row| kind.as_ref().is_some_and(|kind| *kind == row.1));
    let place = row.and_then(|(unit, _, names)| {
        let mut number = |name| fields.take::<u64>(name).ok().flatten();
        let [source, start, end] = names.map(&mut number);
        Some(Place { unit: *unit, source: source?, start: start?, end: end? })
    });
    let place_members = row.filter(|_| place.is_some()).map_or_else(Vec::new, |(.., names)| names.to_vec());
    Pointer { place, place_members, words: WORDS, unsaid }
}

/// True if this dialect can say the citation. One of another dialect that names a source or a place on the web is shown to
/// clients, the latter as a web search result without the index that only the API could have made; neither goes to the
/// API, which would hold it to its own.
pub(super) fn is_sayable(citation: &Citation<'_>, to_provider: bool) -> bool {
    let is_shown = || citation.url.is_some() || place::pointer(citation).place.is_some();
    citation.origin == NAME || (!to_provider && is_shown())
}

/// Writes a citation that is sayable.
pub(super) fn write(out: &mut Vec<u8>, citation: &Citation<'_>) {
    if citation.origin == NAME {
        return out.extend_from_slice(citation.raw.get().as_bytes());
    }
    let mut into = Object::new(out);
    let place = place::pointer(citation).place;
    let row = place.and_then(|place| Some((place, PLACES.iter().find(|row| row.0 == place.unit)?)));
    let kind = row.map_or("web_search_result_location", |(_, row)| row.1);
    into.value("type", kind);
    into.value(WORDS, citation.text.as_deref().unwrap_or_default());
    match row {
        Some((place, (_, _, names))) => {
            for (name, number) in names.iter().zip([place.source, place.start, place.end]) {
                into.value(name, &number);
            }
            if place.unit == Unit::SearchResult {
                into.value("source", citation.url.as_deref().unwrap_or_default());
                into.value("title", &citation.title);
            } else {
                into.value("document_title", &citation.title);
            }
        }
        None => {
            into.value("url", &citation.url);
            into.value("title", &citation.title);
            into.value("encrypted_index", "");
        }
    }
}

/// What of a citation of another dialect is lost when it is written: members, each with the reason.
pub(super) fn lost(citation: &Citation<'_>) -> Vec<(Cow<'static, str>, &'static str)> {
    if citation.origin == NAME {
        return Vec::new();
    }
    let unsaid = place::pointer(citation).unsaid.into_iter();
    let mut lost: Vec<_> = unsaid.map(|name| (name, "only its own dialect knows it")).collect();
    if citation.range.is_some() {
        lost.push(("range".into(), "the target does not say where in an answer a citation stands"));
    }
    lost
}
