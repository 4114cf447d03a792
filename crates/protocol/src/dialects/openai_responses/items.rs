//! Reads items, which inputs and outputs consist of, as blocks.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    HERE, media,
    wire::{self, Annotation, Call, CallOutput, Kind, Part, TextOr, reason},
};
use crate::ir::{
    Block, CacheHint, Citation, Content, Members, Raw, Role, Signature, Text, Thinking, ToolKind, ToolResult,
    ToolUse,
};

/// One item.
pub(super) enum Item<'a> {
    /// A message.
    Message {
        /// Who speaks.
        role: Role,
        /// The item's id.
        id: Option<Text<'a>>,
        /// Its parts.
        blocks: Vec<Block<'a>>,
        /// What the item says beyond them, e.g. `phase`.
        extra: Members<'a>,
    },
    /// Anything else that is the model's: reasoning, a call, what a tool of the provider did.
    Model(Vec<Block<'a>>),
    /// Anything else that is the client's: what its tools gave back, its approvals.
    Client(Block<'a>),
}

/// Foreign items that the client writes; all others are the model's.
const CLIENT_KINDS: &[&str] = &[
    "computer_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "mcp_approval_response",
    "additional_tools",
    "compaction_trigger",
];

/// Marks the proof of a block that is nothing but its proof, behind the tag of another dialect's signature: the item
/// itself could not tell it from reasoning that is not shown. No provider's proof has a colon in it.
pub(super) const REDACTED: &str = "redacted:";

/// Reads one item. The error says what is wrong and where in the item.
pub(super) fn item(raw: &RawValue) -> Result<Item<'_>, String> {
    let kind: Kind<'_> = parse(raw)?;
    match kind.r#type.as_deref() {
        Some("message") => message(raw),
        // An easy message needs no type, and a reference may come without one.
        None if kind.role.is_some() => message(raw),
        Some("function_call") => call(raw, ToolKind::Function),
        Some("custom_tool_call") => call(raw, ToolKind::Custom),
        Some("function_call_output") => output(raw, ToolKind::Function),
        Some("custom_tool_call_output") => output(raw, ToolKind::Custom),
        Some("reasoning") => reasoning(raw),
        Some(part) if KNOWN_PARTS.contains(&part) => {
            Err(format!("`type`: `{part}` is a part of a message, not an item"))
        }
        _ => {
            let kind = kind.r#type.unwrap_or_else(|| "item_reference".into());
            let is_clients = CLIENT_KINDS.contains(&&*kind);
            let block = Content::Foreign { origin: HERE, kind, raw: Cow::Borrowed(raw) }.into();
            Ok(if is_clients { Item::Client(block) } else { Item::Model(vec![block]) })
        }
    }
}

/// Reads one item of an answer.
pub(super) fn output_item(raw: &RawValue) -> Result<Vec<Block<'_>>, String> {
    Ok(match item(raw)? {
        Item::Message { mut blocks, extra, .. } => {
            if let Some(first) = blocks.first_mut() {
                first.extra.extend(extra);
            }
            blocks
        }
        Item::Model(mut blocks) => {
            blocks.retain(|block| match &block.content {
                Content::Thinking(thinking) => !thinking.text.is_empty() || thinking.signature.is_some(),
                _ => true,
            });
            blocks
        }
        Item::Client(block) => vec![block],
    })
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(raw.get()).map_err(|error| reason(&error))
}

fn message(raw: &RawValue) -> Result<Item<'_>, String> {
    let message: wire::Message<'_> = parse(raw)?;
    let role = match message.role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some("developer") => Role::Developer,
        Some(role) => return Err(format!("`role`: unknown role `{role}`")),
        None => return Err("`role` is missing".to_owned()),
    };
    let mut extra = message.extra;
    keep_status(message.status, &mut extra);
    let blocks = parts(message.content, "content")?;
    Ok(Item::Message { role, id: message.id, blocks, extra })
}

/// A status is only worth keeping if it is not the one that everything in a history has.
fn keep_status<'a>(status: Option<Text<'a>>, extra: &mut Members<'a>) {
    if let Some(status) = status.filter(|status| *status != "completed") {
        extra.push(("status".into(), crate::ir::raw(&status)));
    }
}

