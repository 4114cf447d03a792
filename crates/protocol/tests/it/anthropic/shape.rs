//! Conversations without the shape that the maker and Converse want: what is sent in their place, and what is said about it.

use lockgate_protocol::{codec::RequestHead, dialects};
use serde_json::{Value, json};

use super::{target, value};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// `messages` of OpenAI's dialect as `to` has them: system prompt, conversation, losses.
fn sent(to: &str, messages: &Value) -> (Value, Value, Vec<String>) {
    let body = json!({"model": "m", "max_tokens": 9, "messages": messages}).to_string();
    let head = RequestHead { model: Some("m"), stream: None, path: "/chat/completions" };
    let from = dialects::find("openai-chat").unwrap().codec();
    let request = from.decode_request(head, body.as_bytes()).unwrap();
    let encoded = dialects::find(to).unwrap().codec().encode_request(&request, target(CLAUDE)).unwrap();
    let losses = encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    let body = value(&encoded.body);
    (body["system"].clone(), body["messages"].clone(), losses)
}

/// The conversation in Converse's form, written in the maker's.
fn converse(messages: &Value) -> Value {
    let content = |message: &Value| match &message["content"] {
        Value::String(text) => json!([{"text": text}]),
        Value::Array(blocks) => blocks.iter().map(|block| json!({"text": block["text"]})).collect(),
        other => panic!("{other}"),
    };
    let turn = |message: &Value| json!({"role": message["role"], "content": content(message)});
    messages.as_array().unwrap().iter().map(turn).collect()
}

#[track_caller]
fn check(messages: &Value, expect: &Value, losses: &[&str]) {
    for (to, expect) in [("anthropic", expect.clone()), ("bedrock", converse(expect))] {
        let (system, got, lost) = sent(to, messages);
        assert_eq!((system, got), (Value::Null, expect), "{to}");
        assert_eq!(lost, losses, "{to}");
    }
}

const MODEL_FIRST: &str = "messages: the target wants the user to speak first: `.` is put there";

#[test]
fn a_system_prompt_alone_is_what_the_user_says() {
    check(
        &json!([{"role": "developer", "content": "Write a haiku."}]),
        &json!([{"role": "user", "content": "Write a haiku."}]),
        &["system: the target wants a message of the user: said as the user"],
    );
    check(&json!([]), &json!([{"role": "user", "content": "."}]), &[MODEL_FIRST]);
    check(
        &json!([{"role": "system", "content": " "}]),
        &json!([{"role": "user", "content": "."}]),
        &[MODEL_FIRST],
    );
}

#[test]
fn the_model_does_not_speak_first() {
    check(
        &json!([{"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Bye."}]),
        &json!([
            {"role": "user", "content": "."},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "Bye."},
        ]),
        &[MODEL_FIRST],
    );
}

#[test]
fn a_result_without_its_call_is_read_as_text() {
    let orphan = "the call that it answers is not in the conversation: said as text";
    check(
        &json!([{"role": "tool", "tool_call_id": "c1", "content": "18 degrees"}, {"role": "user", "content": "So?"}]),
        &json!([{"role": "user", "content": [
            {"type": "text", "text": "[result of the tool call `c1`]"},
            {"type": "text", "text": "18 degrees"},
            {"type": "text", "text": "So?"},
        ]}]),
        &[&format!("messages[0].content[0]: {orphan}")],
    );
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let answered = json!([
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"},
        {"role": "tool", "tool_call_id": "c2", "content": "2"},
    ]);
    for (to, result) in [("anthropic", "/2/content/0/tool_use_id"), ("bedrock", "/2/content/0/toolResult")] {
        let (_, messages, losses) = sent(to, &answered);
        assert!(messages.pointer(result).is_some(), "{to}: {messages}");
        assert_eq!(messages[2]["content"][1]["text"], "[result of the tool call `c2`]", "{to}");
        assert_eq!(losses.len(), 1, "{to}: {losses:?}");
        assert!(losses[0].ends_with(orphan), "{to}: {losses:?}");
    }
}

#[test]
fn a_turn_of_the_user_that_cannot_be_said_leaves_a_place() {
    let picture = json!([{"type": "image_url", "image_url": {"url": "https://a.example/x.png"}}]);
    let (_, messages, losses) = sent(
        "bedrock",
        &json!([{"role": "user", "content": picture}, {"role": "assistant", "content": "A cat."}]),
    );
    assert_eq!(messages[0], json!({"role": "user", "content": [{"text": "."}]}));
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(losses, ["messages[0].content[0]: Converse takes no URLs: send the bytes", MODEL_FIRST]);
}

#[test]
fn a_cache_mark_at_a_block_that_is_not_sent_moves_forward() {
    let from = dialects::find("bedrock").unwrap().codec();
    let head = RequestHead { model: Some(CLAUDE), stream: None, path: "/model/x/converse" };
    let written = |body: &Value| {
        let body = body.to_string();
        let request = from.decode_request(head, body.as_bytes()).unwrap();
        let codec = dialects::find("anthropic").unwrap().codec();
        let encoded = codec.encode_request(&request, target("claude-sonnet-4-5")).unwrap();
        let losses: Vec<_> = encoded.losses.iter().map(|loss| loss.path.clone()).collect();
        (value(&encoded.body), losses)
    };
    let mark = json!({"cachePoint": {"type": "default"}});
    let (body, losses) = written(&json!({
        "inferenceConfig": {"maxTokens": 9},
        "system": [{"text": "Be brief."}, {"text": " "}, mark],
        "messages": [{"role": "user", "content": [{"text": "q"}, {"text": ""}, mark]}],
    }));
    let cached = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    assert_eq!(body["system"], cached("Be brief."));
    assert_eq!(body["messages"][0]["content"], cached("q"));
    assert_eq!(losses, Vec::<String>::new());
    let (_, losses) = written(&json!({
        "inferenceConfig": {"maxTokens": 9},
        "messages": [{"role": "user", "content": [{"text": ""}, mark, {"text": "q"}]}],
    }));
    assert_eq!(losses, ["messages[0].content[0].cache"]);
}
