//! From blocks to parts.

use std::collections::{HashMap, HashSet};

use serde_json::value::RawValue;

use super::{
    super::{NAME, proof, write},
    MADE_UP, Place,
    media::{Beside, goes_inside, is_text, media_of},
};
use crate::{
    dialects::{leftover, search_result},
    ir::{Block, Content, Losses, Members, Source, Text, Thinking, ToolKind, ToolResult, ToolUse},
};

/// Accepted by Gemini 3 in place of a signature, for calls that it did not make itself. Source:
/// ai.google.dev/gemini-api/docs/thought-signatures, "transferring a trace from a different model".
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Writes the parts of one request or one answer.
pub(in super::super) struct Writer<'w> {
    /// True if the blocks come from Gemini's own dialect.
    pub(in super::super) at_home: bool,
    /// True if a client reads the parts, false if a provider does: it gets no other's proofs.
    pub(in super::super) for_client: bool,
    /// True if a model of the third generation or later reads the parts.
    pub(in super::super) is_gemini_3: bool,
    /// True while the parts of a function's response are written.
    pub(super) is_inside: bool,
    /// True if the next call has to have a signature, whatever it is.
    pub(in super::super) must_sign: bool,
    /// Names of the tools that were called, by the id of the call.
    pub(in super::super) names: HashMap<&'w str, &'w str>,
    /// Where tool results stand that no call of the turn before asked for: said as text, because Gemini refuses them
    /// ("function response turn comes immediately after a function call turn").
    pub(in super::super) strays: HashSet<Place>,
    /// What is to stand beside the tool results, once all results of the turn are written.
    pub(super) beside: Vec<Beside<'w>>,
    pub(in super::super) losses: Losses,
}

impl<'w> Writer<'w> {
    /// Writes nothing yet.
    pub(in super::super) fn new(at_home: bool, for_client: bool) -> Self {
        Self {
            at_home,
            for_client,
            is_gemini_3: true,
            is_inside: false,
            must_sign: false,
            names: HashMap::new(),
            strays: HashSet::new(),
            beside: Vec::new(),
            losses: Losses::default(),
        }
    }

    /// Names each member of another dialect as lost; of the usage, which is written but for these, what is left of it.
    pub(in super::super) fn lose_extra(
        &mut self,
        extra: &Members<'_>,
        place: Option<&dyn std::fmt::Display>,
    ) {
        const REASON: &str = "Gemini has no such field";
        for (key, value) in extra.iter().filter(|_| !self.at_home) {
            match place {
                Some(place) => self.losses.add(format!("{place}.{key}"), REASON),
                None => leftover::lose_one(key, value, REASON, &mut self.losses),
            }
        }
    }

    /// Names what a block says beside its content.
    fn lose_hints(&mut self, block: &Block<'_>, place: Place) {
        let is_said = |name: &str| search_result::MEMBERS.contains(&name);
        match search_result::of(block) {
            // Where it is from stands before its text, and that it is a result is said by where it stands.
            Some(_) if !self.at_home => {
                let rest: Members<'_> =
                    block.extra.iter().filter(|(name, _)| !is_said(name)).cloned().collect();
                self.lose_extra(&rest, Some(&place));
            }
            _ => self.lose_extra(&block.extra, Some(&place)),
        }
        if block.cache.is_some() {
            self.losses.add(format!("{place}.cache"), "Gemini caches prompts by itself");
        }
    }

    /// True if the block is written as a function's response.
    pub(in super::super) fn is_response(&self, block: &Block<'_>, place: Place) -> bool {
        matches!(block.content, Content::ToolResult(_)) && !self.strays.contains(&place)
    }

    /// Writes one block as the parts that it is: often one, sometimes none.
    pub(in super::super) fn block(
        &mut self,
        block: &'w Block<'w>,
        place: Place,
        parts: &mut write::Array<'_>,
    ) {
        self.lose_hints(block, place);
        self.content(block, place, parts);
    }

