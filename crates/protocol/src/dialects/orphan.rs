//! What providers that check a conversation's shape are told where it has none: results whose calls are not there, and
//! conversations that the user does not begin.

use crate::ir::{Block, Content, ToolResult};

/// Why a result without its call is a loss: it may be the rest of a conversation that was cut off in front.
pub(super) const RESULT: &str = "the call that it answers is not in the conversation: said as text";
/// Why a system prompt without a conversation is a loss.
pub(super) const SYSTEM: &str = "the target wants a message of the user: said as the user";
/// Why a conversation is a loss that the model begins.
pub(super) const MODEL_FIRST: &str = "the target wants the user to speak first: `.` is put there";
/// What the user says where a provider wants a message of the user and the conversation has none: the least that is not
/// blank.
pub(super) const PLACEHOLDER: &str = ".";

/// Whether `blocks` call what `result` answers.
pub(super) fn is_called<'c, 'a: 'c>(
    mut blocks: impl Iterator<Item = &'c Content<'a>>,
    result: &ToolResult<'_>,
) -> bool {
    blocks.any(|content| matches!(content, Content::ToolUse(call) if call.id == result.id))
}

/// What stands in front of the blocks of a result without its call.
pub(super) fn heading(result: &ToolResult<'_>) -> Block<'static> {
    let failed = if result.is_error == Some(true) { " failed" } else { "" };
    let name = result.name.as_deref().map_or(String::new(), |name| format!(" of `{name}`"));
    Content::text(format!("[result of the tool call `{}`{name}{failed}]", &*result.id)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::ToolKind;

    #[test]
    fn a_heading_says_what_the_result_is_of() {
        let mut result = ToolResult {
            id: "c1".into(),
            name: None,
            blocks: Vec::new(),
            is_error: None,
            kind: ToolKind::Function,
        };
        let said = |result: &ToolResult<'_>| match heading(result).content {
            Content::Text { text, .. } => text.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said(&result), "[result of the tool call `c1`]");
        result.name = Some("look".into());
        result.is_error = Some(true);
        assert_eq!(said(&result), "[result of the tool call `c1` of `look` failed]");
    }
}