fn call(raw: &RawValue, kind: ToolKind) -> Result<Item<'_>, String> {
    let call: Call<'_> = parse(raw)?;
    let given = |id: &Text<'_>| !id.is_empty();
    // Servers that imitate the API leave `call_id` out at times; the item's id ties just as well.
    let id = call.call_id.filter(given).or_else(|| call.id.clone()).filter(given);
    let id = id.ok_or("`call_id` is missing")?;
    let name = call.name.filter(|name| !name.is_empty()).ok_or("`name` is missing")?;
    let input = match kind {
        ToolKind::Function => call.arguments.filter(given).unwrap_or_else(|| "{}".into()),
        ToolKind::Custom => call.input.unwrap_or_default(),
    };
    let mut extra = call.extra;
    keep_status(call.status, &mut extra);
    let content = Content::ToolUse(ToolUse { id, name, input, kind, signature: None, item: call.id });
    Ok(Item::Model(vec![Block { content, cache: None, extra }]))
}

fn output(raw: &RawValue, kind: ToolKind) -> Result<Item<'_>, String> {
    let output: CallOutput<'_> = parse(raw)?;
    let id = output.call_id.filter(|id| !id.is_empty()).ok_or("`call_id` is missing")?;
    let mut extra = output.extra;
    keep_status(output.status, &mut extra);
    let blocks = parts(output.output, "output")?;
    let content = Content::ToolResult(ToolResult { id, name: None, blocks, is_error: None, kind });
    Ok(Item::Client(Block { content, cache: None, extra }))
}

/// One block for each part of the summary and of the text, all with the item's id, the proof at the last.
fn reasoning(raw: &RawValue) -> Result<Item<'_>, String> {
    let item: wire::Reasoning<'_> = parse(raw)?;
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (parts, is_summary) in [(item.summary, true), (item.content, false)] {
        for part in parts.into_iter().flatten() {
            let text = part.text.unwrap_or_default();
            let thinking = Thinking { text, is_summary, item: item.id.clone(), ..Thinking::default() };
            blocks.push(Content::Thinking(thinking).into());
        }
    }
    if blocks.is_empty() {
        blocks.push(Content::Thinking(Thinking { item: item.id, ..Thinking::default() }).into());
    }
    if let Some(written) = item.encrypted_content.filter(|written| !written.is_empty())
        && let Some(Block { content: Content::Thinking(last), .. }) = blocks.last_mut()
    {
        let (signature, is_redacted) = proof(written);
        last.is_redacted = is_redacted && last.text.is_empty();
        last.signature = Some(signature);
    }
    let mut extra = item.extra;
    keep_status(item.status, &mut extra);
    if let Some(first) = blocks.first_mut() {
        first.extra = extra;
    }
    Ok(Item::Model(blocks))
}

/// Reads `encrypted_content`, and whether it is all there is to the reasoning.
fn proof(written: Text<'_>) -> (Signature<'_>, bool) {
    let mut signature = Signature::read(HERE, written);
    if signature.origin == *HERE {
        return (signature, true);
    }
    let redacted = signature.value.strip_prefix(REDACTED).map(|value| value.to_owned().into());
    let is_redacted = redacted.is_some();
    signature.value = redacted.unwrap_or(signature.value);
    (signature, is_redacted)
}

/// Reads what is one text or a list of parts.
fn parts<'a>(content: Option<TextOr<'a>>, member: &str) -> Result<Vec<Block<'a>>, String> {
    match content {
        None => Ok(Vec::new()),
        Some(TextOr::Text(text)) => Ok(vec![Content::text(text).into()]),
        Some(TextOr::List(list)) => {
            let block = |(at, raw)| part(raw).map_err(|error| format!("`{member}[{at}]`: {error}"));
            list.into_iter().enumerate().map(block).collect()
        }
    }
}

