//! Content parts, annotations, tool calls and reasoning, as requests and answers share them: from the wire.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    object::{arguments, keep_inner, object, read, split_data_url},
    reasoning,
};
use crate::ir::{
    Block, CacheHint, Citation, Content, Media, Members, Signature, Source, Text, Thinking, ToolKind, ToolUse,
};

object! {
    Part<'a> {
        kind = "type": Text<'a>,
        text = "text": Text<'a>,
        refusal = "refusal": Text<'a>,
        thinking = "thinking": &'a RawValue,
        image_url = "image_url": &'a RawValue,
        video_url = "video_url": &'a RawValue,
        input_audio = "input_audio": InputAudio<'a>,
        file = "file": File<'a>,
        cache_control = "cache_control": CacheControl<'a>,
        breakpoint = "prompt_cache_breakpoint": &'a RawValue,
    }
}

object! {
    Url<'a> {
        url = "url": Text<'a>,
        detail = "detail": Text<'a>,
    }
}

object! {
    InputAudio<'a> {
        data = "data": Text<'a>,
        format = "format": Text<'a>,
    }
}

object! {
    File<'a> {
        data = "file_data": Text<'a>,
        id = "file_id": Text<'a>,
        name = "filename": Text<'a>,
    }
}

object! {
    /// The mark of Anthropic's and OpenRouter's spelling, which clients put on parts and tools here too.
    CacheControl<'a> {
        kind = "type": Text<'a>,
        ttl = "ttl": Text<'a>,
    }
}

/// The lifetime that `cache_control` means when it names none. A hint without any is OpenAI's own breakpoint.
pub(super) const CACHE_CONTROL_DEFAULT: &str = "5m";

/// Reads the two spellings of a cache hint.
pub(super) fn cache_hint<'a>(
    control: Option<CacheControl<'a>>,
    has_breakpoint: bool,
) -> Option<CacheHint<'a>> {
    match control {
        Some(control) => Some(CacheHint { ttl: Some(control.ttl.unwrap_or(CACHE_CONTROL_DEFAULT.into())) }),
        None => has_breakpoint.then_some(CacheHint { ttl: None }),
    }
}

/// Reads one part of a message's content; what has a type nobody here knows is kept whole.
pub(super) fn part<'a>(raw: &'a RawValue) -> Result<Block<'a>, String> {
    let Part {
        kind,
        text,
        refusal,
        thinking,
        image_url,
        video_url,
        input_audio,
        file,
        cache_control,
        breakpoint,
        mut extra,
    } = match raw.get().as_bytes().first() {
        // Some clients put bare strings into the list.
        Some(b'"') => Part { kind: Some("text".into()), text: read(raw), ..Part::default() },
        _ => serde_json::from_str(raw.get()).map_err(|error| error.to_string())?,
    };
    let kind = kind.ok_or("`type` is missing")?;
    let missing = |member: &str| format!("`{member}` is missing");
    let content = match &*kind {
        "text" => Content::text(text.ok_or_else(|| missing("text"))?),
        "refusal" => Content::Refusal(refusal.ok_or_else(|| missing("refusal"))?),
        "image_url" => {
            Content::Image(url(image_url.ok_or_else(|| missing("image_url"))?, "image_url", &mut extra)?)
        }
        "video_url" => {
            Content::Video(url(video_url.ok_or_else(|| missing("video_url"))?, "video_url", &mut extra)?)
        }
        "input_audio" => {
            let audio = input_audio.ok_or_else(|| missing("input_audio"))?;
            keep_inner(&mut extra, "input_audio", audio.extra);
            Content::Audio(Media {
                source: Source::Base64(audio.data.ok_or_else(|| missing("input_audio.data"))?),
                media_type: audio.format.map(|format| format!("audio/{format}").into()),
                ..Media::default()
            })
        }
        "file" => {
            let file = file.ok_or_else(|| missing("file"))?;
            keep_inner(&mut extra, "file", file.extra);
            let (source, media_type) = match (file.id, file.data) {
                (Some(id), _) => (Source::File(id), None),
                (None, Some(data)) => data_or_url(data),
                (None, None) => return Err(missing("file.file_data")),
            };
            Content::Document(Media { source, media_type, name: file.name, ..Media::default() })
        }
        "thinking" => Content::Thinking(Thinking {
            text: thinking_text(thinking.ok_or_else(|| missing("thinking"))?),
            signature: Some(Signature::new(NAME, reasoning::AS_PART)),
            ..Thinking::default()
        }),
        _ => {
            return Ok(Content::Foreign { origin: NAME, kind, raw: Cow::Borrowed(raw) }.into());
        }
    };
    Ok(Block { content, cache: cache_hint(cache_control, breakpoint.is_some()), extra })
}

