//! Reads requests of Converse and ConverseStream.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::{
    NAME,
    content_decode::{blocks, cache_hint, keep_rest, read},
    model::read_additional,
    wire,
};
use crate::{
    codec::RequestHead,
    ir::{
        Content, Effort, Fault, FaultKind, Members, Message, OutputFormat, Raw, Reasoning, Request, Role,
        Text, Tool, ToolChoice, ToolKind,
    },
};

/// Reads one request.
pub(super) fn decode<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    request(head, body).map_err(|error| Fault::new(FaultKind::BadRequest, error))
}

fn request<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, String> {
    let wire: wire::Request<'a> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let model = head.model.map(|model| model.to_owned().into()).or(wire.model);
    let streams = || head.path.ends_with("/converse-stream");
    let mut request = Request {
        origin: NAME,
        model: model.filter(|model: &Text<'a>| !model.is_empty()).ok_or("the path names no model")?,
        stream: head.stream.unwrap_or_else(streams),
        metadata: wire.metadata.map(Raw::Borrowed),
        extra: wire.extra,
        ..Request::default()
    };
    for (index, message) in wire.messages.into_iter().flatten().enumerate() {
        request.messages.push(self::message(message).map_err(|error| format!("messages[{index}]{error}"))?);
    }
    name_results(&mut request.messages);
    request.system =
        blocks(wire.system.unwrap_or_default(), Role::System).map_err(|error| format!("system{error}"))?;
    if let Some(config) = wire.inference {
        inference(config, &mut request);
    }
    if let Some(config) = wire.tools {
        tools(config, &mut request)?;
    }
    if let Some(tier) = wire.tier {
        request.service_tier = tier.kind;
        keep_rest(&mut request.extra, "serviceTier", &tier.extra);
    }
    if let Some(raw) = wire.additional {
        let rest = read_additional(raw, &mut request)
            .map_err(|error| format!("additionalModelRequestFields: {error}"))?;
        keep_rest(&mut request.extra, "additionalModelRequestFields", &rest);
    }
    if let Some(config) = wire.output {
        output(config, &mut request)?;
    }
    Ok(request)
}

fn message<'a>(wire: wire::Message<'a>) -> Result<Message<'a>, String> {
    let role = match wire.role.as_deref() {
        Some("user") => Role::User,
        Some("assistant") => Role::Assistant,
        Some("system") => Role::System,
        Some(other) => return Err(format!(".role: is `user`, `assistant` or `system`, not `{other}`")),
        None => return Err(".role: is missing".to_owned()),
    };
    let blocks =
        blocks(wire.content.unwrap_or_default(), role).map_err(|error| format!(".content{error}"))?;
    Ok(Message { extra: wire.extra, ..Message::new(role, blocks) })
}

/// Converse names the tool only at the call; other dialects want the name at the result too.
fn name_results(messages: &mut [Message<'_>]) {
    let mut names = HashMap::new();
    for block in messages.iter_mut().flat_map(|message| &mut message.blocks) {
        match &mut block.content {
            Content::ToolUse(tool) => {
                names.insert(tool.id.to_string(), tool.name.clone());
            }
            Content::ToolResult(result) => result.name = names.get(&*result.id).cloned(),
            _ => {}
        }
    }
}

fn inference<'a>(wire: wire::Inference<'a>, request: &mut Request<'a>) {
    request.max_tokens = wire.max_tokens;
    request.sampling.temperature = wire.temperature.map(|number| number.0);
    request.sampling.top_p = wire.top_p.map(|number| number.0);
    request.sampling.stop = wire.stop.unwrap_or_default();
    keep_rest(&mut request.extra, "inferenceConfig", &wire.extra);
}

