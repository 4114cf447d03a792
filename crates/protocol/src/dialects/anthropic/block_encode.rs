//! Writes content blocks, for providers and for clients.

use std::{borrow::Cow, fmt};

use serde_json::value::RawValue;

use super::{
    NAME, base64, citation,
    turns::{is_blank, unsayable, words_of},
    write::{Array, Object},
};
use crate::{
    dialects::search_result::{self, SearchResult},
    ir::{
        Block, CacheHint, Citation, Content, Losses, Media, Members, Role, Source, Text, Thinking, ToolKind,
        ToolResult, ToolUse,
    },
};

/// Where a block stands, for the names of losses.
#[derive(Clone, Copy)]
pub(super) struct Path<'p> {
    pub(super) parent: Option<&'p Path<'p>>,
    pub(super) name: &'static str,
    pub(super) at: usize,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        write!(f, "{}[{}]", self.name, self.at)
    }
}

/// What has to be known to write a block.
pub(super) struct Blocks<'l> {
    /// The conversation or answer comes from this dialect: `extra` is understood and the shape is kept.
    pub(super) home: bool,
    /// For a provider: no proof of another provider may go there.
    pub(super) to_provider: bool,
    /// The API version no longer takes citations in the user's text and documents in the model's.
    pub(super) strict: bool,
    pub(super) losses: &'l mut Losses,
}

