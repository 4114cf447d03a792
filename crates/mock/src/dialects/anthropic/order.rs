//! Who may speak when: roles, calls and their results, thinking before calls.

use serde_json::Value;

use super::{ApiError, Object, content::items, models::Rules, text_in};

/// Messages of one role that follow each other; the API reads them as one.
struct Turn<'a> {
    role: &'a str,
    blocks: Vec<Block<'a>>,
    /// The last message of it.
    message: usize,
}

/// A block and where it stands.
struct Block<'a> {
    message: usize,
    index: usize,
    value: &'a Value,
}

/// Checks the conversation as a whole.
pub(super) fn check(body: &Object, rules: &Rules) -> Result<(), ApiError> {
    let messages = items(body.get("messages"));
    check_roles(messages, rules)?;
    let turns = turns(messages);
    let mut ids = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| turns.get(before));
        match turn.role {
            "user" => check_results(turn, before)?,
            _ => check_calls(turn, turns.get(index + 1), &mut ids)?,
        }
    }
    let thinks = body.get("thinking").is_some_and(|thinking| text_in(thinking, "type") == "enabled");
    if thinks { check_thinking_first(&turns) } else { Ok(()) }
}

fn check_roles(messages: &[Value], rules: &Rules) -> Result<(), ApiError> {
    let role = |message: &'_ Value| message.get("role").and_then(Value::as_str).map(str::to_owned);
    match messages.first().and_then(role).as_deref() {
        Some("system") => {
            return Err(ApiError::bad(
                "messages.0: use the top-level 'system' parameter for the initial system prompt",
            ));
        }
        Some("assistant") => {
            return Err(ApiError::bad("messages: first message must use the \"user\" role"));
        }
        _ => {}
    }
    if !rules.system_turns && messages.iter().any(|message| text_in(message, "role") == "system") {
        return Err(ApiError::bad("role 'system' is not supported on this model"));
    }
    if !rules.prefill && messages.last().is_some_and(|message| text_in(message, "role") == "assistant") {
        return Err(ApiError::no_prefill());
    }
    Ok(())
}

/// The turns of users and assistants; system messages stand between the lines.
fn turns(messages: &[Value]) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    for (message, value) in messages.iter().enumerate() {
        let role = text_in(value, "role");
        if role == "system" {
            continue;
        }
        let blocks = items(value.get("content")).iter().enumerate();
        let blocks = blocks.map(|(index, value)| Block { message, index, value });
        match turns.last_mut() {
            Some(turn) if turn.role == role => {
                turn.blocks.extend(blocks);
                turn.message = message;
            }
            _ => turns.push(Turn { role, blocks: blocks.collect(), message }),
        }
    }
    turns
}

impl<'a> Turn<'a> {
    /// What `name` says in each block of that type.
    fn ids(&self, kind: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> + '_ {
        let of_kind = self.blocks.iter().filter(move |block| text_in(block.value, "type") == kind);
        of_kind.map(move |block| text_in(block.value, name))
    }

    fn calls(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.ids("tool_use", "id")
    }

    /// The results at its beginning: after anything else they no longer count.
    fn results(&self) -> impl Iterator<Item = &'a str> + '_ {
        let leading = self.blocks.iter().take_while(|block| text_in(block.value, "type") == "tool_result");
        leading.map(|block| text_in(block.value, "tool_use_id"))
    }
}

/// Every call has an id of its own and a result right after.
fn check_calls<'a>(turn: &Turn<'a>, next: Option<&Turn<'a>>, ids: &mut Vec<&'a str>) -> Result<(), ApiError> {
    for block in turn.blocks.iter().filter(|block| text_in(block.value, "type") == "tool_use") {
        let id = text_in(block.value, "id");
        if ids.contains(&id) {
            let Block { message, index, .. } = block;
            return Err(ApiError::bad(format!(
                "messages.{message}.content.{index}: `tool_use` ids must be unique"
            )));
        }
        ids.push(id);
    }
    let results: Vec<_> = next.map(|next| next.results().collect()).unwrap_or_default();
    let missing: Vec<_> = turn.calls().filter(|call| !results.contains(call)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "messages.{}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` \
         block must have a corresponding `tool_result` block in the next message.",
        turn.message,
        missing.join(", ")
    )))
}

/// Every result has its call right before, and is the only one.
fn check_results(turn: &Turn<'_>, before: Option<&Turn<'_>>) -> Result<(), ApiError> {
    let calls: Vec<_> = before.map(|before| before.calls().collect()).unwrap_or_default();
    let mut seen = Vec::new();
    for block in turn.blocks.iter().filter(|block| text_in(block.value, "type") == "tool_result") {
        let Block { message, index, value } = block;
        let id = text_in(value, "tool_use_id");
        if !calls.contains(&id) {
            return Err(ApiError::bad(format!(
                "messages.{message}.content.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. \
                 Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )));
        }
        if seen.contains(&id) {
            return Err(ApiError::bad(format!(
                "messages.{message}.content.{index}: each tool_use must have a single result. Found multiple \
                 `tool_result` blocks with id: {id}"
            )));
        }
        seen.push(id);
    }
    Ok(())
}

/// With a thinking budget, the answer that began the round of calls under way begins with thinking.
fn check_thinking_first(turns: &[Turn<'_>]) -> Result<(), ApiError> {
    let mut began = None;
    for turn in turns.iter().rev() {
        match turn.role {
            "assistant" => began = Some(turn),
            _ if turn.results().next().is_some() => {}
            _ => break,
        }
    }
    let Some(first) = began.and_then(|turn| turn.blocks.first()) else { return Ok(()) };
    let kind = text_in(first.value, "type");
    if matches!(kind, "thinking" | "redacted_thinking") {
        return Ok(());
    }
    Err(ApiError::bad(format!(
        "messages.{}.content.{}.type: Expected `thinking` or `redacted_thinking`, but found `{kind}`. When `thinking` is \
         enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of \
         `tool_use` and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid \
         this requirement, disable `thinking`. Please consult our documentation at \
         https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
        first.message, first.index
    )))
}
