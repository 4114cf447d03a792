//! What the mock understands of a chat request.

use std::borrow::Cow;

use serde_json::Value;

use super::super::Object;
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text::input_tokens,
};

/// What a message costs besides its text.
const MESSAGE_TOKENS: u64 = 4;
/// What an image costs at low detail, and a recording or file whose size is not looked at.
const IMAGE_TOKENS: u64 = 85;

/// The prompt in a request that has been checked, or need not be.
pub(super) fn of<'a>(model: &'a str, body: &'a Object) -> Prompt<'a> {
    let messages = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let role = |message: &'a Value| message.get("role").and_then(Value::as_str).unwrap_or_default();
    let content = |message: &'a Value| text_of(message.get("content"));
    let last_user = messages.iter().rev().find(|message| role(message) == "user");
    // A rule between the turns is not a turn.
    let spoken = messages.iter().rev().find(|message| !matches!(role(message), "system" | "developer"));
    let last = match spoken {
        Some(message) if role(message) == "user" => Last::User,
        Some(message) if matches!(role(message), "tool" | "function") => Last::ToolResult(content(message)),
        Some(message) if role(message) == "assistant" => Last::Assistant(content(message)),
        _ => Last::Other,
    };
    Prompt {
        model,
        user_text: last_user.map(content).unwrap_or_default(),
        last,
        tokens: messages.iter().map(|message| MESSAGE_TOKENS + cost(message.get("content"))).sum(),
        tools: body.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(tool).collect(),
        tool_choice: tool_choice(body.get("tool_choice")),
        parallel_tools: body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
        shape: shape(body.get("response_format")),
        effort: body.get("reasoning_effort").and_then(Value::as_str),
        limit: ["max_completion_tokens", "max_tokens"]
            .iter()
            .find_map(|name| body.get(*name).and_then(Value::as_u64)),
        stops: stops(body.get("stop")),
    }
}

/// The texts of a content, joined.
pub(in super::super) fn text_of(content: Option<&Value>) -> Cow<'_, str> {
    match content {
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(Value::Array(parts)) => {
            let texts: Vec<_> =
                parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            match texts.as_slice() {
                [only] => Cow::Borrowed(only),
                texts => Cow::Owned(texts.join(" ")),
            }
        }
        _ => Cow::Borrowed(""),
    }
}

/// What a content costs in tokens.
pub(in super::super) fn cost(content: Option<&Value>) -> u64 {
    match content {
        Some(Value::String(text)) => input_tokens(text),
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str).map_or(IMAGE_TOKENS, input_tokens))
            .sum(),
        _ => 0,
    }
}

/// One stop sequence or several.
pub(in super::super) fn stops(stop: Option<&Value>) -> Vec<&str> {
    match stop {
        Some(Value::String(stop)) => vec![stop],
        Some(Value::Array(stops)) => stops.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn tool(tool: &Value) -> Option<Tool<'_>> {
    let kind = tool.get("type")?.as_str()?;
    let described = tool.get(kind)?;
    Some(Tool {
        name: described.get("name")?.as_str()?,
        parameters: described.get("parameters"),
        takes_text: kind == "custom",
    })
}

fn tool_choice(choice: Option<&Value>) -> ToolChoice<'_> {
    match choice {
        Some(Value::String(choice)) if choice == "none" => ToolChoice::None,
        Some(Value::String(choice)) if choice == "required" => ToolChoice::Required,
        Some(Value::Object(choice)) => {
            let kind = choice.get("type").and_then(Value::as_str).unwrap_or_default();
            let named = choice.get(kind).and_then(|named| named.get("name")).and_then(Value::as_str);
            named.map_or(ToolChoice::Auto, ToolChoice::Named)
        }
        _ => ToolChoice::Auto,
    }
}

fn shape(format: Option<&Value>) -> Shape<'_> {
    let Some(format) = format else { return Shape::Text };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Shape::Object,
        Some("json_schema") => {
            let schema = format.get("json_schema").and_then(|named| named.get("schema"));
            schema.map_or(Shape::Object, Shape::Schema)
        }
        _ => Shape::Text,
    }
}
