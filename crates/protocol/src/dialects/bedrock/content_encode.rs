//! Writes blocks, which requests and answers share.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde_json::value::RawValue;

use super::{
    NAME, citation,
    media::{Kind, document_name},
    model::Family,
    proof,
    write::Json,
};
use crate::ir::{
    Block, CacheHint, Content, Losses, Media, Members, Source, Text, Thinking, ToolKind, ToolResult, ToolUse,
};

/// Where a block stands, for the paths of losses.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    /// In the system prompt.
    System(usize),
    /// In a message: its number, the block's.
    Message(usize, usize),
    /// In a tool result: the message's number, the result's, the block's.
    Result(usize, usize, usize),
    /// In an answer.
    Answer(usize),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(block) => write!(f, "system[{block}]"),
            Self::Message(message, block) => write!(f, "messages[{message}].content[{block}]"),
            Self::Result(message, result, block) => {
                write!(f, "messages[{message}].content[{result}].content[{block}]")
            }
            Self::Answer(block) => write!(f, "content[{block}]"),
        }
    }
}

/// Who reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toward {
    /// A provider, which is strict.
    Provider(Family),
    /// A client, which keeps proofs of other dialects for the next turn.
    Client,
}

/// Writes blocks and notes what could not be said.
pub(super) struct Blocks {
    pub(super) toward: Toward,
    /// Whether what is written was read from Converse: then it is written as it was.
    pub(super) own: bool,
    pub(super) losses: Losses,
    /// Names of documents so far.
    names: HashSet<String>,
}

impl Blocks {
    pub(super) fn new(toward: Toward, origin: &str) -> Self {
        Self { toward, own: origin == NAME, losses: Losses::default(), names: HashSet::new() }
    }

    pub(super) fn lose(&mut self, at: At, what: &str, reason: &'static str) {
        self.losses.add(format!("{at}{what}"), reason);
    }

    fn is_strict(&self) -> bool {
        !self.own && self.toward != Toward::Client
    }

    /// Writes one block as an item, and its cache hint as another; false if nothing of it could be said.
    pub(super) fn block(&mut self, at: At, block: &Block<'_>, json: &mut Json<'_>) -> bool {
        let written = self.bare(at, block, json);
        self.cache(at, block.cache.as_ref(), written, json);
        written
    }

    /// Writes one block without its cache hint.
    fn bare(&mut self, at: At, block: &Block<'_>, json: &mut Json<'_>) -> bool {
        if !self.own {
            for (name, _) in &block.extra {
                self.losses.add(format!("{at}.{name}"), "only the client's own dialect has it");
            }
        }
        let mark = json.mark();
        let written = self.content(at, block, json);
        if !written {
            json.forget(mark);
        }
        written
    }

    /// Writes a cache hint as the block that Converse has for it.
    fn cache(&mut self, at: At, hint: Option<&CacheHint<'_>>, written: bool, json: &mut Json<'_>) {
        let Some(hint) = hint else { return };
        match self.toward {
            Toward::Provider(family) if written && (self.own || family.caches()) => {
                json.object(|json| cache_point(json, hint));
            }
            Toward::Provider(_) if !written => self.lose(at, ".cache", "the block it stands at is not sent"),
            Toward::Provider(_) => self.lose(at, ".cache", "this model has no prompt cache in Converse"),
            Toward::Client => {}
        }
    }