impl Blocks<'_> {
    fn lose(&mut self, path: Path<'_>, member: &str, why: &'static str) {
        let path = if member.is_empty() { path.to_string() } else { format!("{path}.{member}") };
        self.losses.add(path, why);
    }

    /// Writes `list` as the member `name`: one plain text as text, anything else as blocks.
    pub(super) fn content(&mut self, into: &mut Object<'_>, name: &str, list: &[Block<'_>], at: Path<'_>) {
        if let [Block { content: Content::Text { text, citations }, cache: None, extra }] = list
            && citations.is_empty()
            && (extra.is_empty() || !self.home)
        {
            self.extra(None, extra, at);
            into.value(name, text);
            return;
        }
        self.list(into, name, list, at);
    }

    /// Writes `list` as the member `name`, as blocks even if it is one text.
    fn list(&mut self, into: &mut Object<'_>, name: &str, list: &[Block<'_>], at: Path<'_>) {
        let mut array = into.array(name);
        for (number, block) in list.iter().enumerate() {
            let path = Path { parent: Some(&at), name: "content", at: number };
            if !self.home {
                if is_blank(block) {
                    if block.cache.is_some() {
                        self.lose(path, "cache", "the block it stands at is not sent");
                    }
                    continue;
                }
                if let Some(why) = unsayable(&block.content, Role::User) {
                    self.lose(path, "", why);
                    continue;
                }
            }
            self.block(&mut array, block, Role::User, path);
        }
    }

    /// Writes one block of a turn of `role`.
    pub(super) fn block(&mut self, array: &mut Array<'_>, block: &Block<'_>, role: Role, path: Path<'_>) {
        match &block.content {
            Content::Foreign { origin, raw, .. } if *origin == NAME => array.json(raw.get()),
            Content::Text { text, citations } => {
                self.text(array, block, text, citations, role, path);
            }
            Content::Refusal(text) => self.text(array, block, text, &[], role, path),
            Content::Image(media) => {
                let mut into = self.open(array, "image", block, path);
                self.source(&mut into, media, "image/png", path);
                if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
                    self.lose(path, "detail", "the target has no such choice");
                }
            }
            Content::Document(_) if self.strict && role == Role::Assistant => {
                self.lose(path, "", "this version of the API takes no documents in the model's turns");
            }
            Content::Document(media) => match search_result::of(block).filter(|_| !self.home) {
                Some(found) => self.search_result(array, block, &found, path),
                None => self.document(array, block, media, path),
            },
            Content::ToolUse(call) => self.tool_use(array, block, call, path),
            Content::ToolResult(result) => self.tool_result(array, block, result, path),
            Content::Thinking(thinking) => self.thinking(array, block, thinking, path),
            Content::Audio(media) => match words_of(media) {
                Some(words) => {
                    self.lose(path, "", "the target says no sound: its words are said");
                    self.text(array, block, words, &[], role, path);
                }
                None => self.lose(path, "", "the target says no sound"),
            },
            Content::Video(_) => self.lose(path, "", "the target says no video"),
            Content::Foreign { .. } => self.lose(path, "", "only its own dialect knows it"),
        }
    }

    /// Opens a block with what all blocks have.
    fn open<'o>(
        &mut self,
        array: &'o mut Array<'_>,
        kind: &str,
        block: &Block<'_>,
        path: Path<'_>,
    ) -> Object<'o> {
        let mut into = array.object();
        if !(self.home && block.extra.iter().any(|(key, _)| *key == "type")) {
            into.value("type", kind);
        }
        // The API caches reasoning with what follows it, and refuses the hint there.
        let is_cached = self.home || !kind.ends_with("thinking");
        if block.cache.is_some() && !is_cached {
            self.lose(path, "cache", "the target caches reasoning with what follows it");
        }
        cache(&mut into, block.cache.as_ref().filter(|_| is_cached));
        self.extra(Some(&mut into), &block.extra, path);
        into
    }

    /// Members that only the origin knows: written at home, lost elsewhere.
    fn extra(&mut self, into: Option<&mut Object<'_>>, members: &Members<'_>, path: Path<'_>) {
        match into {
            Some(into) if self.home => into.members(members),
            _ => members.iter().for_each(|(key, _)| self.lose(path, key, "only its own dialect knows it")),
        }
    }

    fn text(
        &mut self,
        array: &mut Array<'_>,
        block: &Block<'_>,
        text: &str,
        citations: &[Citation<'_>],
        role: Role,
        path: Path<'_>,
    ) {
        let mut into = self.open(array, "text", block, path);
        into.value("text", text);
        if citations.is_empty() {
            return;
        }
        if self.strict && role != Role::Assistant {
            self.lose(path, "citations", "this version of the API takes no citations in the user's text");
            return;
        }
        let (sayable, lost): (Vec<_>, Vec<_>) =
            citations.iter().partition(|cited| citation::is_sayable(cited, self.to_provider));
        if !lost.is_empty() {
            self.lose(path, "citations", "the target knows no such citation");
        }
        if !sayable.is_empty() {
            let mut list = into.array("citations");
            for cited in sayable {
                citation::write(list.place(), cited);
                for (member, why) in citation::lost(cited) {
                    self.lose(path, &format!("citations.{member}"), why);
                }
            }
        }
    }

    fn document(&mut self, array: &mut Array<'_>, block: &Block<'_>, media: &Media<'_>, path: Path<'_>) {
        let mut into = self.open(array, "document", block, path);
        into.maybe("title", media.name.as_ref());
        if let Some(enabled) = media.cite {
            into.object("citations").value("enabled", &enabled);
        }
        let is_search_result = self.home && block.extra.iter().any(|(key, _)| *key == "type");
        if let (true, Source::Blocks(list)) = (is_search_result, &media.source) {
            return self.list(&mut into, "content", list, path);
        }
        into.maybe("context", media.context.as_ref());
        self.source(&mut into, media, "application/pdf", path);
    }

    /// A search result of another dialect that has them. The API requires a title.
    fn search_result(
        &mut self,
        array: &mut Array<'_>,
        block: &Block<'_>,
        found: &SearchResult<'_>,
        path: Path<'_>,
    ) {
        let mut into = array.object();
        block
            .extra
            .iter()
            .filter(|(name, _)| !search_result::MEMBERS.contains(&&**name))
            .for_each(|(name, _)| self.lose(path, name, "only its own dialect knows it"));
        into.value("type", "search_result");
        cache(&mut into, block.cache.as_ref());
        into.value("source", &found.source);
        into.value("title", found.media.name.as_ref().unwrap_or(&found.source));
        if let Some(enabled) = found.media.cite {
            into.object("citations").value("enabled", &enabled);
        }
        self.list(&mut into, "content", found.blocks, path);
    }

    fn source(&mut self, into: &mut Object<'_>, media: &Media<'_>, default_type: &str, path: Path<'_>) {
        let media_type = media.media_type.as_deref();
        let mut source = into.object("source");
        match &media.source {
            Source::Base64(data)
                if default_type == "application/pdf" && is_text(media_type) && !self.home =>
            {
                source.value("type", "text");
                source.value("media_type", "text/plain");
                source.value("data", &base64::text(data).unwrap_or_default());
            }
            Source::Base64(data) => {
                source.value("type", "base64");
                let known = media_type.or_else(|| base64::media_type(data));
                source.value("media_type", known.unwrap_or(default_type));
                source.value("data", data);
            }
            Source::Text(text) => {
                source.value("type", "text");
                source.value("media_type", "text/plain");
                source.value("data", text);
            }
            Source::Blocks(list) => {
                source.value("type", "content");
                self.content(&mut source, "content", list, path);
            }
            Source::Url(url) => {
                source.value("type", "url");
                source.value("url", url);
                if self.home {
                    source.maybe("media_type", media.media_type.as_ref());
                }
            }
            Source::File(id) => {
                source.value("type", "file");
                source.value("file_id", id);
            }
        }
    }

    fn tool_use(&mut self, array: &mut Array<'_>, block: &Block<'_>, call: &ToolUse<'_>, path: Path<'_>) {
        let mut into = self.open(array, "tool_use", block, path);
        into.value("id", &*self.tool_id(&call.id));
        into.value("name", &call.name);
        if is_object(&call.input) && call.kind == ToolKind::Function {
            into.json("input", &call.input);
        } else if call.input.trim().is_empty() {
            into.json("input", "{}");
        } else {
            into.object("input").value("input", &call.input);
            if call.kind == ToolKind::Function {
                self.lose(path, "input", "not a JSON object: put into one");
            }
        }
        if call.signature.is_some() {
            let why = if self.to_provider {
                "reasoning proof of another provider"
            } else {
                "the target has no place for a proof at a tool call"
            };
            self.lose(path, "signature", why);
        }
    }

    fn tool_result(
        &mut self,
        array: &mut Array<'_>,
        block: &Block<'_>,
        result: &ToolResult<'_>,
        path: Path<'_>,
    ) {
        let mut into = self.open(array, "tool_result", block, path);
        into.value("tool_use_id", &*self.tool_id(&result.id));
        if !result.blocks.is_empty() {
            self.content(&mut into, "content", &result.blocks, path);
        }
        into.maybe("is_error", result.is_error.as_ref());
    }

    fn thinking(
        &mut self,
        array: &mut Array<'_>,
        block: &Block<'_>,
        thinking: &Thinking<'_>,
        path: Path<'_>,
    ) {
        let proof = match &thinking.signature {
            Some(signature) if self.to_provider => match signature.at_home(NAME) {
                Some(proof) => proof.into(),
                None => return self.lose(path, "", "reasoning proof of another provider"),
            },
            None if self.to_provider => return self.lose(path, "", "reasoning without the target's proof"),
            Some(signature) => signature.write(NAME),
            None => Text::default(),
        };
        if thinking.is_redacted && !proof.is_empty() {
            self.open(array, "redacted_thinking", block, path).value("data", &proof);
        } else {
            let mut into = self.open(array, "thinking", block, path);
            into.value("thinking", &thinking.text);
            into.value("signature", &proof);
        }
    }

    /// Clients get the ids as they are, so that they come back as they are; the API has rules for them.
    fn tool_id<'t>(&self, id: &'t str) -> Cow<'t, str> {
        if self.to_provider { tool_id(id) } else { Cow::Borrowed(id) }
    }
}