/// Reads `{"url": ...}`, or the bare URL that some servers take.
fn url<'a>(raw: &'a RawValue, member: &str, extra: &mut Members<'a>) -> Result<Media<'a>, String> {
    let Url { url, detail, extra: inner } = match read(raw) {
        Some(url) => Url { url: Some(url), ..Url::default() },
        None => serde_json::from_str(raw.get()).map_err(|error| format!("`{member}`: {error}"))?,
    };
    keep_inner(extra, member, inner);
    let url = url.ok_or_else(|| format!("`{member}.url` is missing"))?;
    let (source, media_type) = match split_data_url(&url) {
        Some((media_type, data)) => (Source::Base64(data), media_type),
        None => (Source::Url(url), None),
    };
    Ok(Media { source, media_type, detail, ..Media::default() })
}

/// `file_data` is a data URL; some clients leave its prefix off, some servers take other URLs.
fn data_or_url(data: Text<'_>) -> (Source<'_>, Option<Text<'_>>) {
    match split_data_url(&data) {
        Some((media_type, data)) => (Source::Base64(data), media_type),
        None if data.contains("://") => (Source::Url(data), None),
        None => (Source::Base64(data), None),
    }
}

/// The text of Mistral's `thinking`: a list of text parts, or a string.
pub(super) fn thinking_text(raw: &RawValue) -> Text<'_> {
    object! {
        Piece<'a> {
            text = "text": Text<'a>,
        }
    }
    if let Some(text) = read(raw) {
        return text;
    }
    let pieces: Vec<Piece<'_>> = read(raw).unwrap_or_default();
    let mut texts = pieces.into_iter().filter_map(|piece| piece.text);
    let first = texts.next().unwrap_or_default();
    texts.fold(first, |all, text| (all.into_cow() + text.into_cow()).into_owned().into())
}

object! {
    /// A call, whole or a part of one in a stream.
    Call<'a> {
        index = "index": u64,
        id = "id": Text<'a>,
        kind = "type": Text<'a>,
        function = "function": Function<'a>,
        custom = "custom": Custom<'a>,
        extra_content = "extra_content": &'a RawValue,
    }
}

object! {
    /// The call of a function; the older form of a call is only this.
    Function<'a> {
        name = "name": Text<'a>,
        arguments = "arguments": &'a RawValue,
    }
}

object! {
    /// The call of a custom tool.
    Custom<'a> {
        name = "name": Text<'a>,
        input = "input": Text<'a>,
    }
}

/// Reads a whole call; `made_up` gives an id to one that has none.
pub(super) fn call<'a>(call: Call<'a>, made_up: impl FnOnce(&str) -> String) -> Result<Block<'a>, String> {
    let mut extra = call.extra;
    let (name, input, kind) = match (call.function, call.custom) {
        (Some(function), _) => {
            keep_inner(&mut extra, "function", function.extra);
            (function.name, function.arguments.map(arguments).unwrap_or_default(), ToolKind::Function)
        }
        (None, Some(custom)) => {
            keep_inner(&mut extra, "custom", custom.extra);
            (custom.name, custom.input.unwrap_or_default(), ToolKind::Custom)
        }
        (None, None) => return Err("`function` is missing".to_owned()),
    };
    let name = name.filter(|name| !name.is_empty()).ok_or("`function.name` is missing")?;
    let is_blank = kind == ToolKind::Function && input.trim_ascii().is_empty();
    Ok(Block {
        content: Content::ToolUse(ToolUse {
            id: call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| made_up(&name).into()),
            name,
            input: if is_blank { "{}".into() } else { input },
            kind,
            signature: call.extra_content.map(|raw| Signature::new(NAME, raw.get())),
            item: None,
        }),
        cache: None,
        extra,
    })
}

object! {
    Annotation<'a> {
        kind = "type": Text<'a>,
        url_citation = "url_citation": UrlCitation<'a>,
    }
}

object! {
    UrlCitation<'a> {
        url = "url": Text<'a>,
        title = "title": Text<'a>,
        content = "content": Text<'a>,
        start = "start_index": u64,
        end = "end_index": u64,
    }
}

/// Reads one of the `annotations` of an answer.
pub(super) fn citation(raw: &RawValue) -> Citation<'_> {
    let url = read::<Annotation<'_>>(raw).and_then(|annotation| annotation.url_citation).unwrap_or_default();
    Citation {
        text: url.content,
        url: url.url,
        title: url.title,
        range: url.start.zip(url.end),
        origin: NAME,
        raw: Cow::Borrowed(raw),
    }
}
