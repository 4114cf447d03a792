//! From blocks to parts.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{
    super::{NAME, proof, write},
    MADE_UP, Place,
};
use crate::ir::{
    Block, Content, Losses, Media, Members, Source, Text, Thinking, ToolKind, ToolResult, ToolUse,
};

/// Accepted by Gemini 3 in place of a signature, for calls that it did not make itself. Source:
/// ai.google.dev/gemini-api/docs/thought-signatures, "transferring a trace from a different model".
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Media types of files that are known by their address only.
const TYPES: &[(&str, &str)] = &[
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".gif", "image/gif"),
    (".webp", "image/webp"),
    (".pdf", "application/pdf"),
    (".mp3", "audio/mp3"),
    (".wav", "audio/wav"),
    (".mp4", "video/mp4"),
    (".txt", "text/plain"),
];

/// Writes the parts of one request or one answer.
pub(in super::super) struct Writer<'w> {
    /// True if the blocks come from Gemini's own dialect.
    pub(in super::super) at_home: bool,
    /// True if a client reads the parts, false if a provider does: it gets no other's proofs.
    pub(in super::super) for_client: bool,
    /// True if media of tool results go inside the results, as Gemini 3 takes them, not beside.
    pub(in super::super) media_inside: bool,
    /// True if the next call has to have a signature, whatever it is.
    pub(in super::super) must_sign: bool,
    /// Names of the tools that were called, by the id of the call.
    pub(in super::super) names: HashMap<&'w str, &'w str>,
    /// Media of tool results that are to stand beside them, once all results of the turn are written.
    pub(in super::super) beside: Vec<(&'w Media<'w>, Place)>,
    pub(in super::super) losses: Losses,
}

impl<'w> Writer<'w> {
    /// Writes nothing yet.
    pub(in super::super) fn new(at_home: bool, for_client: bool) -> Self {
        Self {
            at_home,
            for_client,
            media_inside: true,
            must_sign: false,
            names: HashMap::new(),
            beside: Vec::new(),
            losses: Losses::default(),
        }
    }

    /// Names each member of another dialect as lost.
    pub(in super::super) fn lose_extra(
        &mut self,
        extra: &Members<'_>,
        place: Option<&dyn std::fmt::Display>,
    ) {
        for (key, _) in extra.iter().filter(|_| !self.at_home) {
            let path = place.map_or_else(|| key.to_string(), |place| format!("{place}.{key}"));
            self.losses.add(path, "Gemini has no such field");
        }
    }

    /// Writes one block as the parts that it is: often one, sometimes none.
    pub(in super::super) fn block(
        &mut self,
        block: &'w Block<'w>,
        place: Place,
        parts: &mut write::Array<'_>,
    ) {
        self.lose_extra(&block.extra, Some(&place));
        if block.cache.is_some() {
            self.losses.add("cache_control", "Gemini caches prompts by itself");
        }
        match &block.content {
            Content::Text { text, citations } => {
                if !citations.is_empty() && !self.for_client {
                    self.losses.add(format!("{place}.citations"), "Gemini takes no citations back");
                }
                if self.at_home || !text.is_empty() {
                    parts.object(|part| {
                        part.text("text", text);
                        self.extra(part, &block.extra);
                    });
                }
            }
            Content::Image(media)
            | Content::Document(media)
            | Content::Audio(media)
            | Content::Video(media) => {
                self.media(media, Some(&block.extra), place, parts);
            }
            Content::ToolUse(call) => parts.object(|part| self.call(call, &block.extra, place, part)),
            Content::ToolResult(result) => {
                parts.object(|part| self.result(result, &block.extra, place, part))
            }
            Content::Thinking(thinking) => self.thinking(thinking, &block.extra, place, parts),
            Content::Refusal(text) => {
                self.losses.add(format!("{place}.refusal"), "said as text");
                parts.object(|part| part.text("text", text));
            }
            Content::Foreign { origin, raw, .. } if *origin == NAME => {
                parts.item().extend_from_slice(raw.get().as_bytes());
            }
            Content::Foreign { kind, .. } => {
                self.losses.add(place.to_string(), format!("Gemini has no `{}`", short(kind)));
            }
        }
    }