    /// Writes what a block is, once what it says beside that is named.
    fn content(&mut self, block: &'w Block<'w>, place: Place, parts: &mut write::Array<'_>) {
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
            Content::Image(media) | Content::Document(media) | Content::Video(media) => {
                self.lose_beside(media, place);
                self.media(media, &block.extra, place, parts);
            }
            Content::Audio(media) => self.sound(media, &block.extra, place, parts),
            Content::ToolUse(call) => parts.object(|part| self.call(call, &block.extra, place, part)),
            Content::ToolResult(result) if self.strays.contains(&place) => self.stray(result, place, parts),
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

    /// Writes what waits to stand beside the tool results, each behind words that say whose it is.
    pub(in super::super) fn rest(&mut self, parts: &mut write::Array<'_>) {
        for Beside { result, media } in std::mem::take(&mut self.beside) {
            let label = self.label(result);
            parts.all_or_none(|parts| {
                parts.object(|part| part.text("text", &label));
                let before = parts.len();
                for (block, place) in media {
                    self.content(block, place, parts);
                }
                parts.len() > before
            });
        }
    }

    /// A result without its call: what it says, as text.
    fn stray(&mut self, result: &'w ToolResult<'w>, place: Place, parts: &mut write::Array<'_>) {
        let reason = "the call that it answers is not in the turn before: said as text";
        self.losses.add(place.to_string(), reason);
        let label = self.label(result);
        let (text, media) = self.split(result, place);
        let text = text.map_or(label.clone(), |text| format!("{label}\n{text}"));
        parts.object(|part| part.text("text", &text));
        for (block, place) in media {
            self.content(block, place, parts);
        }
    }

    /// Words that say whose result follows.
    fn label(&self, result: &ToolResult<'_>) -> String {
        let failed = if result.is_error == Some(true) { "failed " } else { "" };
        match (given(&result.id), self.name_of(result)) {
            (Some(id), Some(name)) => format!("From the result of {failed}tool call {id} ({name}):"),
            (Some(id), None) => format!("From the result of {failed}tool call {id}:"),
            (None, name) => format!("From the result of {failed}tool call {}:", name.unwrap_or_default()),
        }
    }

    /// The tool that was called.
    fn name_of<'t>(&'t self, result: &'t ToolResult<'_>) -> Option<&'t str> {
        self.names.get(&*result.id).copied().or(result.name.as_deref())
    }

    /// The members of the part itself; those of the objects within stand there.
    pub(super) fn extra(&self, part: &mut write::Object<'_>, extra: &Members<'_>) {
        if !self.at_home {
            return;
        }
        for (key, value) in extra.iter().filter(|(key, _)| !key.contains('.')) {
            part.raw(if *key == Block::PROOF { "thoughtSignature" } else { key }, value);
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
                self.losses.add(format!("{place}.signature"), "reasoning proof of another provider");
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
                    self.losses.add(format!("{place}.signature"), "reasoning proof of another provider");
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
        let (text, media) = self.split(result, place);
        let name = self.name_of(result).unwrap_or(&result.id).to_owned();
        part.object("functionResponse", |object| {
            if let Some(id) = given(&result.id) {
                object.text("id", id);
            }
            object.text("name", &name);
            response(text.as_deref(), result.is_error == Some(true), object);
            let (inside, beside): (Vec<_>, Vec<_>) = media.into_iter().partition(|(block, _)| {
                self.at_home || (self.is_gemini_3 && media_of(block).is_some_and(goes_inside))
            });
            if !inside.is_empty() {
                self.is_inside = true;
                object.array("parts", |parts| {
                    inside.into_iter().for_each(|(block, place)| self.content(block, place, parts));
                });
                self.is_inside = false;
            }
            if !beside.is_empty() {
                self.beside.push(Beside { result, media: beside });
            }
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
        let (mut text, mut media) = (None, Vec::new());
        for (number, block) in result.blocks.iter().enumerate() {
            self.split_one(block, place.inner(number), &mut text, &mut media);
        }
        (text, media)
    }

    /// Adds one block of a result to its text or its media; of a document of blocks each of these.
    fn split_one(
        &mut self,
        block: &'w Block<'w>,
        place: Place,
        text: &mut Option<Text<'w>>,
        media: &mut Vec<(&'w Block<'w>, Place)>,
    ) {
        self.lose_hints(block, place);
        match &block.content {
            Content::Text { text: said, .. } => add_line(text, said),
            Content::Document(document) if is_text(document) => {
                self.lose_beside(document, place);
                document.heading().for_each(|line| add_line(text, line));
                match &document.source {
                    Source::Text(said) => add_line(text, said),
                    Source::Blocks(blocks) => {
                        blocks.iter().for_each(|inner| self.split_one(inner, place, text, media));
                    }
                    Source::Base64(_) | Source::Url(_) | Source::File(_) => {}
                }
            }
            _ if media_of(block).is_some() => media.push((block, place)),
            _ => self.losses.add(place.to_string(), "only texts and media go into a tool's result"),
        }
    }
}

/// Adds a line to a text.
fn add_line<'w>(text: &mut Option<Text<'w>>, line: &'w Text<'_>) {
    *text = Some(match text.take() {
        None => line.borrowed(),
        Some(before) => format!("{before}\n{line}").into(),
    });
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

/// A foreign word, short enough for a header.
pub(in super::super) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
