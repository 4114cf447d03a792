//! Reads the body of a Messages request.

use std::{borrow::Cow, collections::HashMap};

use serde_json::value::RawValue;

use super::{
    NAME,
    block_decode::content,
    tier,
    wire::{Fields, read, reason, whole},
};
use crate::{
    codec::RequestHead,
    ir::{
        Content, Effort, Fault, FaultKind, Message, OutputFormat, Reasoning, Request, Role, Sampling, Text,
        Tool, ToolChoice, ToolKind,
    },
};

/// See [`crate::codec::Codec::decode_request`].
pub(super) fn decode<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    let fields = serde_json::from_slice(body).map_err(|error| bad(&reason(&error)))?;
    request(head, fields).map_err(|error| bad(&error))
}

fn bad(error: &str) -> Fault {
    Fault::new(FaultKind::BadRequest, format!("the body is not a Messages request: {error}"))
}

fn request<'a>(head: RequestHead<'_>, mut fields: Fields<'a>) -> Result<Request<'a>, String> {
    let named = fields.take("model")?.or_else(|| head.model.map(|model| model.to_owned().into()));
    let mut request = Request {
        origin: NAME,
        model: named.ok_or("`model` is missing")?,
        stream: fields.take("stream")?.or(head.stream).unwrap_or(false),
        max_tokens: fields.take("max_tokens")?,
        service_tier: fields.take("service_tier")?.map(tier::read),
        sampling: Sampling {
            temperature: number(&mut fields, "temperature")?,
            top_p: number(&mut fields, "top_p")?,
            top_k: number(&mut fields, "top_k")?,
            stop: fields.take("stop_sequences")?.unwrap_or_default(),
            ..Sampling::default()
        },
        ..Request::default()
    };
    if let Some(raw) = fields.raw("system") {
        request.system = content(raw).map_err(|error| format!("system.{error}"))?;
    }
    request.messages = messages(&mut fields)?;
    hoist_system(&mut request);
    name_results(&mut request.messages);
    let tools: Vec<Fields<'a>> = fields.take("tools")?.unwrap_or_default();
    let read_tools = tools.into_iter().enumerate();
    request.tools = read_tools
        .map(|(at, fields)| tool(fields).map_err(|error| format!("tools[{at}]: {error}")))
        .collect::<Result<_, _>>()?;
    if let Some(raw) = fields.raw("tool_choice") {
        let (choice, parallel) = tool_choice(raw).map_err(|error| format!("tool_choice: {error}"))?;
        (request.tool_choice, request.parallel_tools) = (Some(choice), parallel);
    }
    if let Some(raw) = fields.raw("metadata") {
        let mut metadata: Fields<'a> = read(raw).map_err(|error| format!("`metadata`: {error}"))?;
        request.user = metadata.take("user_id")?;
        request.metadata = (!metadata.is_empty()).then(|| whole(&metadata));
    }
    let leftover = output_config(&mut fields, &mut request)?;
    let leftover_thinking = thinking(&mut fields, &mut request)?;
    request.extra = fields.rest();
    request.extra.extend(leftover.map(|raw| ("output_config".into(), raw)));
    request.extra.extend(leftover_thinking.map(|raw| ("thinking".into(), Cow::Borrowed(raw))));
    Ok(request)
}

/// A number as it was spelled.
fn number<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Cow<'a, RawValue>>, String> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    let is_number = raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { Ok(Some(Cow::Borrowed(raw))) } else { Err(format!("`{name}` must be a number")) }
}

fn messages<'a>(fields: &mut Fields<'a>) -> Result<Vec<Message<'a>>, String> {
    let list: Vec<Fields<'a>> = fields.need("messages")?;
    let read = |(at, mut fields): (usize, Fields<'a>)| {
        let role: Text<'a> = fields.need("role").map_err(|error| format!("messages[{at}]: {error}"))?;
        let role = match &*role {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            other => return Err(format!("messages[{at}]: unknown role `{}`", shown(other))),
        };
        let raw = fields.raw("content").ok_or_else(|| format!("messages[{at}]: `content` is missing"))?;
        let blocks = content(raw).map_err(|error| format!("messages[{at}].{error}"))?;
        Ok(Message { extra: fields.rest(), ..Message::new(role, blocks) })
    };
    list.into_iter().enumerate().map(read).collect()
}

fn shown(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(32).collect()
}

/// Leading system messages that are plain are the system prompt.
fn hoist_system(request: &mut Request<'_>) {
    let is_plain = |message: &Message<'_>| {
        message.role == Role::System
            && message.extra.is_empty()
            && message.blocks.iter().all(|block| matches!(block.content, Content::Text { .. }))
    };
    let leading = request.messages.iter().take_while(|message| is_plain(message)).count();
    for message in request.messages.drain(..leading) {
        request.system.extend(message.blocks);
    }
}

