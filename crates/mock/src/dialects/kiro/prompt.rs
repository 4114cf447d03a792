//! What the mock understands of a request, and what the request costs.

use serde_json::Value;

use super::{Object, current, history, items, results, text_in, tools};
use crate::{
    answer::{Last, Prompt, Shape, Tool, ToolChoice},
    text::input_tokens,
};

/// The prompt in a request.
pub(super) fn of(body: &Object) -> Prompt<'_> {
    let none = &Value::Null;
    let turn = current(body).unwrap_or(none);
    let users = history(body).iter().rev().filter_map(|turn| turn.get("userInputMessage"));
    let said = std::iter::once(turn).chain(users).map(|turn| text_in(turn, "content"));
    let result = results(turn).last().map(|result| {
        let texts = items(result.get("content")).iter().map(|part| text_in(part, "text"));
        texts.collect::<Vec<_>>().join(" ")
    });
    let length: usize = super::state(body).map_or(0, |state| state.to_string().len());
    Prompt {
        model: text_in(turn, "modelId"),
        user_text: said.into_iter().find(|text| !text.is_empty()).unwrap_or_default().into(),
        last: result.map_or(Last::User, |result| Last::ToolResult(result.into())),
        tokens: input_tokens(&" ".repeat(length)),
        tools: tools(body).iter().filter_map(tool).collect(),
        tool_choice: ToolChoice::Auto,
        parallel_tools: true,
        shape: Shape::Text,
        effort: None,
        limit: None,
        stops: Vec::new(),
    }
}

fn tool(tool: &Value) -> Option<Tool<'_>> {
    let spec = tool.get("toolSpecification")?;
    let name = spec.get("name")?.as_str()?;
    Some(Tool { name, parameters: spec.pointer("/inputSchema/json"), takes_text: false })
}
