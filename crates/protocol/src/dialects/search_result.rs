//! How a search result stands in the model, between the dialects that have such blocks: as a document of texts whose
//! block has the members `type` and `source`, so that all other dialects name these as lost.

use crate::ir::{Block, Content, Media, Members, Raw, Source, Text, raw};

/// What `type` says.
const KIND: &str = "search_result";

/// The members that make a search result of a document of texts.
pub(super) const MEMBERS: &[&str] = &["type", "source"];

/// A search result, as it stands in the model.
pub(super) struct SearchResult<'b> {
    /// Where it is from: a URL, or any other name.
    pub(super) source: Text<'b>,
    /// What it says.
    pub(super) blocks: &'b [Block<'b>],
    /// Its title, and whether it shall be cited.
    pub(super) media: &'b Media<'b>,
}

/// Reads a block that is a search result; `None` for any other.
pub(super) fn of<'b>(block: &'b Block<'b>) -> Option<SearchResult<'b>> {
    let Content::Document(media) = &block.content else { return None };
    let Source::Blocks(blocks) = &media.source else { return None };
    let text = |name: &str| {
        let (_, raw) = block.extra.iter().find(|(key, _)| *key == *name)?;
        serde_json::from_str::<Text<'_>>(raw.get()).ok()
    };
    text("type").filter(|kind| *kind == KIND)?;
    Some(SearchResult { source: text("source")?, blocks, media })
}

/// The members of a block that are still to be named by a dialect that says a search result as its texts behind their
/// heading: that has the source, and what they are is said by where they stand.
pub(super) fn unsaid<'b, 'a>(block: &'b Block<'a>) -> impl Iterator<Item = &'b (Text<'a>, Raw<'a>)> {
    let is_found = of(block).is_some();
    block.extra.iter().filter(move |(name, _)| !(is_found && MEMBERS.contains(&&**name)))
}

/// The members that make a search result of a document of texts.
pub(super) fn members(source: &str) -> Members<'static> {
    vec![("type".into(), raw(KIND)), ("source".into(), raw(source))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_result_is_known_by_its_members() {
        let media = Media { source: Source::Blocks(Vec::new()), ..Media::default() };
        let mut block = Block { extra: members("https://a/"), ..Content::Document(media).into() };
        assert_eq!(of(&block).map(|found| found.source.to_string()).as_deref(), Some("https://a/"));
        assert_eq!(block.extra.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), MEMBERS);
        block.extra.push(("more".into(), raw(&1)));
        assert_eq!(unsaid(&block).map(|(name, _)| &**name).collect::<Vec<_>>(), ["more"]);
        block.extra.drain(1..);
        assert_eq!(unsaid(&block).count(), 1, "it is from somewhere");
        assert!(of(&block).is_none(), "it is from somewhere");
        assert!(of(&Content::text("t").into()).is_none());
    }
}
