//! Content parts towards a provider: what a block becomes here, or why it is lost.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    NAME,
    decode_parts::CACHE_CONTROL_DEFAULT,
    object::{DataUrl, Writer, object_into},
    reasoning,
};
use crate::ir::{Block, CacheHint, Content, Losses, Media, Source};

/// A block in the words of this dialect, borrowed until it is written.
pub(super) struct Part<'r> {
    pub(super) what: What<'r>,
    /// The block it comes from, for its cache hint and kept members; those of other dialects are lost.
    pub(super) block: Option<&'r Block<'r>>,
}

pub(super) enum What<'r> {
    Text(Cow<'r, str>),
    Image { url: Url<'r>, detail: Option<&'r str> },
    Video { url: Url<'r> },
    Audio { data: &'r str, format: &'r str },
    File { content: FileContent<'r>, name: Option<Cow<'r, str>> },
    Thinking(&'r str),
    Raw(&'r RawValue),
}

pub(super) enum FileContent<'r> {
    Id(&'r str),
    Data(Url<'r>),
}

pub(super) enum Url<'r> {
    Plain(&'r str),
    Data(DataUrl<'r>),
}

impl Serialize for Url<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(url) => serializer.serialize_str(url),
            Self::Data(url) => url.serialize(serializer),
        }
    }
}

impl Part<'_> {
    /// True for text with nothing else to say about it, which can stand as a bare string.
    pub(super) fn is_plain(&self) -> bool {
        let is_bare = self.block.is_none_or(|block| block.cache.is_none() && block.extra.is_empty());
        is_bare && matches!(self.what, What::Text(_))
    }
}

/// Turns a block of a user's message or of a tool result into parts, or names why it is lost. `home` says that the
/// request was decoded from this dialect, so that what only clones take goes back to where it came from.
pub(super) fn say<'r>(
    block: &'r Block<'r>,
    home: bool,
    path: &str,
    losses: &mut Losses,
    parts: &mut Vec<Part<'r>>,
) {
    let what = match &block.content {
        Content::Text { text, citations } => {
            if !citations.is_empty() {
                losses.add(format!("{path}.citations"), "requests cannot say what backs a text");
            }
            if text.is_empty() {
                return;
            }
            Ok(What::Text(Cow::Borrowed(text)))
        }
        Content::Image(media) => image(media),
        Content::Video(media) if home => {
            link(media).map(|url| What::Video { url }).ok_or("no such video source")
        }
        Content::Video(_) => Err("no videos"),
        Content::Audio(media) => audio(media),
        Content::Document(media) => {
            if let Source::Blocks(blocks) = &media.source {
                document_limits(media, path, losses);
                only_at_home(block, home, path, losses);
                if let Some(text) = heading(media) {
                    parts.push(Part { what: What::Text(text.into()), block: None });
                }
                for (place, block) in blocks.iter().enumerate() {
                    say(block, home, &format!("{path}.content[{place}]"), losses, parts);
                }
                return;
            }
            document(media, home)
        }
        Content::Thinking(thinking) if home && is_part(thinking) => Ok(What::Thinking(&thinking.text)),
        Content::Foreign { origin, raw, .. } if *origin == NAME => Ok(What::Raw(raw)),
        Content::Foreign { .. } => Err("only its own dialect has it"),
        Content::ToolUse(_) | Content::ToolResult(_) | Content::Thinking(_) | Content::Refusal(_) => {
            Err("it does not belong into this role")
        }
    };
    match what {
        Err(reason) => losses.add(path, reason),
        Ok(what) => {
            if let Content::Image(media) | Content::Document(media) | Content::Audio(media) = &block.content {
                document_limits(media, path, losses);
                let is_told = matches!(block.content, Content::Document(_));
                if media.name.is_some() && !is_told {
                    losses.add(format!("{path}.name"), "only files have names");
                }
            }
            only_at_home(block, home, path, losses);
            parts.push(Part { what, block: home.then_some(block) });
        }
    }
}