    /// Writes the media that wait to stand beside the tool results.
    pub(in super::super) fn rest(&mut self, parts: &mut write::Array<'_>) {
        for (media, place) in std::mem::take(&mut self.beside) {
            self.media(media, None, place, parts);
        }
    }

    /// The members of the part itself; those of the objects within stand there.
    fn extra(&self, part: &mut write::Object<'_>, extra: &Members<'_>) {
        if self.at_home {
            part.members_under("", extra);
        }
    }

    fn thinking(
        &mut self,
        thinking: &Thinking<'_>,
        extra: &Members<'_>,
        place: Place,
        parts: &mut write::Array<'_>,
    ) {
        let signature = thinking.signature.as_ref().filter(|signature| {
            let goes = self.for_client || signature.at_home(NAME).is_some();
            if !goes {
                self.losses.add(place.to_string(), "reasoning proof of another provider");
            }
            goes
        });
        if thinking.text.is_empty() && signature.is_none() && !self.at_home {
            return;
        }
        parts.object(|part| {
            part.text("text", &thinking.text);
            part.plain("thought", true);
            if let Some(signature) = signature {
                part.text("thoughtSignature", &proof::write(signature, thinking.is_redacted));
            }
            self.extra(part, extra);
        });
    }

    fn call(&mut self, call: &ToolUse<'_>, extra: &Members<'_>, place: Place, part: &mut write::Object<'_>) {
        part.object("functionCall", |object| {
            if let Some(id) = given(&call.id) {
                object.text("id", id);
            }
            object.text("name", &call.name);
            match object_of(&call.input).filter(|_| call.kind == ToolKind::Function) {
                Some(args) => object.raw("args", args),
                None if call.input.is_empty() => object.object("args", |_| {}),
                None => {
                    if call.kind == ToolKind::Function {
                        self.losses
                            .add(format!("{place}.input"), "not a JSON object: said as the text `input`");
                    }
                    object.object("args", |args| args.text("input", &call.input));
                }
            }
            if self.at_home {
                object.members_under("functionCall.", extra);
            }
        });
        let must_sign = std::mem::take(&mut self.must_sign);
        match &call.signature {
            Some(signature) if self.for_client || signature.at_home(NAME).is_some() => {
                part.text("thoughtSignature", &proof::write(signature, false));
            }
            signature => {
                if signature.is_some() {
                    self.losses.add(place.to_string(), "reasoning proof of another provider");
                }
                if must_sign {
                    part.text("thoughtSignature", NO_SIGNATURE);
                }
            }
        }
        self.extra(part, extra);
    }

