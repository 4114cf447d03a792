//! What a message of this dialect can hold, gathered from blocks: one text, one thinking, pictures, calls.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{media, request::FUNCTION, write::Object};
use crate::ir::{Block, Content, Loss, Losses, Media, Raw, Source, Text, ToolKind, ToolUse};

/// Why most things are lost.
pub(super) const NO_PLACE: &str = "ollama has no place for it";
/// Why a signature is lost.
pub(super) const PROOF: &str = "reasoning proof of another provider";
/// What stands between pieces of reasoning that were blocks of their own.
pub(super) const BETWEEN_THOUGHTS: &str = "\n\n";

/// A member that only its own dialect knows.
pub(super) type Member<'a> = (Text<'a>, Raw<'a>);

/// A call, and where it stands.
pub(super) struct Call<'b> {
    pub(super) call: &'b ToolUse<'b>,
    /// The members of its block that only its dialect knows.
    pub(super) extra: &'b [Member<'b>],
    /// Its block, as losses call it.
    pub(super) path: String,
}

/// The content of one message.
#[derive(Default)]
pub(super) struct Said<'b> {
    texts: Vec<Cow<'b, str>>,
    thoughts: Vec<Cow<'b, str>>,
    images: Vec<&'b str>,
    /// The calls.
    pub(super) calls: Vec<Call<'b>>,
}

impl<'b> Said<'b> {
    /// Gathers `blocks`, naming what has no place. Tool results are messages of their own and passed over.
    pub(super) fn of(blocks: &'b [Block<'b>], path: &str, losses: &mut Losses) -> Self {
        let mut said = Self::default();
        said.gather(blocks, path, losses);
        said
    }

    fn gather(&mut self, blocks: &'b [Block<'b>], path: &str, losses: &mut Losses) {
        for (place, block) in blocks.iter().enumerate() {
            let mut lose = |field: &str, reason: &'static str| {
                losses.add(format!("{path}.content[{place}]{field}"), reason);
            };
            match &block.content {
                Content::Text { text, citations } => {
                    self.texts.push(Cow::Borrowed(text));
                    if !citations.is_empty() {
                        lose(".citations", NO_PLACE);
                    }
                }
                Content::Refusal(text) => {
                    self.texts.push(Cow::Borrowed(text));
                    lose(".refusal", "ollama has no refusals: it is said as text");
                }
                Content::Thinking(thinking) => {
                    if !thinking.text.is_empty() {
                        self.thoughts.push(Cow::Borrowed(&thinking.text));
                    }
                    if thinking.signature.is_some() {
                        lose(".signature", PROOF);
                    }
                }
                Content::ToolUse(call) => {
                    if call.signature.is_some() {
                        lose(".signature", PROOF);
                    }
                    let path = format!("{path}.content[{place}]");
                    self.calls.push(Call { call, extra: &block.extra, path });
                }
                Content::ToolResult(_) => {}
                Content::Image(media) => {
                    match &media.source {
                        Source::Base64(data) => self.images.push(data),
                        _ => lose("", "ollama takes pictures in base64 only"),
                    }
                    if media.detail.as_deref().is_some_and(|detail| detail != "auto") {
                        lose(".detail", NO_PLACE);
                    }
                }
                Content::Audio(Media { source: Source::Base64(data), media_type, .. })
                    if media_type.as_deref().is_some_and(media::is_known_audio) =>
                {
                    self.images.push(data);
                }
                Content::Audio(media) => {
                    lose("", "ollama takes sound in base64 as wav or mp3 only");
                    self.texts.extend(media.context.as_deref().map(Cow::Borrowed));
                }
                Content::Video(_) => lose("", "ollama takes no video"),
                Content::Document(media) => {
                    let text = media.plain_text();
                    let is_said = text.is_some() || matches!(media.source, Source::Blocks(_));
                    let unsaid = [
                        (".name", media.name.is_some() && !is_said),
                        (".context", media.context.is_some() && !is_said),
                        (".cite", media.cite == Some(true)),
                    ];
                    unsaid
                        .iter()
                        .filter(|(_, is_lost)| *is_lost)
                        .for_each(|(field, _)| lose(field, NO_PLACE));
                    match (text, &media.source) {
                        (Some(text), _) => self.texts.push(headed(media, text)),
                        (None, Source::Blocks(blocks)) => {
                            self.texts.extend(media.heading().map(|line| Cow::Borrowed(&**line)));
                            self.gather(blocks, &format!("{path}.content[{place}]"), losses);
                        }
                        _ => lose("", "ollama takes documents as text only"),
                    }
                }
                Content::Foreign { kind, .. } => {
                    losses.add(
                        format!("{path}.content[{place}]"),
                        format!("a block `{kind}` that only its own dialect has"),
                    );
                }
            }
        }
    }

    /// True if nothing is left to say.
    pub(super) fn is_empty(&self) -> bool {
        self.calls.is_empty()
            && self.images.is_empty()
            && [&self.texts, &self.thoughts].into_iter().flatten().all(|text| text.is_empty())
    }

    /// The text, its pieces joined by `glue`.
    pub(super) fn text(&self, glue: &str) -> Cow<'_, str> {
        joined(&self.texts, glue)
    }

    /// The reasoning.
    pub(super) fn thinking(&self) -> Cow<'_, str> {
        joined(&self.thoughts, BETWEEN_THOUGHTS)
    }

    /// Writes `thinking` if there is any.
    pub(super) fn write_thinking(&self, out: &mut Object<'_>) {
        out.maybe("thinking", Some(self.thinking()).filter(|text| !text.is_empty()));
    }

    /// Writes `images` if there are any.
    pub(super) fn write_images(&self, out: &mut Object<'_>) {
        out.maybe("images", Some(&self.images).filter(|images| !images.is_empty()));
    }
}

