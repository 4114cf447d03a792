//! Writes blocks, which requests and answers share.

use std::{borrow::Cow, collections::HashSet, fmt};

use serde_json::value::RawValue;

use super::{NAME, citation, media::Kind, model::Family, proof, write::Json};
use crate::{
    dialects::search_result,
    ir::{Block, CacheHint, Content, Loss, Losses, Members, Thinking, ToolKind, ToolResult, ToolUse},
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
            Self::Answer(block) => write!(f, "choices[0].content[{block}]"),
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
    pub(super) names: HashSet<String>,
}

impl Blocks {
    pub(super) fn new(toward: Toward, origin: &str) -> Self {
        Self { toward, own: origin == NAME, losses: Losses::default(), names: HashSet::new() }
    }

    pub(super) fn lose(&mut self, at: At, what: &str, reason: &'static str) {
        self.losses.add(format!("{at}{what}"), reason);
    }

    /// Why a member of another dialect is lost.
    fn why(&self) -> &'static str {
        match self.toward {
            Toward::Client => Loss::PROVIDERS_OWN,
            Toward::Provider(_) => "only the client's own dialect has it",
        }
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
            let is_found = self.found(block).is_some();
            let is_said = |name: &str| is_found && search_result::MEMBERS.contains(&name);
            for (name, _) in block.extra.iter().filter(|(name, _)| !is_said(name)) {
                self.losses.add(format!("{at}.{name}"), self.why());
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
            Content::Document(media) => match self.found(block) {
                Some(found) => self.search_result(at, &found, extra, json),
                None => return self.media(at, Kind::Document, media, extra, json),
            },
            Content::Audio(media) => {
                let words = media.context.as_deref().filter(|words| !self.own && !words.trim().is_empty());
                if self.media(at, Kind::Audio, media, extra, json) {
                    return true;
                }
                let Some(words) = words else { return false };
                json.object(|json| json.member_text("text", words));
            }
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
                let whose = if self.toward == Toward::Client { "provider" } else { "client" };
                let reason = format!("only the {whose}'s own dialect has blocks of type {kind}");
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
