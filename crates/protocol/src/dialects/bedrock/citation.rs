//! Citations: reads and writes them (API description, `Citation` and `CitationLocation`).

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{NAME, content_decode::read, wire, write::Json};
use crate::{
    dialects::place::{self, Place, Pointer, Unit},
    ir::{Citation, Loss, Raw, Text},
};

/// The places in sources of the request: unit, member of the location, and its member for the source.
const PLACES: &[(Unit, &str, &str)] = &[
    (Unit::Chars, "documentChar", "documentIndex"),
    (Unit::Pages, "documentPage", "documentIndex"),
    (Unit::Blocks, "documentChunk", "documentIndex"),
    (Unit::SearchResult, "searchResultLocation", "searchResultIndex"),
];

/// Reads one citation of an answer.
pub(super) fn decode<'a>(raw: &'a RawValue) -> Result<Citation<'a>, String> {
    let wire: wire::Citation<'a> = read(raw).map_err(|error| format!("citation: {error}"))?;
    let words: Vec<&str> = wire.content.iter().flatten().filter_map(|part| part.text.as_deref()).collect();
    let words = match words.as_slice() {
        [] => None,
        [one] => Some((*one).to_owned()),
        several => Some(several.concat()),
    };
    let url = wire.location.and_then(|place| place.web).and_then(|web| web.url);
    Ok(Citation {
        text: words.map(Text::from),
        url: url.or(wire.source),
        title: wire.title,
        range: None,
        origin: NAME,
        raw: Raw::Borrowed(raw),
    })
}

/// See [`place::pointer`].
pub(in crate::dialects) fn pointer(raw: &RawValue) -> Pointer {
    let location = read::<wire::Citation<'_>>(raw).ok().and_then(|citation| citation.location);
    let words = "sourceContent";
    let Some(location) = location else { return Pointer { words, ..Pointer::default() } };
    let has_domain = location.web.is_some_and(|web| web.domain.is_some());
    let place = location.extra.iter().find_map(|(member, raw)| {
        let (unit, _, source) = PLACES.iter().find(|row| *member == *row.1)?;
        let numbers: wire::Empty<'_> = read(raw).ok()?;
        let number = |name: &str| {
            let (_, raw) = numbers.extra.iter().find(|(key, _)| *key == *name)?;
            raw.get().parse().ok()
        };
        Some(Place { unit: *unit, source: number(source)?, start: number("start")?, end: number("end")? })
    });
    let place_members = if place.is_some() { vec!["location"] } else { Vec::new() };
    let unsaid = if has_domain { vec!["domain".into()] } else { Vec::new() };
    Pointer { place, place_members, words, unsaid }
}

/// Writes a citation as Converse has it.
pub(super) fn write(cited: &Citation<'_>, json: &mut Json<'_>) {
    if cited.origin == NAME {
        return json.item(cited.raw.get());
    }
    let place = place::pointer(cited).place;
    let is_search_result = place.is_some_and(|place| place.unit == Unit::SearchResult);
    json.object(|json| {
        json.member_some("title", cited.title.as_deref());
        json.member_some("source", cited.url.as_deref().filter(|_| is_search_result));
        if let Some(text) = &cited.text {
            json.member_array("sourceContent", |json| json.object(|json| json.member_text("text", text)));
        }
        let row = place.and_then(|place| Some((place, PLACES.iter().find(|row| row.0 == place.unit)?)));
        match (row, &cited.url) {
            (Some((place, (_, member, source))), _) => json.member_object("location", |json| {
                json.member_object(member, |json| {
                    json.member_number(source, place.source);
                    json.member_number("start", place.start);
                    json.member_number("end", place.end);
                });
            }),
            (None, Some(url)) => json.member_object("location", |json| {
                json.member_object("web", |json| json.member_text("url", url));
            }),
            (None, None) => {}
        }
    });
}

/// What of a citation of another dialect is lost when it is written: members, each with the reason.
pub(super) fn lost(cited: &Citation<'_>) -> Vec<(Cow<'static, str>, &'static str)> {
    if cited.origin == NAME {
        return Vec::new();
    }
    let unsaid = place::pointer(cited).unsaid.into_iter();
    let mut lost: Vec<_> = unsaid.map(|name| (name, Loss::PROVIDERS_OWN)).collect();
    if cited.range.is_some() {
        lost.push(("range".into(), "Converse does not say where in an answer a citation stands"));
    }
    lost
}
