//! Reads content blocks, as they stand in requests and answers alike.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{
    NAME,
    wire::{Fields, OneOrMany, read, whole},
};
use crate::ir::{
    Block, Citation, Content, Media, Signature, Source, Text, Thinking, ToolKind, ToolResult, ToolUse,
};

/// How deep blocks may hold blocks. The API itself knows two levels: a document of blocks in a tool result.
const MAX_NESTING: u32 = 8;

/// Reads content that is one text or a list of blocks; the error names the block.
pub(super) fn content(raw: &RawValue) -> Result<Vec<Block<'_>>, String> {
    nested(raw, 0)
}

fn nested(raw: &RawValue, depth: u32) -> Result<Vec<Block<'_>>, String> {
    if depth > MAX_NESTING {
        return Err("blocks are nested too deeply".to_owned());
    }
    match OneOrMany::read(raw).map_err(|error| format!("`content`: {error}"))? {
        OneOrMany::Text(text) => Ok(vec![Content::text(text).into()]),
        OneOrMany::Blocks(list) => {
            let numbered = list.into_iter().enumerate();
            let read = numbered
                .map(|(at, fields)| block(fields, depth).map_err(|error| format!("content[{at}]: {error}")));
            read.collect()
        }
    }
}

/// Reads one block of a message.
pub(super) fn block(mut fields: Fields<'_>, depth: u32) -> Result<Block<'_>, String> {
    let kind: Text<'_> =
        fields.peek("type").map(read).transpose()?.ok_or_else(|| "`type` is missing".to_owned())?;
    let known = match &*kind {
        "text" => Some(Content::Text { text: fields.need("text")?, citations: citations(&mut fields)? }),
        "image" => fields.take_if("source", |raw| source(raw, depth)).map(Content::Image),
        "document" => document(&mut fields, depth)?,
        "search_result" => search_result(&mut fields, depth)?,
        "tool_use" => Some(Content::ToolUse(tool_use(&mut fields)?)),
        "tool_result" => Some(Content::ToolResult(tool_result(&mut fields, depth)?)),
        "thinking" => {
            let signature: Option<Text<'_>> = fields.take("signature")?;
            Some(Content::Thinking(Thinking {
                text: fields.take("thinking")?.unwrap_or_default(),
                signature: signature
                    .filter(|signature| !signature.is_empty())
                    .map(|signature| Signature::read(NAME, signature)),
                ..Thinking::default()
            }))
        }
        "redacted_thinking" => Some(Content::Thinking(Thinking {
            signature: Some(Signature::read(NAME, fields.need("data")?)),
            is_redacted: true,
            ..Thinking::default()
        })),
        _ => None,
    };
    let Some(content) = known else {
        // Server tools and their results, compaction, references, and what is newer than this code.
        return Ok(Content::Foreign { origin: NAME, kind, raw: whole(&fields) }.into());
    };
    if kind != "search_result" {
        fields.raw("type");
    }
    let cache = fields.cache();
    Ok(Block { content, cache, extra: fields.rest() })
}

/// `citations` of a text.
fn citations<'a>(fields: &mut Fields<'a>) -> Result<Vec<Citation<'a>>, String> {
    let list: Option<Vec<&RawValue>> = fields.take("citations")?;
    list.unwrap_or_default().into_iter().map(citation).collect()
}

/// One citation of any kind. The indices of all kinds point into the documents, not into the answer, so there is no range.
pub(super) fn citation(raw: &RawValue) -> Result<Citation<'_>, String> {
    let mut fields: Fields<'_> = read(raw)?;
    Ok(Citation {
        text: fields.take("cited_text")?,
        url: fields.take("url")?.or(fields.take("source")?),
        title: fields.take("title")?.or(fields.take("document_title")?),
        range: None,
        origin: NAME,
        raw: Cow::Borrowed(raw),
    })
}

fn document<'a>(fields: &mut Fields<'a>, depth: u32) -> Result<Option<Content<'a>>, String> {
    let Some(mut media) = fields.take_if("source", |raw| source(raw, depth)) else { return Ok(None) };
    media.name = fields.take("title")?;
    media.context = fields.take("context")?;
    media.cite = enabled(fields);
    Ok(Some(Content::Document(media)))
}

/// A search result is a document of blocks whose `type` and `source` stay in `extra`; where it comes from is also said as
/// the document's context, for dialects that do not know search results.
fn search_result<'a>(fields: &mut Fields<'a>, depth: u32) -> Result<Option<Content<'a>>, String> {
    let Some(raw) = fields.raw("content") else { return Ok(None) };
    Ok(Some(Content::Document(Media {
        source: Source::Blocks(nested(raw, depth + 1)?),
        name: fields.take("title")?,
        context: fields.peek_text("source"),
        cite: enabled(fields),
        ..Media::default()
    })))
}

/// `citations: {"enabled": …}` of a document.
fn enabled(fields: &mut Fields<'_>) -> Option<bool> {
    fields.take_if("citations", |raw| {
        let mut fields: Fields<'_> = read(raw).ok()?;
        let enabled = fields.take("enabled").ok()??;
        fields.is_empty().then_some(enabled)
    })
}

/// A source all of whose members are known.
fn source(raw: &RawValue, depth: u32) -> Option<Media<'_>> {
    let mut fields: Fields<'_> = read(raw).ok()?;
    let kind: Text<'_> = fields.need("type").ok()?;
    let source = match &*kind {
        "base64" => Source::Base64(fields.need("data").ok()?),
        "text" => Source::Text(fields.need("data").ok()?),
        "url" => Source::Url(fields.need("url").ok()?),
        "file" => Source::File(fields.need("file_id").ok()?),
        "content" => Source::Blocks(nested(fields.raw("content")?, depth + 1).ok()?),
        _ => return None,
    };
    let media_type = fields.take("media_type").ok()?;
    fields.is_empty().then_some(Media { source, media_type, ..Media::default() })
}

fn tool_use<'a>(fields: &mut Fields<'a>) -> Result<ToolUse<'a>, String> {
    Ok(ToolUse {
        id: filled(fields, "id")?,
        name: filled(fields, "name")?,
        input: fields.raw("input").map_or("{}", RawValue::get).into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    })
}

fn tool_result<'a>(fields: &mut Fields<'a>, depth: u32) -> Result<ToolResult<'a>, String> {
    Ok(ToolResult {
        id: filled(fields, "tool_use_id")?,
        name: None,
        blocks: fields.raw("content").map_or(Ok(Vec::new()), |raw| nested(raw, depth + 1))?,
        is_error: fields.take("is_error")?,
        kind: ToolKind::Function,
    })
}

fn filled<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Text<'a>, String> {
    let text: Text<'a> = fields.need(name)?;
    if text.is_empty() { Err(format!("`{name}` is empty")) } else { Ok(text) }
}
