//! What the mock understands of a request, and what the request costs.

use std::borrow::Cow;

use serde_json::Value;

use super::{items, models::Model, text_in};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text::input_tokens,
};

/// An image, and a file whose size is not looked at.
const MEDIA_TOKENS: u64 = 258;
/// What any cached content holds.
pub(super) const CACHED_TOKENS: u64 = 2048;

/// The prompt in a request that has been checked, or need not be.
pub(super) fn of<'a>(named: &'a str, model: &Model, body: &'a Value) -> Prompt<'a> {
    let contents = items(body.get("contents"));
    let is_user = |content: &&Value| text_in(content, "role") != "model";
    let last = match contents.last() {
        Some(content) if is_user(&content) => result_in(content).map_or(Last::User, Last::ToolResult),
        Some(content) => Last::Assistant(text_of(content)),
        None => Last::Other,
    };
    let users = contents.iter().rev().filter(is_user);
    let calling = body.get("toolConfig").and_then(|config| config.get("functionCallingConfig"));
    let mode = calling.map(|calling| text_in(calling, "mode").to_ascii_uppercase()).unwrap_or_default();
    let allowed: Vec<_> = items(calling.and_then(|calling| calling.get("allowedFunctionNames")))
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let declared = items(body.get("tools")).iter().flat_map(|tool| items(tool.get("functionDeclarations")));
    let config = body.get("generationConfig");
    Prompt {
        model: named,
        user_text: users.map(|content| text_of(content)).find(|text| !text.is_empty()).unwrap_or_default(),
        last,
        tokens: cost(body),
        tools: declared
            .filter_map(tool)
            .filter(|tool| mode != "ANY" || allowed.is_empty() || allowed.contains(&tool.name))
            .collect(),
        tool_choice: match mode.as_str() {
            "ANY" => ToolChoice::Required,
            "NONE" => ToolChoice::None,
            _ => ToolChoice::Auto,
        },
        parallel_tools: true,
        shape: config.map_or(Shape::Text, shape),
        effort: effort(model, config.and_then(|config| config.get("thinkingConfig"))),
        limit: config
            .and_then(|config| integer(config.get("maxOutputTokens")))
            .and_then(|limit| u64::try_from(limit).ok()),
        stops: items(config.and_then(|config| config.get("stopSequences")))
            .iter()
            .filter_map(Value::as_str)
            .collect(),
    }
}

fn tool(declaration: &Value) -> Option<Tool<'_>> {
    let parameters = declaration.get("parameters").or_else(|| declaration.get("parametersJsonSchema"));
    Some(Tool { name: declaration.get("name")?.as_str()?, parameters, takes_text: false })
}

fn shape(config: &Value) -> Shape<'_> {
    let schema = ["responseJsonSchema", "_responseJsonSchema", "responseSchema"]
        .iter()
        .find_map(|name| config.get(*name));
    match schema {
        Some(schema) => Shape::Schema(schema),
        None if text_in(config, "responseMimeType") == "application/json" => Shape::Object,
        None => Shape::Text,
    }
}

/// How hard to think. Models that think do so a little when nothing is said.
fn effort<'a>(model: &Model, thinking: Option<&'a Value>) -> Option<&'a str> {
    let unasked = model.thinks().then_some("low");
    let Some(thinking) = thinking else { return unasked };
    match text_in(thinking, "thinkingLevel").to_ascii_uppercase().as_str() {
        "MINIMAL" => return Some("minimal"),
        "LOW" => return Some("low"),
        "MEDIUM" => return Some("medium"),
        "HIGH" => return Some("high"),
        _ => {}
    }
    match integer(thinking.get("thinkingBudget")) {
        Some(0) => None,
        Some(1..=1024) => Some("low"),
        Some(1025..) => Some("medium"),
        _ => Some("low"),
    }
}

/// An integer in any of the ways it may be written.
fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64().or_else(|| value.as_f64().map(|number| number as i64)),
    }
}

/// The texts of a content, joined; thoughts are not part of what was said.
fn text_of(content: &Value) -> Cow<'_, str> {
    let said =
        items(content.get("parts")).iter().filter(|part| part.get("thought") != Some(&Value::Bool(true)));
    let texts: Vec<_> = said.map(|part| text_in(part, "text")).filter(|text| !text.is_empty()).collect();
    match texts.as_slice() {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(only),
        texts => Cow::Owned(texts.join(" ")),
    }
}

/// The last function response in a content: its text where it has only one, its JSON otherwise.
fn result_in(content: &Value) -> Option<Cow<'_, str>> {
    let parts = items(content.get("parts")).iter().rev();
    let response = parts.into_iter().find_map(|part| part.get("functionResponse"))?.get("response");
    let fields = response.and_then(Value::as_object);
    let only = fields.filter(|fields| fields.len() == 1).and_then(|fields| fields.values().next()?.as_str());
    Some(
        only.map_or_else(|| Cow::Owned(response.map(ToString::to_string).unwrap_or_default()), Cow::Borrowed),
    )
}

/// What a request costs, what is cached included.
pub(super) fn cost(body: &Value) -> u64 {
    let contents: u64 = items(body.get("contents")).iter().map(content_cost).sum();
    let system = body.get("systemInstruction").map_or(0, content_cost);
    let declared = items(body.get("tools")).iter().flat_map(|tool| items(tool.get("functionDeclarations")));
    let tools: u64 = declared.map(|declaration| input_tokens(&declaration.to_string())).sum();
    contents + system + tools + cached(body)
}

/// What of it is cached.
pub(super) fn cached(body: &Value) -> u64 {
    if text_in(body, "cachedContent").is_empty() { 0 } else { CACHED_TOKENS }
}

/// What a content costs.
pub(super) fn content_cost(content: &Value) -> u64 {
    let part_cost = |part: &Value| {
        if part.get("inlineData").is_some() || part.get("fileData").is_some() {
            return MEDIA_TOKENS;
        }
        match part.get("text").and_then(Value::as_str) {
            Some(text) => input_tokens(text),
            None => input_tokens(&part.to_string()),
        }
    };
    items(content.get("parts")).iter().map(part_cost).sum()
}
