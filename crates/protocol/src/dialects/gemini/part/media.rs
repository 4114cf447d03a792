//! Pictures, documents, sound and films: here in base64, or somewhere that Gemini fetches them from.

use super::{
    super::write::{Array, Object},
    Place, is_in_store,
    write::Writer,
};
use crate::ir::{Block, Content, Media, Members, Source, ToolResult};

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

/// Media types that go inside the response of a function. Source: ai.google.dev/gemini-api/docs/function-calling,
/// "multimodal function responses".
const INSIDE: &[&str] = &["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"];

/// Media that stand beside the tool result they belong to.
pub(super) struct Beside<'w> {
    pub(super) result: &'w ToolResult<'w>,
    pub(super) media: Vec<(&'w Block<'w>, Place)>,
}

/// True if the response of a function can hold the medium itself: the Gemini API takes only bytes there (discovery
/// document, schema `FunctionResponsePart`).
pub(super) fn goes_inside(media: &Media<'_>) -> bool {
    let is_known = media.media_type.as_deref().is_some_and(|mime| INSIDE.contains(&mime));
    is_known && matches!(media.source, Source::Base64(_))
}

/// True for a document that is said as text.
pub(super) fn is_text(media: &Media<'_>) -> bool {
    matches!(media.source, Source::Text(_) | Source::Blocks(_))
}

pub(super) fn media_of<'b>(block: &'b Block<'b>) -> Option<&'b Media<'b>> {
    match &block.content {
        Content::Image(media) | Content::Document(media) | Content::Audio(media) | Content::Video(media) => {
            Some(media)
        }
        _ => None,
    }
}

/// The media type that the ending of an address says.
fn type_of(uri: &str) -> Option<&'static str> {
    let path = uri.split(['?', '#']).next().unwrap_or(uri).to_ascii_lowercase();
    TYPES.iter().find(|(ending, _)| path.ends_with(ending)).map(|row| row.1)
}

/// How closely to look at a picture, in Gemini's word, if there is one. Source: discovery document,
/// `Part.mediaResolution`.
fn resolution(detail: &str) -> Option<&'static str> {
    match detail {
        "low" => Some("MEDIA_RESOLUTION_LOW"),
        "high" => Some("MEDIA_RESOLUTION_HIGH"),
        _ => None,
    }
}

impl<'w> Writer<'w> {
    /// Writes the part that a medium is; `extra` are the members of its block.
    pub(super) fn media(
        &mut self,
        media: &'w Media<'w>,
        extra: &Members<'_>,
        place: Place,
        parts: &mut Array<'_>,
    ) {
        let mut lose = |reason| self.losses.add(format!("{place}.source"), reason);
        let mime = media.media_type.as_deref();
        let (key, mime, place_key, value) = match &media.source {
            Source::Base64(_) if mime.is_none() => return lose("media without their type"),
            Source::Base64(data) => ("inlineData", mime, "data", data),
            Source::File(uri) if !self.at_home && !is_in_store(uri) => {
                return lose("a file in the store of another provider");
            }
            Source::Url(uri) | Source::File(uri) => {
                ("fileData", mime.or_else(|| type_of(uri)), "fileUri", uri)
            }
            Source::Text(text) => {
                let lines: Vec<&str> = media.heading().chain([text]).map(|line| &**line).collect();
                return parts.object(|part| part.text("text", &lines.join("\n\n")));
            }
            Source::Blocks(blocks) => {
                media.heading().for_each(|line| parts.object(|part| part.text("text", line)));
                return blocks.iter().for_each(|block| self.block(block, place, parts));
            }
        };
        let resolution = self.resolution(media, place);
        parts.object(|part| {
            part.object(key, |object| {
                if let Some(mime) = mime {
                    object.text("mimeType", mime);
                }
                object.text(place_key, value);
                self.named(media, object);
                if self.at_home {
                    object.members_under(&format!("{key}."), extra);
                }
            });
            if let Some(level) = resolution {
                part.object("mediaResolution", |object| object.text("level", level));
            }
            self.extra(part, extra);
        });
    }

    /// Writes a sound, or else the words that it says, if they are known.
    pub(super) fn sound(
        &mut self,
        media: &'w Media<'w>,
        extra: &Members<'_>,
        place: Place,
        parts: &mut Array<'_>,
    ) {
        let before = parts.len();
        self.media(media, extra, place, parts);
        let is_said = parts.len() > before;
        let words = media.context.as_deref().filter(|words| !words.trim().is_empty());
        match words.filter(|_| !self.at_home) {
            Some(_) if is_said => {
                self.losses.add(format!("{place}.transcript"), "Gemini has no such field");
            }
            Some(words) => parts.object(|part| part.text("text", words)),
            None => {}
        }
        if media.name.is_some() && !self.at_home {
            self.losses.add(format!("{place}.id"), "Gemini has no such field");
        }
    }

    /// Names what is said beside a medium and Gemini cannot say.
    pub(super) fn lose_beside(&mut self, media: &Media<'_>, place: Place) {
        let mut lose = |field: &str, reason| self.losses.add(format!("{place}.{field}"), reason);
        if media.cite == Some(true) {
            lose("citations", "Gemini cites no documents of the client");
        }
        if is_text(media) {
            // Name and context stand before the text.
            return;
        }
        if media.context.is_some() {
            lose("context", "Gemini has no such field");
        }
        if media.name.is_some() && !self.at_home {
            lose("name", "Gemini takes no file names");
        }
    }

    fn named(&self, media: &Media<'_>, object: &mut Object<'_>) {
        if let Some(name) = media.name.as_deref().filter(|_| self.at_home) {
            object.text("displayName", name);
        }
    }

    /// How closely to look at the medium: Gemini 3 can be told for each part, but not within a function's response.
    fn resolution(&mut self, media: &Media<'_>, place: Place) -> Option<&'static str> {
        let detail = media.detail.as_deref().filter(|detail| *detail != "auto")?;
        let level = resolution(detail).filter(|_| self.is_gemini_3 && !self.is_inside);
        if level.is_none() {
            self.losses.add(format!("{place}.detail"), "the model cannot be told so here");
        }
        level
    }
}
