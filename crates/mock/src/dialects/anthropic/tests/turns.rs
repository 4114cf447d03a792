//! What is refused in a conversation: who may speak when, and what must be answered.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, and a test reads better without `&`"
)]

use super::{
    refusals::{accepted, assistant, refused, user},
    *,
};

fn call(id: &str) -> Value {
    json!({ "type": "tool_use", "id": id, "name": "f", "input": {} })
}

fn result(id: &str) -> Value {
    json!({ "type": "tool_result", "tool_use_id": id, "content": "1" })
}

/// A call, and what the user says to it.
fn round(calls: Value, results: Value) -> Value {
    json!({ "messages": [
        { "role": "user", "content": "Hello" },
        { "role": "assistant", "content": calls },
        { "role": "user", "content": results },
    ] })
}

#[test]
fn roles() {
    let turn = |role: &str| json!({ "role": role, "content": "x" });
    refused(&json!({ "messages": [turn("tool")] }), "messages.0.role: Input should be 'user' or 'assistant'");
    refused(
        &json!({ "messages": [turn("assistant")] }),
        "messages: first message must use the \"user\" role",
    );
    refused(
        &json!({ "messages": [turn("system"), turn("user")] }),
        "messages.0: use the top-level 'system' parameter for the initial system prompt",
    );
    let middle = json!([turn("user"), turn("system")]);
    accepted(OLD, &json!({ "messages": middle }));
    refused(
        &json!({ "model": "claude-haiku-4-5", "messages": middle }),
        "role 'system' is not supported on this model",
    );
    accepted(
        OLD,
        &json!({ "messages": [turn("user"), turn("user"), turn("assistant"), turn("assistant"), turn("user")] }),
    );
}

#[test]
fn empty_content() {
    refused(&user(json!("")), "messages.0: user messages must have non-empty content");
    refused(&user(json!([])), "messages.0: user messages must have non-empty content");
    refused(
        &user(json!([{ "type": "text", "text": "" }])),
        "messages: text content blocks must be non-empty",
    );
    refused(&user(json!(" \n")), "messages: text content blocks must contain non-whitespace text");
    accepted(OLD, &assistant(json!("")));
    refused(
        &json!({ "system": [{ "type": "text", "text": "" }] }),
        "system: text content blocks must be non-empty",
    );
    let marked = json!([{ "type": "text", "text": "", "cache_control": { "type": "ephemeral" } }]);
    refused(&json!({ "system": marked }), "system.0: cache_control cannot be set for empty text blocks");
    refused(
        &assistant(json!("Well, ")),
        "messages: final assistant content cannot end with trailing whitespace",
    );
}

#[test]
fn calls_and_results() {
    accepted(OLD, &round(json!([call("a"), call("b")]), json!([result("b"), result("a")])));
    refused(
        &round(json!([call("a"), call("b")]), json!([result("a")])),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: b. Each `tool_use` block \
         must have a corresponding `tool_result` block in the next message.",
    );
    refused(
        &round(json!([call("a")]), json!([{ "type": "text", "text": "first" }, result("a")])),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: a. Each `tool_use` block \
         must have a corresponding `tool_result` block in the next message.",
    );
    refused(
        &user(json!([result("a")])),
        "messages.0.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a. Each `tool_result` block must \
         have a corresponding `tool_use` block in the previous message.",
    );
    refused(
        &round(json!([call("a")]), json!([result("a"), result("a")])),
        "messages.2.content.1: each tool_use must have a single result. Found multiple `tool_result` blocks with id: a",
    );
    refused(
        &round(json!([call("a"), call("a")]), json!([result("a")])),
        "messages.1.content.1: `tool_use` ids must be unique",
    );
    refused(
        &round(json!([call("functions.f:0")]), json!([result("functions.f:0")])),
        "messages.1.content.0.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    );
    refused(&user(json!([call("a")])), "messages.0: `tool_use` blocks can only be in `assistant` messages");
    refused(
        &assistant(json!([result("a")])),
        "messages.1: `tool_result` blocks can only be in `user` messages",
    );
}

/// Two messages of one role are one turn: results may come in several messages.
#[test]
fn results_in_several_messages() {
    accepted(
        OLD,
        &json!({ "messages": [
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": [call("a"), call("b")] },
            { "role": "user", "content": [result("a")] },
            { "role": "user", "content": [result("b")] },
        ] }),
    );
}

#[test]
fn thinking_blocks() {
    let thought = |signature: &str| json!({ "type": "thinking", "thinking": "hm", "signature": signature });
    let signature = signature::sign("hm");
    accepted(OLD, &round(json!([thought(&signature), call("a")]), json!([result("a")])));
    refused(
        &round(json!([thought("made-up"), call("a")]), json!([result("a")])),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    );
    refused(
        &round(json!([{ "type": "thinking", "thinking": "hm" }, call("a")]), json!([result("a")])),
        "messages.1.content.0.thinking.signature: Field required",
    );
    refused(
        &user(json!([thought(&signature)])),
        "messages.0: `thinking` blocks can only be in `assistant` messages",
    );
    let mut bare = round(json!([call("a")]), json!([result("a")]));
    accepted(OLD, &bare);
    bare["thinking"] = json!({ "type": "enabled", "budget_tokens": 1024 });
    refused(
        &bare,
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is \
         enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` \
         and `tool_result` blocks). We recommend you include thinking blocks from previous turns. To avoid this \
         requirement, disable `thinking`. Please consult our documentation at \
         https://docs.claude.com/en/docs/build-with-claude/extended-thinking",
    );
    bare["thinking"] = json!({ "type": "adaptive" });
    accepted(OLD, &bare);
}
