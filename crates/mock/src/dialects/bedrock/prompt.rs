//! What the mock understands of a request, and what the request costs.

use std::borrow::Cow;

use serde_json::Value;

use super::{Object, at, blocks, items, messages, reasoning, text_in};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text::input_tokens,
};

/// What a message costs besides its content.
const MESSAGE_TOKENS: u64 = 4;
/// What the provider tells its model about tools, once.
const TOOLS_TOKENS: u64 = 340;
/// A file whose size is not looked at.
const FILE_TOKENS: u64 = 1500;
/// A prefix shorter than this is not cached.
const LEAST_CACHED: u64 = 1024;

/// The prompt in a request that has been checked, or need not be; `schema` is what [`schema`] found.
pub(super) fn of<'a>(model: &'a str, body: &'a Object, schema: Option<&'a Value>) -> Prompt<'a> {
    let messages = messages(body);
    let last = match messages.last() {
        Some(message) if text_in(message, "role") == "user" => {
            result_in(message).map_or(Last::User, Last::ToolResult)
        }
        Some(message) if text_in(message, "role") == "assistant" => Last::Assistant(text_of(blocks(message))),
        _ => Last::Other,
    };
    let users = messages.iter().rev().filter(|message| text_in(message, "role") == "user");
    let choice = at(body, "toolConfig", "/toolChoice");
    Prompt {
        model,
        user_text: users
            .map(|message| text_of(blocks(message)))
            .find(|text| !text.is_empty())
            .unwrap_or_default(),
        last,
        tokens: cost(body).total,
        tools: tools(body).iter().filter_map(tool).collect(),
        tool_choice: match choice {
            Some(choice) if choice.get("any").is_some() => ToolChoice::Required,
            Some(choice) => match choice.pointer("/tool/name").and_then(Value::as_str) {
                Some(name) => ToolChoice::Named(name),
                None => ToolChoice::Auto,
            },
            None => ToolChoice::Auto,
        },
        // Converse has no word against it, but passes on Anthropic's.
        parallel_tools: at(body, "additionalModelRequestFields", "/tool_choice/disable_parallel_tool_use")
            != Some(&Value::Bool(true)),
        shape: schema.map_or(Shape::Text, Shape::Schema),
        effort: reasoning::asked(body).map(|asked| asked.effort),
        limit: at(body, "inferenceConfig", "/maxTokens").and_then(Value::as_u64),
        stops: items(at(body, "inferenceConfig", "/stopSequences"))
            .iter()
            .filter_map(Value::as_str)
            .collect(),
    }
}

/// The schema of the answer, which comes as text; absent where there is none or it is no JSON object.
pub(super) fn schema(body: &Object) -> Option<Value> {
    let text = at(body, "outputConfig", "/textFormat/structure/jsonSchema/schema")?.as_str()?;
    serde_json::from_str(text).ok().filter(Value::is_object)
}

fn tools(body: &Object) -> &[Value] {
    items(at(body, "toolConfig", "/tools"))
}

/// A tool of the client; those the provider runs are never called here.
fn tool(tool: &Value) -> Option<Tool<'_>> {
    let spec = tool.get("toolSpec")?;
    Some(Tool {
        name: spec.get("name")?.as_str()?,
        parameters: spec.pointer("/inputSchema/json"),
        takes_text: false,
    })
}

/// The texts of some blocks, joined.
fn text_of(blocks: &[Value]) -> Cow<'_, str> {
    let text = |block: &'_ Value| {
        block
            .get("text")
            .or_else(|| block.pointer("/guardContent/text/text"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let mut texts = blocks.iter().filter_map(text).filter(|text| !text.is_empty());
    let first = texts.next().unwrap_or_default();
    Cow::Owned(texts.fold(first, |joined, text| joined + " " + &text))
}

/// The last tool result in a message; JSON is quoted as it is.
fn result_in(message: &Value) -> Option<Cow<'_, str>> {
    let content = blocks(message).iter().rev().find_map(|block| block.pointer("/toolResult/content"))?;
    let content = items(Some(content));
    match content.iter().find_map(|part| part.get("json")) {
        Some(json) => Some(Cow::Owned(json.to_string())),
        None => Some(text_of(content)),
    }
}

/// What a request costs.
#[derive(Default)]
pub(super) struct Cost {
    pub(super) total: u64,
    /// What stands before the last cache point; 0 where nothing is cached.
    pub(super) cached: u64,
    /// Whether an answer stands in the conversation, so that what comes before it was cached when that was made.
    pub(super) answered: bool,
}

/// Counts in the order the provider's cache does: tools, system, messages.
pub(super) fn cost(body: &Object) -> Cost {
    let mut cost = Cost::default();
    if !tools(body).is_empty() {
        cost.total += TOOLS_TOKENS;
    }
    cost.add(tools(body));
    cost.add(items(body.get("system")));
    for message in messages(body) {
        cost.total += MESSAGE_TOKENS;
        cost.answered |= text_in(message, "role") == "assistant";
        cost.add(blocks(message));
    }
    if cost.cached < LEAST_CACHED {
        cost.cached = 0;
    }
    cost
}

impl Cost {
    fn add(&mut self, blocks: &[Value]) {
        for block in blocks {
            if is_cache_point(block) {
                self.cached = self.total;
            } else {
                self.total += block_cost(block);
            }
        }
    }
}

fn block_cost(block: &Value) -> u64 {
    if let Some(text) = block.get("text").and_then(Value::as_str) {
        return input_tokens(text);
    }
    if let Some(text) = block.pointer("/document/source/text").and_then(Value::as_str) {
        return input_tokens(text);
    }
    if ["image", "document", "video", "audio"].iter().any(|kind| block.get(kind).is_some()) {
        return FILE_TOKENS;
    }
    match block.get("toolResult") {
        Some(result) => MESSAGE_TOKENS + items(result.get("content")).iter().map(block_cost).sum::<u64>(),
        None => input_tokens(&block.to_string()),
    }
}

/// How many cache points a request has.
pub(super) fn cache_points(body: &Object) -> usize {
    let count = |blocks: &[Value]| blocks.iter().filter(|block| is_cache_point(block)).count();
    let in_messages: usize = messages(body).iter().map(|message| count(blocks(message))).sum();
    count(tools(body)) + count(items(body.get("system"))) + in_messages
}

fn is_cache_point(block: &Value) -> bool {
    block.get("cachePoint").is_some()
}
