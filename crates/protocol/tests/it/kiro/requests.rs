//! Requests of clients' dialects as Kiro takes them, and what is lost.

use lockgate_protocol::{
    codec::{Encoded, RequestHead, Target},
    dialects::{self, DIALECTS},
    ir::Fault,
};
use lockgate_testkit::fixtures;
use serde_json::{Value, json};

use super::codec;

fn written(dialect: &str, body: &[u8]) -> Result<Encoded, Fault> {
    let from = dialects::find(dialect).expect("a dialect").codec();
    let head = RequestHead { model: Some("alias"), ..RequestHead::default() };
    let request = from.decode_request(head, body)?;
    codec().encode_request(&request, Target { model: "claude-sonnet-4.5", max_output: None, version: None })
}

/// What an Anthropic client's request becomes, and the paths of its losses.
#[track_caller]
fn check(body: &Value, expected: &Value, losses: &[&str]) {
    let encoded = written("anthropic", body.to_string().as_bytes()).expect("written");
    let found: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    assert_eq!(found["conversationState"], *expected, "{found:#}");
    let lost: Vec<&str> = encoded.losses.iter().map(|loss| loss.path.as_str()).collect();
    assert_eq!(lost, losses, "{}", encoded.losses);
}

/// A turn of the user's, with more members.
fn user(content: &str, more: &Value) -> Value {
    let mut input = json!({ "content": content, "modelId": "claude-sonnet-4.5", "origin": "AI_EDITOR" });
    let members = more.as_object().expect("an object").clone();
    input.as_object_mut().expect("an object").extend(members);
    json!({ "userInputMessage": input })
}

fn specification(name: &str, description: &str, schema: &Value) -> Value {
    json!({ "toolSpecification": { "name": name, "description": description, "inputSchema": { "json": schema } } })
}

#[test]
fn a_message_alone_is_the_current_one() {
    check(
        &json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "ahoi" }] }),
        &json!({ "chatTriggerType": "MANUAL", "currentMessage": user("ahoi", &json!({})) }),
        &["max_tokens"],
    );
}

#[test]
fn tools_their_calls_and_their_results_stand_where_kiro_has_them() {
    let schema = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    check(
        &json!({
            "model": "m", "max_tokens": 9, "system": "be brief",
            "tools": [{ "name": "weather", "description": "tells it", "input_schema": schema }],
            "messages": [
                { "role": "user", "content": [
                    { "type": "text", "text": "look" },
                    { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } },
                    { "type": "text", "text": "closely" },
                ] },
                { "role": "assistant", "content": [
                    { "type": "text", "text": "I ask" },
                    { "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Bern", "a": 1.50 } },
                    { "type": "tool_use", "id": "functions.old:0", "name": "gone", "input": {} },
                ] },
                { "role": "user", "content": [
                    { "type": "tool_result", "tool_use_id": "toolu_1", "content": "17" },
                    { "type": "tool_result", "tool_use_id": "functions.old:0", "is_error": true, "content": [
                        { "type": "text", "text": "no" },
                        { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "aGk=" } },
                    ] },
                ] },
            ],
        }),
        &json!({
            "chatTriggerType": "MANUAL",
            "history": [
                user("be brief\n\nlook\n\nclosely", &json!({ "images": [{ "format": "png", "source": { "bytes": "aGk=" } }] })),
                { "assistantResponseMessage": { "content": "I ask", "toolUses": [
                    { "toolUseId": "toolu_1", "name": "weather", "input": { "city": "Bern", "a": 1.5 } },
                    { "toolUseId": "functions_old_0_91aa5e01", "name": "gone", "input": {} },
                ] } },
            ],
            "currentMessage": user("", &json!({ "userInputMessageContext": {
                "toolResults": [
                    { "toolUseId": "toolu_1", "status": "success", "content": [{ "text": "17" }] },
                    { "toolUseId": "functions_old_0_91aa5e01", "status": "error", "content": [{ "text": "no" }] },
                ],
                "tools": [
                    specification("weather", "tells it", &schema),
                    specification("gone", "gone", &json!({ "type": "object", "properties": {} })),
                ],
            } })),
        }),
        &["max_tokens", "system", "messages[2].content[1].content[1]"],
    );
}

