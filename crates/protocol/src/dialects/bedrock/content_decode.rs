//! Reads the blocks of messages, which requests and answers share.

use serde_json::value::RawValue;

use super::{NAME, citation, media::Kind, proof, wire, write::object};
use crate::{
    dialects::search_result,
    ir::{
        Block, CacheHint, Content, Media, Members, Raw, Role, Source, Text, Thinking, ToolKind, ToolResult,
        ToolUse,
    },
};

/// Reads a JSON value that was kept raw.
pub(super) fn read<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}

/// Reads all blocks of one place. A cache point becomes the hint of the block before it.
pub(super) fn blocks<'a>(wire: Vec<wire::Block<'a>>, role: Role) -> Result<Vec<Block<'a>>, String> {
    let mut blocks: Vec<Block<'a>> = Vec::with_capacity(wire.len());
    for (index, block) in wire.into_iter().enumerate() {
        match block {
            wire::Block::CachePoint(point) => match blocks.last_mut() {
                Some(before) if before.cache.is_none() => match cache_hint(point) {
                    Ok(hint) => before.cache = Some(hint),
                    Err(raw) => blocks.push(foreign("cachePoint", &raw)),
                },
                _ => blocks.push(foreign("cachePoint", &cache_point(&point))),
            },
            block => blocks.push(one(block, role).map_err(|error| format!("[{index}]: {error}"))?),
        }
    }
    Ok(blocks)
}

/// The hint that a cache point is; its JSON again if it is of a kind or has members nobody knows.
pub(super) fn cache_hint<'a>(point: wire::CachePoint<'a>) -> Result<CacheHint<'a>, String> {
    let is_default = point.kind.as_deref().is_none_or(|kind| kind == "default");
    if is_default && point.extra.is_empty() {
        Ok(CacheHint { ttl: point.ttl })
    } else {
        Err(cache_point(&point))
    }
}

fn cache_point(point: &wire::CachePoint<'_>) -> String {
    text(object(|json| {
        json.member_some("type", point.kind.as_deref());
        json.member_some("ttl", point.ttl.as_deref());
        json.members(&point.extra);
    }))
}

fn one<'a>(block: wire::Block<'a>, role: Role) -> Result<Block<'a>, String> {
    Ok(match block {
        wire::Block::Text(text) => Content::text(text).into(),
        wire::Block::Json(raw) => Content::text(raw.get()).into(),
        wire::Block::Image(media) => self::media(Kind::Image, media)?,
        wire::Block::Document(media) => self::media(Kind::Document, media)?,
        wire::Block::Video(media) => self::media(Kind::Video, media)?,
        wire::Block::Audio(media) => self::media(Kind::Audio, media)?,
        wire::Block::ToolUse(raw) => tool_use(raw)?,
        wire::Block::ToolResult(result) => tool_result(result, role)?,
        wire::Block::Reasoning(reasoning) => self::reasoning(reasoning)?,
        wire::Block::Citations(cited) => self::cited(cited)?,
        wire::Block::CachePoint(point) => foreign("cachePoint", &cache_point(&point)),
        wire::Block::Other(key, raw) if key == SEARCH_RESULT => {
            search_result(raw).unwrap_or_else(|| foreign(&key, raw.get()))
        }
        wire::Block::Other(key, raw) => foreign(&key, raw.get()),
    })
}

/// A block that only Converse has: the object with its one member.
fn foreign(member: &str, value: &str) -> Block<'static> {
    let raw = object(|json| json.member(member, value));
    Content::Foreign { origin: NAME, kind: member.to_owned().into(), raw: owned(raw) }.into()
}

/// Bytes that are JSON because this dialect wrote them.
pub(super) fn owned(json: Vec<u8>) -> Raw<'static> {
    let raw = String::from_utf8(json).ok().and_then(|json| RawValue::from_string(json).ok());
    Raw::Owned(raw.unwrap_or_else(|| RawValue::NULL.to_owned()))
}

/// Keeps what nobody knows of the inner object `member`: under its name, as an object of what is left.
pub(super) fn keep_rest(extra: &mut Members<'_>, member: &'static str, rest: &Members<'_>) {
    if !rest.is_empty() {
        extra.push((member.into(), owned(object(|json| json.members(rest)))));
    }
}

fn text(json: Vec<u8>) -> String {
    String::from_utf8(json).unwrap_or_default()
}

fn media<'a>(kind: Kind, wire: wire::Media<'a>) -> Result<Block<'a>, String> {
    let mut extra = wire.extra;
    if let Some(citations) = &wire.citations {
        keep_rest(&mut extra, "citations", &citations.extra);
    }
    let source = wire.source.ok_or_else(|| format!("{}: source is missing", kind.member()))?;
    let source = match source {
        wire::Source { bytes: Some(bytes), .. } => Source::Base64(bytes),
        wire::Source { text: Some(text), .. } => Source::Text(text),
        wire::Source { content: Some(content), .. } => Source::Blocks(blocks(content, Role::User)?),
        wire::Source { s3: Some(raw), .. } => {
            let place: wire::S3<'a> = read(raw)?;
            if !place.extra.is_empty() {
                let whole = object(|json| json.member("s3Location", raw.get()));
                extra.push(("source".into(), owned(whole)));
            }
            Source::File(place.uri.ok_or("s3Location: uri is missing")?)
        }
        _ => return Err(format!("{}: source has none of bytes, text, content, s3Location", kind.member())),
    };
    let media = Media {
        source,
        media_type: wire.format.map(|format| kind.media_type(&format).into()),
        name: wire.name,
        context: wire.context,
        detail: None,
        cite: wire.citations.and_then(|citations| citations.enabled),
    };
    let content = match kind {
        Kind::Image => Content::Image(media),
        Kind::Document => Content::Document(media),
        Kind::Video => Content::Video(media),
        Kind::Audio => Content::Audio(media),
    };
    Ok(Block { content, cache: None, extra })
}