    fn result(
        &mut self,
        result: &'w ToolResult<'w>,
        extra: &Members<'_>,
        place: Place,
        part: &mut write::Object<'_>,
    ) {
        let name = self.names.get(&*result.id).copied().or(result.name.as_deref());
        if name.is_none() {
            self.losses.add(place.to_string(), "the call that it answers is not in the conversation");
        }
        let (text, media) = self.split(result, place);
        part.object("functionResponse", |object| {
            if let Some(id) = given(&result.id) {
                object.text("id", id);
            }
            object.text("name", name.unwrap_or(&result.id));
            response(text.as_deref(), result.is_error == Some(true), object);
            let inside = |media: &Media<'_>| {
                self.at_home || (self.media_inside && matches!(media.source, Source::Base64(_)))
            };
            let (inside, beside): (Vec<_>, Vec<_>) =
                media.into_iter().partition(|(block, _)| media_of(block).is_some_and(inside));
            if !inside.is_empty() {
                object.array("parts", |parts| {
                    inside.into_iter().for_each(|(block, place)| self.block(block, place, parts));
                });
            }
            let beside = beside.into_iter().filter_map(|(block, place)| Some((media_of(block)?, place)));
            self.beside.extend(beside);
            if self.at_home {
                object.members_under("functionResponse.", extra);
            }
        });
        self.extra(part, extra);
    }

    /// The text of a result and its media; anything else a result cannot have here.
    fn split(
        &mut self,
        result: &'w ToolResult<'w>,
        place: Place,
    ) -> (Option<Text<'w>>, Vec<(&'w Block<'w>, Place)>) {
        let mut text: Option<Text<'w>> = None;
        let mut media = Vec::new();
        for (number, block) in result.blocks.iter().enumerate() {
            let place = place.inner(number);
            let said = match &block.content {
                Content::Text { text, .. } => text,
                Content::Document(Media { source: Source::Text(text), .. }) => text,
                _ if media_of(block).is_some() => {
                    media.push((block, place));
                    continue;
                }
                _ => {
                    self.losses.add(place.to_string(), "only texts and media go into a tool's result");
                    continue;
                }
            };
            text = Some(match text.take() {
                None => said.borrowed(),
                Some(before) => format!("{before}\n{said}").into(),
            });
        }
        (text, media)
    }

    fn media(
        &mut self,
        media: &'w Media<'w>,
        extra: Option<&Members<'_>>,
        place: Place,
        parts: &mut write::Array<'_>,
    ) {
        let mut lose =
            |field: &str, reason: &'static str| self.losses.add(format!("{place}.{field}"), reason);
        if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
            lose("detail", "Gemini has no such field");
        }
        if media.cite == Some(true) {
            lose("citations", "Gemini cites no documents of the client");
        }
        if media.context.is_some() {
            lose("context", "Gemini has no such field");
        }
        let name = media.name.as_deref().filter(|_| {
            if !self.at_home {
                lose("name", "Gemini takes no file names");
            }
            self.at_home
        });
        let mime = media.media_type.as_deref();
        let (key, mime, place_key, value) = match &media.source {
            Source::Base64(_) if mime.is_none() => return lose("source", "media without their type"),
            Source::Base64(data) => ("inlineData", mime, "data", data),
            Source::File(_) if !self.at_home => {
                return lose("source", "a file in the store of another provider");
            }
            Source::Url(uri) | Source::File(uri) => {
                ("fileData", mime.or_else(|| type_of(uri)), "fileUri", uri)
            }
            Source::Text(text) => return parts.object(|part| part.text("text", text)),
            Source::Blocks(blocks) => {
                return blocks.iter().for_each(|block| self.block(block, place, parts));
            }
        };
        parts.object(|part| {
            part.object(key, |object| {
                if let Some(mime) = mime {
                    object.text("mimeType", mime);
                }
                object.text(place_key, value);
                if let Some(name) = name {
                    object.text("displayName", name);
                }
                if let Some(extra) = extra.filter(|_| self.at_home) {
                    object.members_under(&format!("{key}."), extra);
                }
            });
            if let Some(extra) = extra {
                self.extra(part, extra);
            }
        });
    }
}

/// The id, if the provider or the client gave it.
fn given<'t>(id: &'t Text<'_>) -> Option<&'t str> {
    Some(&**id).filter(|id| !id.starts_with(MADE_UP))
}

/// A result has to be an object: one stays as it is, anything else is wrapped as the documentation suggests.
fn response(text: Option<&str>, is_error: bool, object: &mut write::Object<'_>) {
    let json = text.and_then(object_of);
    match (json, is_error) {
        (Some(json), false) => object.raw("response", json),
        (Some(json), true) => object.object("response", |response| response.raw("error", json)),
        (None, _) => object.object("response", |response| {
            if let Some(text) = text {
                response.text(if is_error { "error" } else { "output" }, text);
            }
        }),
    }
}

/// The text as JSON, if it is a JSON object.
fn object_of(text: &str) -> Option<&RawValue> {
    let text = text.trim();
    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn media_of<'b>(block: &'b Block<'b>) -> Option<&'b Media<'b>> {
    match &block.content {
        Content::Image(media) | Content::Document(media) | Content::Audio(media) | Content::Video(media) => {
            Some(media)
        }
        _ => None,
    }
}

fn type_of(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or(uri).to_ascii_lowercase();
    TYPES.iter().find(|(ending, _)| path.ends_with(ending)).map(|row| row.1)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
