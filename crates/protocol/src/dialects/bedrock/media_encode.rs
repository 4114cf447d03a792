//! Writes media and search results, which requests and answers share.

use super::{
    NAME,
    content_encode::{At, Blocks, Toward},
    media::{Kind, document_name},
    write::Json,
};
use crate::{
    dialects::search_result::{self, SearchResult},
    ir::{Block, Content, Media, Members, Source, Text},
};

impl Blocks {
    /// Writes a medium; false if nothing of it could be said.
    pub(super) fn media(
        &mut self,
        at: At,
        kind: Kind,
        media: &Media<'_>,
        extra: &Members<'_>,
        json: &mut Json<'_>,
    ) -> bool {
        let place = match &media.source {
            Source::File(place) | Source::Url(place) if self.own || place.starts_with("s3://") => Some(place),
            Source::File(_) => {
                self.lose(at, "", "a file of another provider: send its bytes");
                return false;
            }
            Source::Url(_) => {
                self.lose(at, "", "Converse takes no URLs: send the bytes");
                return false;
            }
            Source::Text(_) | Source::Blocks(_) if kind != Kind::Document => {
                self.lose(at, "", "only documents can be text");
                return false;
            }
            _ => None,
        };
        let said = media.media_type.as_deref();
        let listed = said.and_then(|said| kind.format(said));
        let unlisted = || said.filter(|_| self.own).and_then(|said| kind.unlisted(said));
        let sniffed = || match &media.source {
            Source::Base64(data) if !self.own => kind.sniff(data),
            Source::Text(_) | Source::Blocks(_) if !self.own && kind == Kind::Document => Some("txt"),
            _ => None,
        };
        let format = listed.or_else(unlisted).or_else(sniffed);
        let required = kind != Kind::Document || !matches!(media.source, Source::Text(_) | Source::Blocks(_));
        if format.is_none() && required && !self.own {
            self.lose(at, "", "Converse has no such format");
            return false;
        }
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            self.lose(at, ".detail", "Converse has no such choice");
        }
        let is_document = kind == Kind::Document;
        if !is_document && !self.own {
            // What a sound has is the provider's id of it, and the words that it says.
            let (name, context) =
                if kind == Kind::Audio { (".id", ".transcript") } else { (".name", ".context") };
            for (member, said) in [(name, &media.name), (context, &media.context)] {
                if said.is_some() {
                    self.lose(at, member, "only documents have it");
                }
            }
        }
        let name = if is_document { self.document_name(at, media, format.unwrap_or_default()) } else { None };
        json.object(|json| {
            json.member_object(kind.member(), |json| {
                json.member_some("format", format);
                json.member_some("name", name.as_deref());
                if is_document {
                    json.member_some("context", media.context.as_deref());
                    cite(media, extra, json);
                }
                if !extra.iter().any(|(key, _)| key == "source") {
                    json.member_object("source", |json| self.source(at, &media.source, place, json));
                }
                json.members_but(extra, &["citations"]);
            });
        });
        true
    }

    /// A block as the search result that it is, where the reader knows any.
    pub(super) fn found<'b>(&self, block: &'b Block<'b>) -> Option<SearchResult<'b>> {
        let knows_any = match self.toward {
            Toward::Provider(family) => self.own || family.may_be_claude(),
            Toward::Client => true,
        };
        search_result::of(block).filter(|_| knows_any)
    }

    /// A search result (API description, `SearchResultBlock`); all but the citations is required.
    pub(super) fn search_result(
        &mut self,
        at: At,
        found: &SearchResult<'_>,
        extra: &Members<'_>,
        json: &mut Json<'_>,
    ) {
        json.object(|json| {
            json.member_object("searchResult", |json| {
                json.member_text("source", &found.source);
                json.member_text("title", found.media.name.as_ref().unwrap_or(&found.source));
                json.member_array("content", |json| {
                    for block in found.blocks {
                        match &block.content {
                            Content::Text { text, .. } => json.object(|json| json.member_text("text", text)),
                            Content::Foreign { origin, raw, .. } if *origin == NAME => json.item(raw.get()),
                            _ => self.lose(at, ".content", "a search result takes only text"),
                        }
                    }
                });
                cite(found.media, extra, json);
                json.members_but(extra, &[search_result::MEMBERS, &["citations"]].concat());
            });
        });
    }

    fn source(&mut self, at: At, source: &Source<'_>, place: Option<&Text<'_>>, json: &mut Json<'_>) {
        match (place, source) {
            (Some(place), _) => json.member_object("s3Location", |json| json.member_text("uri", place)),
            (None, Source::Base64(data)) => json.member_text("bytes", data),
            (None, Source::Text(text)) => json.member_text("text", text),
            (None, Source::Blocks(blocks)) => json.member_array("content", |json| {
                for block in blocks {
                    match &block.content {
                        Content::Text { text, .. } => json.object(|json| json.member_text("text", text)),
                        _ => self.lose(at, ".source", "a document of blocks takes only text"),
                    }
                }
            }),
            // Every one of these has a place, or was a loss before.
            (None, Source::Url(_) | Source::File(_)) => {}
        }
    }

    fn document_name(&mut self, at: At, media: &Media<'_>, format: &str) -> Option<String> {
        let asked = media.name.as_deref();
        if self.own || self.toward == Toward::Client {
            return asked.map(str::to_owned);
        }
        let (name, changed) = document_name(asked.unwrap_or_default(), format, &mut self.names);
        if changed {
            self.lose(at, ".name", "changed to what Converse takes as a document's name");
        }
        Some(name)
    }
}

/// Writes whether a document or a search result shall be cited, if that is said.
fn cite(media: &Media<'_>, extra: &Members<'_>, json: &mut Json<'_>) {
    if media.cite.is_some() || extra.iter().any(|(key, _)| key == "citations") {
        json.member_object("citations", |json| {
            if let Some(cite) = media.cite {
                json.member("enabled", if cite { "true" } else { "false" });
            }
            json.rest(extra, "citations");
        });
    }
}