#[test]
fn what_kiro_cannot_say_is_named() {
    let long = "x".repeat(20_000);
    let tool = |name: &str, description: &str| json!({ "name": name, "description": description, "input_schema": { "type": "object" } });
    let state = json!({
        "chatTriggerType": "MANUAL",
        "currentMessage": user("hi", &json!({ "userInputMessageContext": { "tools": [
            specification("b", &long[..10_240], &json!({ "type": "object" })),
        ] } })),
    });
    check(
        &json!({
            "model": "m", "max_tokens": 9, "temperature": 0.5, "top_p": 0.5, "top_k": 3, "stop_sequences": ["x"],
            "thinking": { "type": "enabled", "budget_tokens": 2000 }, "metadata": { "user_id": "u" },
            "tools": [tool("a", "one"), tool("b", &long), { "type": "web_search_20250305", "name": "web_search" }],
            "tool_choice": { "type": "tool", "name": "b" },
            "messages": [{ "role": "user", "content": [
                { "type": "text", "text": "hi", "cache_control": { "type": "ephemeral" } },
                { "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } },
                { "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "aGk=" } },
            ] }],
        }),
        &state,
        &[
            "max_tokens",
            "temperature",
            "top_p",
            "top_k",
            "stop",
            "reasoning",
            "user",
            "messages[0].content[0].cache",
            "messages[0].content[1].source",
            "messages[0].content[2]",
            "tool_choice",
            "tools[1].description",
            "tools[2]",
        ],
    );
}

#[test]
fn an_answer_s_beginning_is_asked_to_go_on() {
    check(
        &json!({ "model": "m", "max_tokens": 9, "messages": [
            { "role": "user", "content": "count" }, { "role": "user", "content": "to 3" },
            { "role": "assistant", "content": "1, 2," },
        ] }),
        &json!({
            "chatTriggerType": "MANUAL",
            "history": [
                user("count\n\nto 3", &json!({})),
                { "assistantResponseMessage": { "content": "1, 2," } },
            ],
            "currentMessage": user("Continue", &json!({})),
        }),
        &["max_tokens", "messages"],
    );
}

#[test]
fn forbidden_tools_are_not_offered_unless_they_were_called() {
    let tools = json!([{ "name": "a", "description": "one", "input_schema": { "type": "object" } }]);
    check(
        &json!({ "model": "m", "max_tokens": 9, "tools": tools, "tool_choice": { "type": "none" },
                 "messages": [{ "role": "user", "content": "hi" }] }),
        &json!({ "chatTriggerType": "MANUAL", "currentMessage": user("hi", &json!({})) }),
        &["max_tokens"],
    );
    let body = json!({ "model": "m", "max_tokens": 9, "tools": tools, "tool_choice": { "type": "none" }, "messages": [
        { "role": "user", "content": "hi" },
        { "role": "assistant", "content": [{ "type": "tool_use", "id": "t", "name": "a", "input": {} }] },
        { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": "1" }] },
    ] });
    let encoded = written("anthropic", body.to_string().as_bytes()).expect("written");
    assert!(encoded.losses.iter().any(|loss| loss.path == "tool_choice"), "{}", encoded.losses);
    let found: Value = serde_json::from_slice(&encoded.body).expect("JSON");
    let offered =
        found.pointer("/conversationState/currentMessage/userInputMessage/userInputMessageContext/tools/0");
    assert_eq!(offered, Some(&specification("a", "one", &json!({ "type": "object" }))));
}

#[test]
fn a_conversation_of_nothing_is_refused() {
    let body = br#"{"model":"m","max_tokens":9,"messages":[]}"#;
    let said = written("anthropic", body).expect_err("nothing to answer");
    assert_eq!(said.status, 400, "{said}");
}

/// Every request that was recorded, in whichever dialect, becomes one that Kiro's order allows.
#[test]
fn recorded_requests_keep_the_order_of_turns() {
    let Some(fixtures) = fixtures::open() else { return };
    let mut count = 0;
    for case in fixtures.all() {
        let case = case.expect("a recording");
        let name = case.protocol.strip_suffix("-messages").unwrap_or(&case.protocol);
        let name = name.strip_suffix("-converse").unwrap_or(name);
        let known = DIALECTS.iter().any(|dialect| dialect.name() == name);
        let Some(body) = case.request.as_deref().filter(|_| known && case.status == 200) else { continue };
        let Ok(encoded) = written(name, body) else { continue };
        count += 1;
        let found: Value = serde_json::from_slice(&encoded.body).expect("JSON");
        let state = &found["conversationState"];
        assert!(state["currentMessage"]["userInputMessage"]["content"].is_string(), "{}: {found}", case.name);
        let turns = state["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let speaks = |turn: &Value| turn.get("userInputMessage").is_some();
        assert!(turns.windows(2).all(|two| speaks(&two[0]) != speaks(&two[1])), "{}: {found}", case.name);
        assert!(turns.last().is_none_or(|turn| !speaks(turn)), "{}: {found}", case.name);
        assert!(!encoded.body.windows(6).any(|part| part == b":null,"), "{}: {found}", case.name);
    }
    assert!(count > 100, "only {count} requests were tried");
}