/// The member that a search result is in.
const SEARCH_RESULT: &str = "searchResult";

/// A search result that has all that is required of one (API description, `SearchResultBlock`). As in other dialects,
/// where it is from is also said as the document's context.
fn search_result(raw: &RawValue) -> Option<Block<'_>> {
    let wire: wire::SearchResult<'_> = read(raw).ok()?;
    let (source, title) = (wire.source?, wire.title?);
    // A member of the name of one that marks a search result would be taken for it.
    if wire.extra.iter().any(|(name, _)| search_result::MEMBERS.contains(&&**name)) {
        return None;
    }
    let mut extra = search_result::members(&source);
    extra.extend(wire.extra);
    if let Some(citations) = &wire.citations {
        keep_rest(&mut extra, "citations", &citations.extra);
    }
    let media = Media {
        source: Source::Blocks(blocks(wire.content?, Role::User).ok()?),
        name: Some(title),
        context: Some(source),
        cite: wire.citations.and_then(|citations| citations.enabled),
        ..Media::default()
    };
    Some(Block { content: Content::Document(media), cache: None, extra })
}

/// What `type` says of a call of the client's own tool; it means the same as no type.
const CLIENT_TOOL: &str = "tool_use";

fn tool_use<'a>(raw: &'a RawValue) -> Result<Block<'a>, String> {
    let wire: wire::ToolUse<'a> = read(raw).map_err(|error| format!("toolUse: {error}"))?;
    if let Some(kind) = wire.kind.filter(|kind| *kind != CLIENT_TOOL) {
        let raw = object(|json| json.member("toolUse", raw.get()));
        return Ok(Content::Foreign { origin: NAME, kind, raw: owned(raw) }.into());
    }
    let content = Content::ToolUse(ToolUse {
        id: wire.id.filter(|id| !id.is_empty()).ok_or("toolUse: toolUseId is missing")?,
        name: wire.name.filter(|name| !name.is_empty()).ok_or("toolUse: name is missing")?,
        input: wire.input.map_or("{}", RawValue::get).into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    });
    Ok(Block { content, cache: None, extra: wire.extra })
}

/// A result in an answer of the model is that of a tool the provider ran.
fn tool_result<'a>(raw: &'a RawValue, role: Role) -> Result<Block<'a>, String> {
    let wire: wire::ToolResult<'a> = read(raw).map_err(|error| format!("toolResult: {error}"))?;
    if role == Role::Assistant || wire.kind.is_some() {
        let kind = wire.kind.unwrap_or_else(|| "toolResult".into());
        let raw = object(|json| json.member("toolResult", raw.get()));
        return Ok(Content::Foreign { origin: NAME, kind, raw: owned(raw) }.into());
    }
    let is_error = match wire.status.as_deref() {
        Some("error") => Some(true),
        Some("success") => Some(false),
        Some(other) => return Err(format!("toolResult: status is `success` or `error`, not `{other}`")),
        None => None,
    };
    let content = wire.content.unwrap_or_default();
    let content = Content::ToolResult(ToolResult {
        id: wire.id.filter(|id| !id.is_empty()).ok_or("toolResult: toolUseId is missing")?,
        name: None,
        blocks: blocks(content, Role::User).map_err(|error| format!("toolResult: content{error}"))?,
        is_error,
        kind: ToolKind::Function,
    });
    Ok(Block { content, cache: None, extra: wire.extra })
}

fn reasoning<'a>(wire: wire::Reasoning<'a>) -> Result<Block<'a>, String> {
    let mut extra = wire.extra;
    let thinking = match (wire.text, wire.redacted) {
        (Some(text), None) => {
            keep_rest(&mut extra, "reasoningText", &text.extra);
            Thinking {
                text: text.text.unwrap_or_default(),
                signature: text.signature.map(proof::unsign),
                ..Thinking::default()
            }
        }
        (None, Some(redacted)) => {
            Thinking { signature: Some(proof::unseal(redacted)), is_redacted: true, ..Thinking::default() }
        }
        _ => return Err("reasoningContent: has to have one of reasoningText and redactedContent".to_owned()),
    };
    Ok(Block { content: Content::Thinking(thinking), cache: None, extra })
}

fn cited<'a>(wire: wire::CitationsContent<'a>) -> Result<Block<'a>, String> {
    let mut said: Option<Text<'a>> = None;
    for block in wire.content.unwrap_or_default() {
        let wire::Block::Text(text) = block else {
            return Err("citationsContent: content has to be text".to_owned());
        };
        said = Some(match said {
            None => text,
            Some(before) => format!("{before}{text}").into(),
        });
    }
    let citations =
        wire.citations.unwrap_or_default().into_iter().map(citation::decode).collect::<Result<_, _>>()?;
    let content = Content::Text { text: said.unwrap_or_default(), citations };
    Ok(Block { content, cache: None, extra: wire.extra })
}
