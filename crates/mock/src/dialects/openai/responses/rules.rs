//! What a Responses request may say: the parameters of the OpenAPI description (2.3.0), and calls with their results.

use serde_json::Value;

use super::super::{
    ApiError, Object,
    rules::{self, ANY, Kind, Param, nullable, optional, place},
};

const PARAMS: &[Param] = &[
    optional("model", Kind::Text(ANY)),
    nullable("input", Kind::TextOrArray("input items", 0, ANY)),
    nullable("instructions", Kind::Text(ANY)),
    nullable("stream", Kind::Bool),
    nullable("stream_options", Kind::Object),
    nullable("temperature", Kind::Decimal(0.0, 2.0)),
    nullable("top_p", Kind::Decimal(0.0, 1.0)),
    nullable("top_logprobs", Kind::Integer(0, 20)),
    nullable("max_output_tokens", Kind::Integer(16, i64::MAX)),
    nullable("max_tool_calls", Kind::Integer(1, i64::MAX)),
    nullable("tools", Kind::Array("objects", 0, ANY)),
    nullable("tool_choice", Kind::TextOrObject),
    nullable("parallel_tool_calls", Kind::Bool),
    nullable("text", Kind::Object),
    nullable("reasoning", Kind::Object),
    nullable("include", Kind::Array("strings", 0, ANY)),
    nullable("metadata", Kind::Object),
    nullable("store", Kind::Bool),
    nullable("background", Kind::Bool),
    nullable("previous_response_id", Kind::Text(ANY)),
    nullable("conversation", Kind::TextOrObject),
    nullable("context_management", Kind::Array("objects", 1, ANY)),
    nullable("prompt", Kind::Object),
    nullable("truncation", Kind::OneOf(&["auto", "disabled"])),
    nullable("service_tier", Kind::OneOf(&["auto", "default", "flex", "scale", "priority"])),
    optional("user", Kind::Text(ANY)),
    nullable("safety_identifier", Kind::Text(64)),
    nullable("prompt_cache_key", Kind::Text(ANY)),
    nullable("prompt_cache_retention", Kind::OneOf(&["in_memory", "24h"])),
    nullable("prompt_cache_options", Kind::Object),
    nullable("moderation", Kind::Object),
    // In no description, and in every request of Codex.
    nullable("client_metadata", Kind::Object),
];

/// A reasoning item is worth nothing without what the model did next, in the same answer.
fn check_reasoning(items: &[Value]) -> Result<(), ApiError> {
    for (index, item) in
        items.iter().enumerate().filter(|(_, item)| item.get("type").is_some_and(|t| t == "reasoning"))
    {
        if items.get(index + 1).is_none_or(|next| next.get("type").is_none() && next.get("id").is_none()) {
            let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
            let message =
                format!("Item '{id}' of type 'reasoning' was provided without its required following item.");
            return Err(ApiError::bad(message).param("input"));
        }
    }
    Ok(())
}

/// What counting takes of that (`TokenCountsBody`).
const COUNTED: &[&str] = &[
    "conversation",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

/// Checks a request to count.
pub(super) fn check_count(body: &Object, reasons: Option<bool>) -> Result<(), ApiError> {
    match body.keys().find(|name| !COUNTED.contains(&name.as_str())) {
        Some(unknown) => Err(ApiError::unknown(unknown)),
        None => check(body, reasons),
    }
}

/// Checks the whole request.
pub(super) fn check(body: &Object, reasons: Option<bool>) -> Result<(), ApiError> {
    rules::check(PARAMS, body, "")?;
    check_model(body, reasons)?;
    let given = |name| body.get(name).is_some_and(|value| !value.is_null());
    if !["input", "prompt", "previous_response_id", "conversation"].into_iter().any(given) {
        return Err(ApiError::missing("input"));
    }
    for (index, tool) in body.get("tools").and_then(Value::as_array).into_iter().flatten().enumerate() {
        check_tool(tool, &format!("tools[{index}]"))?;
    }
    check_items(body)
}

/// What a model that thinks does not take, and what only such a model takes.
fn check_model(body: &Object, reasons: Option<bool>) -> Result<(), ApiError> {
    let effort = body.get("reasoning").and_then(|reasoning| reasoning.get("effort"));
    let effort = effort.and_then(Value::as_str);
    let is_given = |name: &&str| body.get(*name).is_some_and(|value| !value.is_null());
    match reasons {
        Some(false) if effort.is_some() => Err(ApiError::unsupported_parameter("reasoning.effort", None)),
        Some(true) if effort != Some("none") => match ["temperature", "top_p"].into_iter().find(is_given) {
            Some(name) => Err(ApiError::unsupported_parameter(name, None)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Here a function's name is beside its type, not below it: the slip of everybody who comes from chat.
fn check_tool(tool: &Value, at: &str) -> Result<(), ApiError> {
    Kind::Object.check(at, tool)?;
    let kind = tool.get("type").ok_or_else(|| ApiError::missing(&place(at, "type")))?;
    if kind == "function" && tool.get("name").and_then(Value::as_str).is_none() {
        return Err(ApiError::missing(&place(at, "name")));
    }
    Ok(())
}

fn check_items(body: &Object) -> Result<(), ApiError> {
    let items = body.get("input").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let id = |item: &'_ Value| item.get("call_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let of_kind =
        |kind: &'static str| items.iter().filter(move |item| item.get("type").is_some_and(|t| t == kind));
    for (index, item) in items.iter().enumerate() {
        let at = format!("input[{index}]");
        if !item.is_object() {
            return Err(ApiError::wrong_type(&at, "an input item", item));
        }
        if let (None, Some(role)) = (item.get("type"), item.get("role")) {
            Kind::OneOf(&["assistant", "system", "developer", "user"]).check(&place(&at, "role"), role)?;
        }
    }
    check_reasoning(items)?;
    // What was said before is not here to be looked at.
    let remembers = ["previous_response_id", "conversation"].iter().any(|name| body.contains_key(*name));
    let calls: Vec<_> = of_kind("function_call").map(id).collect();
    let outputs: Vec<_> = of_kind("function_call_output").map(id).collect();
    if let Some(orphan) = outputs.iter().find(|output| !remembers && !calls.contains(output)) {
        let message = format!("No tool call found for function call output with call_id {orphan}.");
        return Err(ApiError::bad(message).param("input"));
    }
    match calls.iter().find(|call| !outputs.contains(call)) {
        Some(open) => {
            let message = format!("No tool output found for function call {open}.");
            Err(ApiError::bad(message).param("input"))
        }
        None => Ok(()),
    }
}
