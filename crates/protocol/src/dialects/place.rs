//! Where in the sources of an answer a citation points, between the dialects that say so.

use serde_json::value::RawValue;

use super::{anthropic, bedrock};
use crate::ir::Citation;

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
    /// Members that no other dialect has a word for.
    pub(super) unsaid: Vec<&'static str>,
}

type Reader = fn(&RawValue) -> Pointer;

/// The dialects that say places, and how each reads its own citation.
const READERS: &[(&str, Reader)] =
    &[(anthropic::NAME, anthropic::citation::pointer), (bedrock::NAME, bedrock::citation::pointer)];

/// Where a citation points.
pub(super) fn pointer(citation: &Citation<'_>) -> Pointer {
    let reader = READERS.iter().find(|(name, _)| *name == citation.origin);
    reader.map_or_else(Pointer::default, |(_, read)| read(&citation.raw))
}
