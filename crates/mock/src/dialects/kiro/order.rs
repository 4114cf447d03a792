//! Who may speak when: turns, calls and their results.

use serde_json::Value;

use super::{ApiError, Object, current, history, items, results, text_in, tools};

/// Checks the conversation as a whole.
pub(super) fn check(body: &Object) -> Result<(), ApiError> {
    let offered: Vec<&str> = tools(body)
        .iter()
        .filter_map(|tool| tool.pointer("/toolSpecification/name").and_then(Value::as_str))
        .collect();
    let mut calls: Vec<&str> = Vec::new();
    let mut is_users_turn = true;
    for (place, turn) in history(body).iter().enumerate() {
        let (user, assistant) = (turn.get("userInputMessage"), turn.get("assistantResponseMessage"));
        match (user, assistant, is_users_turn) {
            (Some(user), None, true) => check_results(place, &mut calls, user)?,
            (None, Some(assistant), false) => {
                for call in items(assistant.get("toolUses")) {
                    if !offered.contains(&text_in(call, "name")) {
                        return Err(ApiError::malformed(format_args!(
                            "history[{place}] calls a tool that is not offered"
                        )));
                    }
                    calls.push(text_in(call, "toolUseId"));
                }
            }
            _ => {
                return Err(ApiError::malformed(format_args!("history[{place}] is not of whose turn it is")));
            }
        }
        is_users_turn = !is_users_turn;
    }
    if !is_users_turn {
        return Err(ApiError::malformed("the history ends with the user"));
    }
    match current(body) {
        Some(turn) => check_results(history(body).len(), &mut calls, turn),
        None => Err(ApiError::malformed("there is no current message")),
    }
}

/// A turn has the results of all the calls before it, and of nothing else.
fn check_results(place: usize, calls: &mut Vec<&str>, turn: &Value) -> Result<(), ApiError> {
    for result in results(turn) {
        let Some(known) = calls.iter().position(|call| *call == text_in(result, "toolUseId")) else {
            return Err(ApiError::malformed(format_args!("turn {place} has a result of no call before it")));
        };
        calls.swap_remove(known);
    }
    if calls.is_empty() {
        Ok(())
    } else {
        Err(ApiError::malformed(format_args!("turn {place} lacks a result")))
    }
}