    fn content(&mut self, at: At, block: &Block<'_>, json: &mut Json<'_>) -> bool {
        let none = Members::new();
        let extra = if self.own { &block.extra } else { &none };
        match &block.content {
            Content::Text { text, .. } if self.is_strict() && text.trim().is_empty() => return false,
            // A text block has its text and nothing else: what has more was `citationsContent`.
            Content::Text { text, citations } if citations.is_empty() && extra.is_empty() => {
                self.text(at, text, json);
            }
            Content::Text { text, .. } if self.is_strict() => {
                self.lose(at, ".citations", "citations of another provider are not taken back");
                self.text(at, text, json);
            }
            Content::Text { text, citations } => json.object(|json| {
                json.member_object("citationsContent", |json| {
                    json.member_array("content", |json| json.object(|json| json.member_text("text", text)));
                    json.member_array("citations", |json| {
                        for cited in citations {
                            for (member, reason) in citation::lost(cited) {
                                self.lose(at, &format!(".citations.{member}"), reason);
                            }
                            citation::write(cited, json);
                        }
                    });
                    json.members(extra);
                });
            }),
            Content::Image(media) => return self.media(at, Kind::Image, media, extra, json),
            Content::Document(media) => return self.media(at, Kind::Document, media, extra, json),
            Content::Audio(media) => return self.media(at, Kind::Audio, media, extra, json),
            Content::Video(media) => return self.media(at, Kind::Video, media, extra, json),
            Content::ToolUse(tool) => self.tool_use(at, tool, extra, json),
            Content::ToolResult(result) => self.tool_result(at, result, extra, json),
            Content::Thinking(thinking) => return self.thinking(at, thinking, extra, json),
            Content::Refusal(text) => {
                self.lose(at, "", "a refusal is said as text");
                if self.is_strict() && text.trim().is_empty() {
                    return false;
                }
                json.object(|json| json.member_text("text", text));
            }
            Content::Foreign { origin, raw, .. } if *origin == NAME => json.item(raw.get()),
            Content::Foreign { kind, .. } => {
                let reason = format!("only the client's own dialect has blocks of type {kind}");
                self.losses.add(at.to_string(), reason);
                return false;
            }
        }
        true
    }

    /// In a tool result Converse tells JSON from text; its own text that is an object was JSON.
    fn text(&self, at: At, text: &str, json: &mut Json<'_>) {
        let is_json = self.own
            && matches!(at, At::Result(..))
            && text.starts_with('{')
            && serde_json::from_str::<&RawValue>(text).is_ok();
        json.object(|json| if is_json { json.member("json", text) } else { json.member_text("text", text) });
    }