fn part(raw: &RawValue) -> Result<Block<'_>, String> {
    let mut part: Part<'_> = match parse(raw) {
        Ok(part) => part,
        // A part that nobody knows may have members of any type.
        Err(error) => return foreign(raw).ok_or(error),
    };
    let lacks = |what: &str| format!("{what} is missing");
    let content = match part.kind.as_deref() {
        Some("input_text" | "output_text" | "text") => Content::Text {
            text: part.text.take().ok_or_else(|| lacks("`text`"))?,
            citations: part.annotations.take().into_iter().flatten().map(citation).collect(),
        },
        Some("refusal") => Content::Refusal(part.refusal.take().ok_or_else(|| lacks("`refusal`"))?),
        Some("input_image") => {
            Content::Image(media::image(&mut part).ok_or_else(|| lacks("`image_url` or `file_id`"))?)
        }
        Some("input_file") => {
            let file = media::file(&mut part);
            Content::Document(file.ok_or_else(|| lacks("`file_data`, `file_url` or `file_id`"))?)
        }
        Some("input_audio") => {
            Content::Audio(media::audio(&mut part).ok_or_else(|| lacks("`input_audio.data`"))?)
        }
        _ => return foreign(raw).ok_or_else(|| "`type` is missing or unknown".to_owned()),
    };
    let mut extra = part.extra;
    if let Some(logprobs) = part.logprobs.filter(|list| list.get() != "[]") {
        extra.push(("logprobs".into(), Cow::Borrowed(logprobs)));
    }
    let cache = part.prompt_cache_breakpoint.map(|_| CacheHint { ttl: None });
    Ok(Block { content, cache, extra })
}

/// A part that only this dialect has. Told from an item by its name, because both are kept in the same way.
fn foreign(raw: &RawValue) -> Option<Block<'_>> {
    let kind = parse::<Kind<'_>>(raw)
        .ok()?
        .r#type
        .filter(|kind| is_part(kind) && !KNOWN_PARTS.contains(&&**kind))?;
    Some(Content::Foreign { origin: HERE, kind, raw: Cow::Borrowed(raw) }.into())
}

const KNOWN_PARTS: &[&str] = &["input_text", "output_text", "input_image", "input_file", "input_audio"];

/// True if a foreign thing of this type is a part of a message, not an item.
pub(super) fn is_part(kind: &str) -> bool {
    kind.starts_with("input_") || kind.starts_with("output_") || kind == "computer_screenshot"
}

/// Reads one annotation.
pub(super) fn citation(raw: &RawValue) -> Citation<'_> {
    let annotation = serde_json::from_str::<Annotation<'_>>(raw.get()).unwrap_or_default();
    Citation {
        text: None,
        url: annotation.url,
        title: annotation.title.or(annotation.filename),
        range: annotation.start_index.zip(annotation.end_index),
        origin: HERE,
        raw: Cow::Borrowed(raw),
    }
}

/// The log probabilities that [`item`] found at blocks, taken off them and brought into the shape that the chat
/// endpoint has: the entries are the same, only the place differs.
pub(super) fn take_logprobs(blocks: &mut [Block<'_>]) -> Option<Raw<'static>> {
    let mut entries = String::new();
    for block in blocks {
        let Some(at) = block.extra.iter().position(|(key, _)| *key == "logprobs") else { continue };
        let (_, raw) = block.extra.remove(at);
        append_logprobs(&mut entries, raw.get());
    }
    chat_logprobs(&entries)
}

/// Appends the elements of the array `list`.
pub(super) fn append_logprobs(entries: &mut String, list: &str) {
    let elements =
        list.trim().strip_prefix('[').and_then(|list| list.strip_suffix(']')).map_or("", str::trim);
    if !elements.is_empty() {
        if !entries.is_empty() {
            entries.push(',');
        }
        entries.push_str(elements);
    }
}

/// The chat endpoint's shape of these entries; `None` if there are none.
pub(super) fn chat_logprobs(entries: &str) -> Option<Raw<'static>> {
    if entries.is_empty() {
        return None;
    }
    RawValue::from_string(format!("{{\"content\":[{entries}],\"refusal\":null}}")).ok().map(Cow::Owned)
}
