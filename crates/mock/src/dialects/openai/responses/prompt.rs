//! What the mock understands of a Responses request.

use serde_json::Value;

use super::super::{Object, chat};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text,
};

/// The prompt in a request that has been checked, or need not be.
pub(super) fn of<'a>(model: &'a str, body: &'a Object) -> Prompt<'a> {
    let items = body.get("input").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let field = |item: &'a Value, name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let (user_text, last) = match body.get("input") {
        Some(Value::String(text)) => (text.as_str().into(), Last::User),
        _ => {
            let user = items.iter().rev().find(|item| field(item, "role") == "user");
            // A rule between the turns is not a turn.
            let spoken =
                items.iter().rev().find(|item| !matches!(field(item, "role"), "system" | "developer"));
            let last = match spoken {
                Some(item) if field(item, "role") == "user" => Last::User,
                Some(item) if field(item, "type").ends_with("_call_output") => {
                    Last::ToolResult(chat::text_of(item.get("output")))
                }
                Some(item) if field(item, "role") == "assistant" => {
                    Last::Assistant(chat::text_of(item.get("content")))
                }
                _ => Last::Other,
            };
            (user.map(|item| chat::text_of(item.get("content"))).unwrap_or_default(), last)
        }
    };
    let instructions = body.get("instructions").and_then(Value::as_str).unwrap_or_default();
    let item_cost = |item: &Value| 4 + chat::cost(item.get("content")) + chat::cost(item.get("output"));
    let tokens = match body.get("input") {
        Some(Value::String(text)) => 4 + text::input_tokens(text),
        _ => items.iter().map(item_cost).sum(),
    };
    Prompt {
        model,
        user_text,
        last,
        tokens: tokens + text::input_tokens(instructions),
        tools: body.get("tools").and_then(Value::as_array).into_iter().flatten().filter_map(tool).collect(),
        tool_choice: tool_choice(body.get("tool_choice")),
        parallel_tools: body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true),
        shape: shape(body.get("text").and_then(|text| text.get("format"))),
        effort: body.get("reasoning").and_then(|reasoning| reasoning.get("effort")).and_then(Value::as_str),
        limit: body.get("max_output_tokens").and_then(Value::as_u64),
        stops: Vec::new(),
    }
}

/// Tools the provider runs itself are never called here.
fn tool(tool: &Value) -> Option<Tool<'_>> {
    let kind = tool.get("type")?.as_str()?;
    let takes_text = kind == "custom";
    (takes_text || kind == "function").then_some(())?;
    Some(Tool { name: tool.get("name")?.as_str()?, parameters: tool.get("parameters"), takes_text })
}

fn tool_choice(choice: Option<&Value>) -> ToolChoice<'_> {
    match choice {
        Some(Value::String(choice)) if choice == "none" => ToolChoice::None,
        Some(Value::String(choice)) if choice == "required" => ToolChoice::Required,
        Some(Value::Object(choice)) => {
            choice.get("name").and_then(Value::as_str).map_or(ToolChoice::Auto, ToolChoice::Named)
        }
        _ => ToolChoice::Auto,
    }
}

fn shape(format: Option<&Value>) -> Shape<'_> {
    let Some(format) = format else { return Shape::Text };
    match format.get("type").and_then(Value::as_str) {
        Some("json_object") => Shape::Object,
        Some("json_schema") => format.get("schema").map_or(Shape::Object, Shape::Schema),
        _ => Shape::Text,
    }
}