/// Fills in which tool a result is from.
fn name_results(messages: &mut [Message<'_>]) {
    let mut names = HashMap::new();
    for block in messages.iter_mut().flat_map(|message| &mut message.blocks) {
        match &mut block.content {
            Content::ToolUse(call) => drop(names.insert(call.id.clone(), call.name.clone())),
            Content::ToolResult(result) => result.name = names.get(&result.id).cloned(),
            _ => {}
        }
    }
}

fn tool<'a>(mut fields: Fields<'a>) -> Result<Tool<'a>, String> {
    let kind: Option<Text<'a>> = fields.peek("type").map(read).transpose()?.flatten();
    if let Some(kind) = kind.filter(|kind| *kind != "custom") {
        return Ok(Tool::Foreign { origin: NAME, kind, raw: whole(&fields) });
    }
    fields.raw("type");
    Ok(Tool::Client {
        name: fields.need("name")?,
        description: fields.take("description")?,
        schema: fields.raw("input_schema").map(Cow::Borrowed),
        strict: fields.take("strict")?,
        kind: ToolKind::Function,
        cache: fields.cache(),
        extra: fields.rest(),
    })
}

/// The choice, and whether several tools may be called at once.
fn tool_choice(raw: &RawValue) -> Result<(ToolChoice<'_>, Option<bool>), String> {
    let mut fields: Fields<'_> = read(raw)?;
    let kind: Text<'_> = fields.need("type")?;
    let parallel = fields.take("disable_parallel_tool_use")?.map(|disabled: bool| !disabled);
    let choice = match &*kind {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(fields.need("name")?),
        _ => ToolChoice::Foreign { origin: NAME, raw: Cow::Borrowed(raw) },
    };
    if fields.is_empty() {
        Ok((choice, parallel))
    } else {
        Ok((ToolChoice::Foreign { origin: NAME, raw: Cow::Borrowed(raw) }, parallel))
    }
}

/// Reads `output_config` and its older form `output_format`; returns what of it is not known.
fn output_config<'a>(
    fields: &mut Fields<'a>,
    request: &mut Request<'a>,
) -> Result<Option<Cow<'a, RawValue>>, String> {
    request.format = fields.take_if("output_format", format);
    let Some(raw) = fields.raw("output_config") else { return Ok(None) };
    let mut config: Fields<'a> = read(raw).map_err(|error| format!("`output_config`: {error}"))?;
    if let Some(format) = config.take_if("format", format) {
        request.format = Some(format);
    }
    let effort =
        config.take_if("effort", |raw| read::<Text<'_>>(raw).ok().and_then(|name| Effort::parse(&name)));
    if effort.is_some() {
        request.reasoning.get_or_insert_default().effort = effort;
    }
    Ok((!config.is_empty()).then(|| whole(&config)))
}

fn format(raw: &RawValue) -> Option<OutputFormat<'_>> {
    let mut fields: Fields<'_> = read(raw).ok()?;
    let kind: Text<'_> = fields.need("type").ok()?;
    let schema = Cow::Borrowed(fields.raw("schema")?);
    (kind == "json_schema" && fields.is_empty()).then_some(OutputFormat::Schema {
        name: None,
        description: None,
        schema,
        strict: None,
    })
}

/// Reads `thinking`; returns it as it stands if a part of it is not known.
fn thinking<'a>(fields: &mut Fields<'a>, request: &mut Request<'a>) -> Result<Option<&'a RawValue>, String> {
    let Some(raw) = fields.raw("thinking") else { return Ok(None) };
    let in_thinking = |error| format!("thinking: {error}");
    let mut thinking: Fields<'a> = read(raw).map_err(in_thinking)?;
    let kind: Text<'a> = thinking.need("type").map_err(in_thinking)?;
    let mut reasoning: Reasoning<'a> = request.reasoning.take().unwrap_or_default();
    reasoning.display = thinking.take("display").map_err(in_thinking)?;
    reasoning.budget = thinking.take("budget_tokens").map_err(in_thinking)?;
    reasoning.adaptive = kind == "adaptive";
    // `between_tools` (2.x stubs) is off, but for the progress notes between calls.
    reasoning.enabled = match &*kind {
        "enabled" | "adaptive" => Some(true),
        "disabled" | "between_tools" => Some(false),
        _ => None,
    };
    let is_known = thinking.is_empty()
        && match &*kind {
            "enabled" => reasoning.budget.is_some(),
            "adaptive" | "disabled" => reasoning.budget.is_none(),
            _ => false,
        };
    request.reasoning = Some(reasoning);
    Ok((!is_known).then_some(raw))
}