/// The text of a document, behind what stands before it.
fn headed<'m>(media: &Media<'_>, text: Cow<'m, str>) -> Cow<'m, str> {
    let mut lines: Vec<&str> = media.heading().map(|line| &**line).collect();
    if lines.is_empty() {
        return text;
    }
    lines.push(&text);
    lines.join("\n\n").into()
}

fn joined<'p>(pieces: &'p [Cow<'_, str>], glue: &str) -> Cow<'p, str> {
    match pieces {
        [] => Cow::Borrowed(""),
        [one] => Cow::Borrowed(one),
        several => Cow::Owned(several.join(glue)),
    }
}

/// Names members of a request that only their own dialect knows.
pub(super) fn foreign(extra: &[Member<'_>], path: &str, losses: &mut Losses) {
    for (key, _) in extra {
        losses.add(format!("{path}.{key}"), Loss::CLIENTS_OWN);
    }
}

/// Writes one call, whose block losses call `path`. `index` is its position, which answers have.
pub(super) fn call(
    call: &ToolUse<'_>,
    id: Option<&str>,
    index: Option<u64>,
    extra: &[Member<'_>],
    path: &str,
    losses: &mut Losses,
    out: &mut Object<'_>,
) {
    out.maybe("id", id);
    out.object("function", |out| {
        out.maybe("index", index);
        out.member("name", &call.name);
        let is_plain = call.kind == ToolKind::Custom;
        match arguments(&call.input).filter(|_| !is_plain) {
            Some(object) => out.member("arguments", object),
            None => {
                // Plain text is in that member wherever a function stands for its tool.
                if !is_plain && !call.input.trim().is_empty() {
                    let reason = "arguments are an object here: the text is its member `input`";
                    losses.add(format!("{path}.input"), reason);
                }
                out.object("arguments", |out| {
                    out.maybe("input", Some(&call.input).filter(|input| !input.trim().is_empty()));
                });
            }
        }
        write_function_extra(extra, out);
    });
    for (key, value) in extra.iter().filter(|(key, _)| !key.starts_with(FUNCTION)) {
        out.member(key, value);
    }
}

/// The arguments, if they are an object.
fn arguments(input: &str) -> Option<&RawValue> {
    serde_json::from_str::<&RawValue>(input).ok().filter(|raw| raw.get().starts_with('{'))
}

/// Writes the members that stood in `function`.
pub(super) fn write_function_extra(extra: &[Member<'_>], out: &mut Object<'_>) {
    for (key, value) in extra {
        if let Some(key) = key.strip_prefix(FUNCTION) {
            out.member(key, value);
        }
    }
}