/// Names the kept members and the cache hint of a block from another dialect. The hint is not sent although OpenAI has
/// a place for it: OpenAI caches without being told, and other servers of this dialect refuse the member.
pub(super) fn only_at_home(block: &Block<'_>, home: bool, path: &str, losses: &mut Losses) {
    if home {
        return;
    }
    if block.cache.is_some() {
        losses.add(format!("{path}.cache"), "caching is not steered by marks here");
    }
    for (name, _) in &block.extra {
        losses.add(format!("{path}.{name}"), "no such member here");
    }
}

fn document_limits(media: &Media<'_>, path: &str, losses: &mut Losses) {
    if media.cite == Some(true) {
        losses.add(format!("{path}.cite"), "documents cannot be cited here");
    }
    let is_said = media.plain_text().is_some() || matches!(media.source, Source::Blocks(_));
    if media.context.is_some() && !is_said {
        losses.add(format!("{path}.context"), "files have no context here");
    }
}

pub(super) fn is_part(thinking: &crate::ir::Thinking<'_>) -> bool {
    thinking.signature.as_ref().and_then(|signature| signature.at_home(NAME)) == Some(reasoning::AS_PART)
}

fn image<'r>(media: &'r Media<'r>) -> Result<What<'r>, &'static str> {
    let detail = media.detail.as_deref();
    let url = match &media.source {
        Source::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or_else(|| image_type(data));
            Url::Data(DataUrl { media_type, data })
        }
        Source::Url(url) => Url::Plain(url),
        Source::File(_) => return Err("pictures are not taken by a file's id: send the bytes or a URL"),
        Source::Text(_) | Source::Blocks(_) => return Err("pictures are bytes or a URL here"),
    };
    Ok(What::Image { url, detail })
}

fn link<'r>(media: &'r Media<'r>) -> Option<Url<'r>> {
    match &media.source {
        Source::Url(url) => Some(Url::Plain(url)),
        Source::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("video/mp4");
            Some(Url::Data(DataUrl { media_type, data }))
        }
        Source::Text(_) | Source::Blocks(_) | Source::File(_) => None,
    }
}

/// What a picture is by its first bytes, for a dialect that did not say.
fn image_type(base64: &str) -> &'static str {
    match base64.as_bytes() {
        [b'/', b'9', b'j', ..] => "image/jpeg",
        [b'R', b'0', b'l', ..] => "image/gif",
        [b'U', b'k', b'l', ..] => "image/webp",
        _ => "image/png",
    }
}

fn audio<'r>(media: &'r Media<'r>) -> Result<What<'r>, &'static str> {
    let Source::Base64(data) = &media.source else { return Err("sound is bytes here") };
    let media_type = media.media_type.as_deref().unwrap_or("audio/wav");
    let format = match media_type.strip_prefix("audio/").unwrap_or(media_type) {
        "mpeg" | "mpeg3" | "x-mpeg" => "mp3",
        "x-wav" | "wave" | "vnd.wave" => "wav",
        other => other,
    };
    Ok(What::Audio { data, format })
}

/// OpenAI takes bytes only with a name, and text only as text: then name and context stand before it.
fn document<'r>(media: &'r Media<'r>, home: bool) -> Result<What<'r>, &'static str> {
    let name = media.name.as_deref().map(Cow::Borrowed);
    // At home a file goes back as the file that it was.
    let text = media.plain_text().filter(|_| !home || matches!(media.source, Source::Text(_)));
    if let Some(text) = text {
        return Ok(What::Text(match heading(media) {
            Some(heading) => format!("{heading}\n\n{text}").into(),
            None => text,
        }));
    }
    let content = match &media.source {
        Source::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or("application/pdf");
            let name = name.or_else(|| {
                let ending = media_type.rsplit('/').next().filter(|ending| ending.len() < 6).unwrap_or("bin");
                (!home).then(|| format!("document.{ending}").into())
            });
            let url = match &media.media_type {
                // The client left the prefix off, for a server that wants it so.
                None if home => Url::Plain(data),
                _ => Url::Data(DataUrl { media_type, data }),
            };
            return Ok(What::File { content: FileContent::Data(url), name });
        }
        Source::Url(url) if home => FileContent::Data(Url::Plain(url)),
        Source::Url(_) => return Err("documents by URL are not taken"),
        Source::File(id) if is_our_file(id, home) => FileContent::Id(id),
        Source::File(_) => return Err("it lies in another provider's store"),
        Source::Text(_) | Source::Blocks(_) => return Err("a document of blocks"),
    };
    Ok(What::File { content, name })
}