fn tools<'a>(wire: wire::ToolConfig<'a>, request: &mut Request<'a>) -> Result<(), String> {
    for (index, raw) in wire.tools.into_iter().flatten().enumerate() {
        tool(raw, &mut request.tools).map_err(|error| format!("toolConfig: tools[{index}]: {error}"))?;
    }
    if let Some(raw) = wire.choice {
        request.tool_choice = Some(choice(raw).map_err(|error| format!("toolConfig: toolChoice: {error}"))?);
    }
    keep_rest(&mut request.extra, "toolConfig", &wire.extra);
    Ok(())
}

fn tool<'a>(raw: &'a RawValue, tools: &mut Vec<Tool<'a>>) -> Result<(), String> {
    let wire: wire::Tool<'a> = read(raw)?;
    let foreign = |kind: Text<'a>| Tool::Foreign { origin: NAME, kind, raw: Raw::Borrowed(raw) };
    if let Some(spec) = wire.spec {
        tools.push(client_tool(spec)?);
        return Ok(());
    }
    if let Some(point) = wire.cache {
        if let Some(Tool::Client { cache: cache @ None, .. }) = tools.last_mut()
            && let Ok(hint) = cache_hint(point)
        {
            *cache = Some(hint);
            return Ok(());
        }
        tools.push(foreign("cachePoint".into()));
        return Ok(());
    }
    let kind = wire.extra.into_iter().next().ok_or("has none of toolSpec, systemTool, cachePoint")?.0;
    tools.push(foreign(kind));
    Ok(())
}

fn client_tool<'a>(spec: wire::ToolSpec<'a>) -> Result<Tool<'a>, String> {
    let mut extra = spec.extra;
    let schema = spec.schema.unwrap_or_default();
    keep_rest(&mut extra, "inputSchema", &schema.extra);
    Ok(Tool::Client {
        name: spec.name.ok_or("toolSpec: name is missing")?,
        description: spec.description,
        schema: schema.json.map(Raw::Borrowed),
        strict: spec.strict,
        kind: ToolKind::Function,
        cache: None,
        extra,
    })
}

fn choice<'a>(raw: &'a RawValue) -> Result<ToolChoice<'a>, String> {
    let wire: wire::Choice<'a> = read(raw)?;
    Ok(match (wire.auto, wire.any, wire.tool) {
        (Some(_), None, None) => ToolChoice::Auto,
        (None, Some(_), None) => ToolChoice::Required,
        (None, None, Some(tool)) => ToolChoice::Named(tool.name.ok_or("tool: name is missing")?),
        _ => ToolChoice::Foreign { origin: NAME, raw: Raw::Borrowed(raw) },
    })
}

fn output<'a>(wire: wire::OutputConfig<'a>, request: &mut Request<'a>) -> Result<(), String> {
    let mut rest: Members<'a> = wire.extra;
    if let Some(name) = wire.effort {
        match Effort::parse(&name) {
            Some(effort) => {
                request.reasoning.get_or_insert_with(Reasoning::default).effort = Some(effort);
            }
            None => rest.push(("effort".into(), crate::ir::raw(&name))),
        }
    }
    if let Some(format) = wire.format {
        request.format =
            Some(text_format(format).map_err(|error| format!("outputConfig: textFormat: {error}"))?);
    }
    keep_rest(&mut request.extra, "outputConfig", &rest);
    Ok(())
}

fn text_format<'a>(wire: wire::TextFormat<'a>) -> Result<OutputFormat<'a>, String> {
    let schema = wire.structure.and_then(|structure| structure.json);
    let (Some(schema), Some("json_schema")) = (schema, wire.kind.as_deref()) else {
        return Err("has to be of type `json_schema`, with a structure.jsonSchema".to_owned());
    };
    // The schema is JSON inside a string.
    let text = schema.schema.ok_or("structure: jsonSchema: schema is missing")?.into_cow().into_owned();
    let parsed = RawValue::from_string(text);
    let parsed = parsed.map_err(|error| format!("structure: jsonSchema: schema is not JSON: {error}"))?;
    Ok(OutputFormat::Schema {
        name: schema.name,
        description: schema.description,
        schema: Raw::Owned(parsed),
        strict: None,
    })
}