    fn media(
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
        if media.detail.is_some() {
            self.lose(at, ".detail", "Converse has no such choice");
        }
        let is_document = kind == Kind::Document;
        if !is_document && !self.own && (media.name.is_some() || media.context.is_some()) {
            self.lose(at, ".name", "only documents have names");
        }
        let name = if is_document { self.document_name(at, media, format.unwrap_or_default()) } else { None };
        json.object(|json| {
            json.member_object(kind.member(), |json| {
                json.member_some("format", format);
                json.member_some("name", name.as_deref());
                if is_document {
                    json.member_some("context", media.context.as_deref());
                    if media.cite.is_some() || extra.iter().any(|(key, _)| key == "citations") {
                        json.member_object("citations", |json| {
                            if let Some(cite) = media.cite {
                                json.member("enabled", if cite { "true" } else { "false" });
                            }
                            json.rest(extra, "citations");
                        });
                    }
                }
                if !extra.iter().any(|(key, _)| key == "source") {
                    json.member_object("source", |json| self.source(at, &media.source, place, json));
                }
                json.members_but(extra, &["citations"]);
            });
        });
        true
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

    fn tool_use(&mut self, at: At, tool: &ToolUse<'_>, extra: &Members<'_>, json: &mut Json<'_>) {
        if tool.signature.is_some() {
            self.lose(
                at,
                ".signature",
                match self.toward {
                    Toward::Client => "Converse has a place for proofs only in reasoning",
                    Toward::Provider(_) => "reasoning proof of another provider",
                },
            );
        }
        let id = self.id(&tool.id);
        json.object(|json| {
            json.member_object("toolUse", |json| {
                json.member_text("toolUseId", &id);
                json.member_text("name", &tool.name);
                match arguments(tool) {
                    Ok(input) => json.member("input", input),
                    Err(text) => {
                        json.member_object("input", |json| json.member_text("input", text));
                        if tool.kind == ToolKind::Function {
                            self.lose(at, ".input", "arguments that are not JSON are sent as text");
                        }
                    }
                }
                json.members(extra);
            });
        });
    }

    fn tool_result(&mut self, at: At, result: &ToolResult<'_>, extra: &Members<'_>, json: &mut Json<'_>) {
        let id = self.id(&result.id);
        let says_status = match self.toward {
            Toward::Provider(family) => self.own || family.knows_status(),
            Toward::Client => true,
        };
        if result.is_error == Some(true) && !says_status {
            self.lose(at, ".is_error", "this model is not told whether a tool failed");
        }
        let inner = |block| match at {
            At::Message(message, place) => At::Result(message, place, block),
            other => other,
        };
        json.object(|json| {
            json.member_object("toolResult", |json| {
                json.member_text("toolUseId", &id);
                json.member_array("content", |json| {
                    for (index, block) in result.blocks.iter().enumerate() {
                        self.result_block(inner(index), block, json);
                    }
                });
                let status = result
                    .is_error
                    .filter(|_| says_status)
                    .map(|failed| if failed { "error" } else { "success" });
                json.member_some("status", status);
                json.members(extra);
            });
        });
    }

    fn result_block(&mut self, at: At, block: &Block<'_>, json: &mut Json<'_>) {
        match &block.content {
            Content::Text { .. }
            | Content::Image(_)
            | Content::Document(_)
            | Content::Video(_)
            | Content::Refusal(_)
            | Content::Foreign { .. } => {
                if block.cache.is_some() {
                    self.lose(at, ".cache", "a tool result has no place for a cache point");
                }
                self.bare(at, block, json);
            }
            _ => self.lose(at, "", "a tool result takes text, images, documents and video"),
        }
    }

    fn thinking(
        &mut self,
        at: At,
        thinking: &Thinking<'_>,
        extra: &Members<'_>,
        json: &mut Json<'_>,
    ) -> bool {
        let signature = thinking.signature.as_ref();
        if let Toward::Provider(family) = self.toward {
            let is_taken = |proof| proof::is_taken(proof, family, self.own);
            if signature.is_some_and(|proof| !is_taken(proof)) {
                self.lose(at, "", "reasoning proof of another provider");
                return false;
            }
            if signature.is_none() && !self.own {
                self.lose(at, "", "reasoning that no provider signed is not taken back");
                return false;
            }
        }
        json.object(|json| {
            json.member_object("reasoningContent", |json| {
                match signature.filter(|_| thinking.is_redacted) {
                    Some(signature) => json.member_text("redactedContent", &proof::seal(signature)),
                    None => json.member_object("reasoningText", |json| {
                        json.member_text("text", &thinking.text);
                        json.member_some("signature", signature.map(proof::sign).as_deref());
                        json.rest(extra, "reasoningText");
                    }),
                }
                json.members_but(extra, &["reasoningText"]);
            });
        });
        true
    }

    /// An id as the provider takes it. The same id always becomes the same, so that calls and results stay together.
    fn id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | ':' | '-');
        if !self.is_strict() || (id.len() <= MAX_ID && id.chars().all(fits)) {
            return Cow::Borrowed(id);
        }
        let mut mapped: String =
            id.chars().take(MAX_ID - 9).map(|letter| if fits(letter) { letter } else { '_' }).collect();
        mapped.push_str(&format!("_{:08x}", crc32fast::hash(id.as_bytes())));
        Cow::Owned(mapped)
    }
}

/// Longest id of a call (API description, `ToolUseId`).
const MAX_ID: usize = 64;

/// The members of a cache point's block.
pub(super) fn cache_point(json: &mut Json<'_>, hint: &CacheHint<'_>) {
    json.member_object("cachePoint", |json| {
        json.member_text("type", "default");
        json.member_some("ttl", hint.ttl.as_deref());
    });
}

/// The arguments as JSON, or the text that they are instead.
fn arguments<'t>(tool: &'t ToolUse<'_>) -> Result<&'t str, &'t str> {
    let text = tool.input.trim();
    match tool.kind {
        ToolKind::Custom => Err(&tool.input),
        ToolKind::Function if text.is_empty() => Ok("{}"),
        ToolKind::Function if serde_json::from_str::<&RawValue>(text).is_ok() => Ok(text),
        ToolKind::Function => Err(&tool.input),
    }
}
