//! Who may speak when: who begins, turns, calls and their results.

use serde_json::Value;

use super::{ApiError, Object, blocks, messages, models::Model, text_in};

/// Checks the conversation as a whole.
pub(super) fn check(body: &Object, model: &Model) -> Result<(), ApiError> {
    let messages = messages(body);
    check_roles(messages, model)?;
    let mut ids = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        check_sides(index, message)?;
        for (block, id) in calls(message) {
            if ids.contains(&id) {
                return Err(ApiError::model(format_args!(
                    "messages.{index}.content.{block}: `tool_use` ids must be unique"
                )));
            }
            ids.push(id);
        }
        let before = index.checked_sub(1).and_then(|before| messages.get(before));
        check_results(index, before, Some(message))?;
    }
    check_results(messages.len(), messages.last(), None)
}

fn check_roles(messages: &[Value], model: &Model) -> Result<(), ApiError> {
    if messages.iter().any(|message| text_in(message, "role") == "system") {
        return Err(ApiError::invalid(
            "This model doesn't support the system role in messages. Use the system field and try again.",
        ));
    }
    let first = messages.first().map(|message| text_in(message, "role"));
    if first != Some("user") && !(model.assistant_first && first == Some("assistant")) {
        return Err(ApiError::invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
        ));
    }
    let repeats = |pair: &[Value]| text_in(&pair[0], "role") == text_in(&pair[1], "role");
    if model.alternates && messages.windows(2).any(repeats) {
        return Err(ApiError::invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between \
             user and assistant roles and try again.",
        ));
    }
    Ok(())
}

/// What only one side may say. The provider's own tools have their results beside their calls.
fn check_sides(index: usize, message: &Value) -> Result<(), ApiError> {
    let wrong: &[(&str, &str)] = match text_in(message, "role") {
        "user" => &[
            ("toolUse", "`tool_use` blocks can only be in `assistant`"),
            ("reasoningContent", "`thinking` blocks can only be in `assistant`"),
        ],
        _ => &[("toolResult", "`tool_result` blocks can only be in `user`")],
    };
    for (at, block) in blocks(message).iter().enumerate() {
        let found = wrong.iter().find(|(name, _)| block.get(name).is_some_and(|value| !is_server(value)));
        if let Some((_, why)) = found {
            return Err(ApiError::model(format_args!("messages.{index}.content.{at}: {why} messages")));
        }
    }
    Ok(())
}

/// Whether a call or a result is of a tool that the provider runs.
fn is_server(value: &Value) -> bool {
    !matches!(text_in(value, "type"), "" | "tool_use" | "tool_result")
}

/// The calls of a message that wait for a result, and where they are.
fn calls(message: &Value) -> impl Iterator<Item = (usize, &str)> {
    ids(message, "toolUse")
}

fn ids<'a>(message: &'a Value, name: &'static str) -> impl Iterator<Item = (usize, &'a str)> {
    let named =
        blocks(message).iter().enumerate().filter_map(move |(at, block)| Some((at, block.get(name)?)));
    named.filter(|(_, value)| !is_server(value)).map(|(at, value)| (at, text_in(value, "toolUseId")))
}

/// Every call has its result in the next message, and nothing else has one.
fn check_results(index: usize, before: Option<&Value>, message: Option<&Value>) -> Result<(), ApiError> {
    let calls: Vec<_> = before.into_iter().flat_map(calls).map(|(_, id)| id).collect();
    let results: Vec<_> =
        message.into_iter().flat_map(|message| ids(message, "toolResult")).map(|(_, id)| id).collect();
    if results.len() > calls.len() {
        return Err(ApiError::invalid(format!(
            "The number of toolResult blocks at messages.{index}.content exceeds the number of toolUse blocks of previous \
             turn."
        )));
    }
    let missing: Vec<_> = calls.into_iter().filter(|call| !results.contains(call)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Expected toolResult blocks at messages.{index}.content for the following Ids: {}",
        missing.join(", ")
    )))
}