/// Writes `cache_control`.
pub(super) fn cache(into: &mut Object<'_>, hint: Option<&CacheHint<'_>>) {
    if let Some(hint) = hint {
        let mut control = into.object("cache_control");
        control.value("type", "ephemeral");
        control.maybe("ttl", hint.ttl.as_ref());
    }
}

fn is_text(media_type: Option<&str>) -> bool {
    media_type.is_some_and(|kind| kind.starts_with("text/"))
}

fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(json).is_ok()
}

/// The id of a call as the API takes it, `^[a-zA-Z0-9_-]+$`: any other character becomes `_`, and a hash of the whole id
/// (FNV-1a) is put behind, so that ids that were different stay different. Calls and results are mapped alike, and an
/// id never comes back from the API, so nothing has to be mapped back.
fn tool_id(id: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !id.is_empty() && id.chars().all(is_allowed) {
        return Cow::Borrowed(id);
    }
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    let plain: String = id.chars().map(|c| if is_allowed(c) { c } else { '_' }).collect();
    Cow::Owned(format!("{plain}_{hash:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_ids_the_api_refuses_are_mapped_and_stay_different() {
        assert_eq!(tool_id("toolu_01-aB"), "toolu_01-aB");
        assert_eq!(tool_id("call.1"), tool_id("call.1"));
        assert_ne!(tool_id("call.1"), tool_id("call:1"));
        for id in ["call.1", "", "größe", "a b"] {
            let mapped = tool_id(id);
            assert!(mapped.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{mapped}");
        }
    }
}