/// What stands before the text of a document: its name and what the client says about it.
fn heading(media: &Media<'_>) -> Option<String> {
    let head: Vec<&str> = media.heading().map(|text| &**text).collect();
    (!head.is_empty()).then(|| head.join("\n\n"))
}

/// Files of this dialect's own API, whichever of its endpoints named them, begin like this.
fn is_our_file(id: &str, home: bool) -> bool {
    home || id.starts_with("file-")
}

/// Appends a part as an object.
pub(super) fn write(out: &mut Vec<u8>, part: &Part<'_>) {
    let none = Vec::new();
    let extra = part.block.map_or(&none, |block| &block.extra);
    let inner = match &part.what {
        What::Raw(raw) => return out.extend_from_slice(raw.get().as_bytes()),
        What::Text(_) | What::Thinking(_) => "",
        What::Image { .. } => "image_url",
        What::Video { .. } => "video_url",
        What::Audio { .. } => "input_audio",
        What::File { .. } => "file",
    };
    object_into(out, |object| {
        object.put("type", if inner.is_empty() { kind_of_text(&part.what) } else { inner });
        match &part.what {
            What::Text(text) => object.put("text", text),
            What::Thinking(text) => {
                object.value("thinking").extend_from_slice(b"[");
                let out = object.raw();
                object_into(out, |piece| {
                    piece.put("type", "text");
                    piece.put("text", text);
                });
                out.push(b']');
            }
            What::Image { url, detail } => object.object(inner, |object| {
                object.put("url", url);
                object.put_some("detail", detail.as_ref());
                object.inner_extra(extra, inner);
            }),
            What::Video { url } => object.object(inner, |object| {
                object.put("url", url);
                object.inner_extra(extra, inner);
            }),
            What::Audio { data, format } => object.object(inner, |object| {
                object.put("data", data);
                object.put("format", format);
                object.inner_extra(extra, inner);
            }),
            What::File { content, name } => object.object(inner, |object| {
                object.put_some("filename", name.as_ref());
                match content {
                    FileContent::Id(id) => object.put("file_id", id),
                    FileContent::Data(data) => object.put("file_data", data),
                }
                object.inner_extra(extra, inner);
            }),
            What::Raw(_) => {}
        }
        object.extra(extra, &[inner]);
        cache(object, part.block.and_then(|block| block.cache.as_ref()));
    });
}

fn kind_of_text(what: &What<'_>) -> &'static str {
    if matches!(what, What::Thinking(_)) { "thinking" } else { "text" }
}

/// Writes a cache hint of this dialect back in the spelling it came in.
pub(super) fn cache(object: &mut Writer<'_>, hint: Option<&CacheHint<'_>>) {
    match hint {
        None => {}
        Some(CacheHint { ttl: None }) => {
            object.object("prompt_cache_breakpoint", |object| object.put("mode", "explicit"));
        }
        Some(CacheHint { ttl: Some(ttl) }) => object.object("cache_control", |object| {
            object.put("type", "ephemeral");
            if *ttl != *CACHE_CONTROL_DEFAULT {
                object.put("ttl", ttl);
            }
        }),
    }
}
