//! What a citation says in its own dialect, between the dialects that say so: where in the sources of an answer it
//! points, and what no other dialect has a word for.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{anthropic, bedrock, gemini};
use crate::ir::{Citation, Text};

/// What a place is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Characters of a document of text.
    Chars,
    /// Pages of a PDF.
    Pages,
    /// Blocks of a document of blocks.
    Blocks,
    /// Blocks of a search result.
    SearchResult,
}

/// A range in one of the sources that the request brought along. Converse passes on the numbers that Claude's own API
/// has (recordings `citations-char` and `citations-document`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) unit: Unit,
    /// The number of the document, or of the search result, in the request.
    pub(super) source: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What a dialect reads out of its own citation.
#[derive(Debug, Default)]
pub(super) struct Pointer {
    /// Where it points, if into a source of the request.
    pub(super) place: Option<Place>,
    /// The members that say the place.
    pub(super) place_members: Vec<&'static str>,
    /// The member that says the words cited.
    pub(super) words: &'static str,
    /// Members that no other dialect has a word for.
    pub(super) unsaid: Vec<Cow<'static, str>>,
}

type Reader = fn(&Citation<'_>) -> Pointer;

/// The dialects that say more than where in the answer a citation stands and what it cites, and how each reads its own.
const READERS: &[(&str, Reader)] = &[
    (anthropic::NAME, |citation| anthropic::citation::pointer(&citation.raw)),
    (bedrock::NAME, |citation| bedrock::citation::pointer(&citation.raw)),
    // All that is said of an answer's sources is a member of the answer and named with it.
    (gemini::NAME, |_| Pointer::default()),
];

/// Where a citation points, and what else it says.
pub(super) fn pointer(citation: &Citation<'_>) -> Pointer {
    let reader = READERS.iter().find(|(name, _)| *name == citation.origin);
    reader.map_or_else(
        || {
            let mut unsaid = Vec::new();
            leaves(&citation.raw, "", citation, &mut unsaid);
            Pointer { unsaid, ..Pointer::default() }
        },
        |(_, read)| read(citation),
    )
}

/// Names the members of `raw` that say something other than what the model has of the citation. Members of an object
/// within are looked at too (`url_citation` of Chat Completions).
fn leaves(raw: &RawValue, within: &str, citation: &Citation<'_>, unsaid: &mut Vec<Cow<'static, str>>) {
    let members: std::collections::BTreeMap<Text<'_>, &RawValue> =
        serde_json::from_str(raw.get()).unwrap_or_default();
    for (name, value) in members.iter().filter(|(name, _)| **name != "type") {
        let path = if within.is_empty() { name.to_string() } else { format!("{within}.{name}") };
        if value.get().starts_with('{') && within.is_empty() {
            leaves(value, &path, citation, unsaid);
        } else if value.get() != "null" && !is_said(value, citation) {
            unsaid.push(path.into());
        }
    }
}

/// Whether a value is what the model has of the citation.
fn is_said(value: &RawValue, citation: &Citation<'_>) -> bool {
    if let Ok(number) = value.get().parse::<u64>() {
        return citation.range.is_some_and(|(start, end)| number == start || number == end);
    }
    let text: Option<Text<'_>> = serde_json::from_str(value.get()).ok();
    let known = [&citation.text, &citation.url, &citation.title];
    text.is_some_and(|text| known.into_iter().flatten().any(|known| *known == *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &'static str, expect: &[&str]) {
        let raw: &RawValue = serde_json::from_str(raw).unwrap();
        let citation = Citation {
            text: None,
            url: Some("u".into()),
            title: Some("t".into()),
            range: Some((3, 7)),
            origin: "elsewhere",
            raw: Cow::Borrowed(raw),
        };
        assert_eq!(pointer(&citation).unsaid, expect);
    }

    #[test]
    fn what_the_model_has_of_a_citation_is_said() {
        check(r#"{"type":"file_citation","file_id":"f","filename":"t","index":9}"#, &["file_id", "index"]);
        check(
            r#"{"type":"x","url_citation":{"url":"u","title":"t","start_index":3,"end_index":7,"content":"c"}}"#,
            &["url_citation.content"],
        );
        check(r#"{"url":"u","n":null,"list":[1]}"#, &["list"]);
        check("3", &[]);
    }
}
