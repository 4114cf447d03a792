//! What the mock understands of a request, and what the request costs.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    Object,
    content::{items, strings},
    flag, text_in,
};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text::input_tokens,
};

/// What a message costs besides its content.
const MESSAGE_TOKENS: u64 = 4;
/// What the provider tells its model about tools, once.
const TOOLS_TOKENS: u64 = 340;
/// An image, and a file whose size is not looked at.
const IMAGE_TOKENS: u64 = 1500;
/// A prefix shorter than this is not cached.
const LEAST_CACHED: u64 = 1024;

/// The prompt in a request that has been checked, or need not be.
pub(super) fn of(body: &Object) -> Prompt<'_> {
    let messages = items(body.get("messages"));
    let spoken = || messages.iter().rev().filter(|message| text_in(message, "role") != "system");
    let last = match spoken().next() {
        Some(message) if text_in(message, "role") == "user" => {
            result_in(message).map_or(Last::User, Last::ToolResult)
        }
        Some(message) if text_in(message, "role") == "assistant" => {
            Last::Assistant(text_of(message.get("content")))
        }
        _ => Last::Other,
    };
    let users = || spoken().filter(|message| text_in(message, "role") == "user");
    let choice = body.get("tool_choice");
    Prompt {
        model: body.get("model").and_then(Value::as_str).unwrap_or_default(),
        user_text: users()
            .map(|message| text_of(message.get("content")))
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        last,
        tokens: cost(body).total,
        tools: items(body.get("tools")).iter().filter_map(tool).collect(),
        tool_choice: match choice.map(|choice| text_in(choice, "type")) {
            Some("any") => ToolChoice::Required,
            Some("none") => ToolChoice::None,
            Some("tool") => {
                choice.map_or(ToolChoice::Auto, |choice| ToolChoice::Named(text_in(choice, "name")))
            }
            _ => ToolChoice::Auto,
        },
        parallel_tools: !choice
            .and_then(Value::as_object)
            .is_some_and(|choice| flag(choice, "disable_parallel_tool_use")),
        shape: format(body).map_or(Shape::Text, |(_, schema)| Shape::Schema(schema)),
        effort: effort(body),
        limit: body.get("max_tokens").and_then(Value::as_u64),
        stops: strings(body.get("stop_sequences")).collect(),
    }
}

/// The schema of the answer and where it is asked for, in either spelling.
pub(super) fn format(body: &Object) -> Option<(&'static str, &Value)> {
    let new = body.get("output_config").and_then(|config| config.get("format")?.get("schema"));
    let old = || body.get("output_format").and_then(|format| format.get("schema"));
    new.map(|schema| ("output_config.format", schema)).or_else(|| Some(("output_format", old()?)))
}

/// How hard to think: not at all unless asked, and then as the effort says, which is high when nothing is said.
fn effort(body: &Object) -> Option<&str> {
    let thinking = body.get("thinking")?;
    let effort =
        body.get("output_config").map(|config| text_in(config, "effort")).filter(|effort| !effort.is_empty());
    match text_in(thinking, "type") {
        "adaptive" => Some(effort.unwrap_or("high")),
        "enabled" => Some(effort.unwrap_or("medium")),
        _ => None,
    }
}

fn tool(tool: &Value) -> Option<Tool<'_>> {
    // A tool without a schema is the provider's own.
    let parameters = Some(tool.get("input_schema")?);
    Some(Tool { name: tool.get("name")?.as_str()?, parameters, takes_text: false })
}

/// The texts of a content, joined.
fn text_of(content: Option<&Value>) -> Cow<'_, str> {
    if let Some(Value::String(text)) = content {
        return Cow::Borrowed(text);
    }
    let texts: Vec<_> =
        items(content).iter().map(|block| text_in(block, "text")).filter(|text| !text.is_empty()).collect();
    match texts.as_slice() {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(only),
        texts => Cow::Owned(texts.join(" ")),
    }
}

/// The last tool result in a message; a result without text is an empty one.
fn result_in(message: &Value) -> Option<Cow<'_, str>> {
    let blocks = items(message.get("content")).iter().rev();
    let result = blocks.into_iter().find(|block| text_in(block, "type") == "tool_result")?;
    Some(text_of(result.get("content")))
}

/// What a request costs.
pub(super) struct Cost {
    pub(super) total: u64,
    /// What stands before the last mark that asks for a cache; 0 where nothing is cached.
    pub(super) cached: u64,
    /// Whether an answer stands in the conversation, so that what comes before it was cached when that was made.
    pub(super) answered: bool,
}

/// Counts in the order the provider's cache does: tools, system, messages.
pub(super) fn cost(body: &Object) -> Cost {
    let mut cost = Cost { total: 0, cached: 0, answered: false };
    let tools = items(body.get("tools"));
    if !tools.is_empty() {
        cost.total += TOOLS_TOKENS;
    }
    for tool in tools {
        cost.add(input_tokens(&tool.to_string()), tool);
    }
    cost.add_content(body.get("system"));
    for message in items(body.get("messages")) {
        cost.total += MESSAGE_TOKENS;
        cost.answered |= text_in(message, "role") == "assistant";
        cost.add_content(message.get("content"));
    }
    if body.get("cache_control").is_some_and(Value::is_object) {
        cost.cached = cost.total;
    }
    if cost.cached < LEAST_CACHED {
        cost.cached = 0;
    }
    cost
}

impl Cost {
    fn add(&mut self, tokens: u64, block: &Value) {
        self.total += tokens;
        if is_marked(block) {
            self.cached = self.total;
        }
    }

    fn add_content(&mut self, content: Option<&Value>) {
        if let Some(Value::String(text)) = content {
            self.total += input_tokens(text);
        }
        for block in items(content) {
            if text_in(block, "type") == "tool_result" {
                self.add_content(block.get("content"));
            }
            self.add(block_cost(block), block);
        }
    }
}

fn block_cost(block: &Value) -> u64 {
    let text = |name: &str| input_tokens(text_in(block, name));
    match text_in(block, "type") {
        "text" => text("text"),
        "thinking" => text("thinking"),
        "tool_result" => MESSAGE_TOKENS,
        "tool_use" => text("name") + block.get("input").map_or(0, |input| input_tokens(&input.to_string())),
        "document" if block.get("source").is_some_and(|source| text_in(source, "type") == "text") => {
            block.get("source").map_or(0, |source| input_tokens(text_in(source, "data")))
        }
        "image" | "document" => IMAGE_TOKENS,
        _ => input_tokens(&block.to_string()),
    }
}

/// How many marks for the cache a request makes, the one for all of it included.
pub(super) fn cache_marks(body: &Object) -> usize {
    let in_list = |list: Option<&Value>| items(list).iter().filter(|block| is_marked(block)).count();
    let in_message = |message: &Value| {
        let results: usize =
            items(message.get("content")).iter().map(|block| in_list(block.get("content"))).sum();
        in_list(message.get("content")) + results
    };
    usize::from(body.get("cache_control").is_some_and(Value::is_object))
        + in_list(body.get("tools"))
        + in_list(body.get("system"))
        + items(body.get("messages")).iter().map(in_message).sum::<usize>()
}

fn is_marked(block: &Value) -> bool {
    block.get("cache_control").is_some_and(Value::is_object)
}
