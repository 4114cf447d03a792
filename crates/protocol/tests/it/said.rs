//! What a request of one dialect is in another, case by case: the members that matter, and the losses.

use lockgate_protocol::{
    codec::{RequestHead, Target},
    dialects,
};
use serde_json::{Value, json};

const CHAT: &str = "openai-chat";
const RESPONSES: &str = "openai-responses";
const OLLAMA: &str = "ollama";
const ANTHROPIC: &str = "anthropic";

/// The request in the dialect `to`, and what is lost on the way.
#[track_caller]
fn said(from: &str, to: &str, model: &str, body: &Value) -> (Value, Vec<String>) {
    let codec = |name| dialects::find(name).unwrap().codec();
    let body = body.to_string();
    let request = codec(from).decode_request(RequestHead::default(), body.as_bytes()).unwrap();
    let target = Target { model, max_output: None, version: None };
    let encoded = codec(to).encode_request(&request, target).unwrap();
    let losses = encoded.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), losses)
}

/// Checks the member at the pointer and all losses.
#[track_caller]
fn check(from: &str, to: &str, body: &Value, (pointer, expect): (&str, &Value), lost: &[&str]) {
    let (said, losses) = said(from, to, "some-model", body);
    assert_eq!(said.pointer(pointer).unwrap_or(&Value::Null), expect, "{from} to {to}: {said}");
    assert_eq!(losses, lost, "{from} to {to}");
}

fn chat(messages: &Value) -> Value {
    json!({ "model": "m", "max_tokens": 20, "messages": messages })
}

#[test]
fn leading_instructions_of_both_roles_stay_instructions() {
    let body = chat(&json!([
        { "role": "system", "content": "one" },
        { "role": "developer", "content": "two" },
        { "role": "user", "content": "hi" },
    ]));
    let texts = json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]);
    check(CHAT, ANTHROPIC, &body, ("/system", &texts), &[]);
    check(CHAT, ANTHROPIC, &body, ("/messages/0/content", &json!("hi")), &[]);
    check(CHAT, CHAT, &body, ("/messages/0", &json!({ "role": "system", "content": texts })), &[]);
    check(CHAT, CHAT, &body, ("/messages/1/role", &json!("user")), &[]);
    check(CHAT, OLLAMA, &body, ("/messages/0", &json!({ "role": "system", "content": "one\n\ntwo" })), &[]);
    check(CHAT, RESPONSES, &body, ("/input/0/role", &json!("developer")), &[]);
    check(CHAT, RESPONSES, &body, ("/input/1/role", &json!("user")), &[]);
}

#[test]
fn efforts_are_those_that_the_model_takes() {
    let body =
        json!({ "model": "m", "input": "hi", "reasoning": { "effort": "minimal" }, "temperature": 0.2 });
    let (request, losses) = said(RESPONSES, CHAT, "gpt-5.1", &body);
    assert_eq!((&request["reasoning_effort"], &request["temperature"]), (&json!("low"), &Value::Null));
    assert_eq!(
        losses,
        [
            "reasoning: the model does not take `minimal`: said as `low`",
            "temperature: a model that reasons does not take it"
        ]
    );
    let body = json!({ "model": "m", "temperature": 0.2, "messages": [{ "role": "user", "content": "hi" }] });
    let (request, losses) = said(CHAT, RESPONSES, "gpt-5.1", &body);
    assert_eq!((&request["reasoning"], &request["temperature"]), (&Value::Null, &json!(0.2)));
    assert!(losses.is_empty(), "{losses:?}");
}

#[test]
fn classes_of_service_are_said_or_named() {
    let body = |tier: &str| {
        let messages = json!([{ "role": "user", "content": "hi" }]);
        json!({ "model": "m", "max_tokens": 20, "messages": messages, "service_tier": tier })
    };
    for (to, lost) in [
        (CHAT, "service_tier: no such tier here"),
        (RESPONSES, "service_tier: no such class of service"),
        (OLLAMA, "service_tier: ollama has no place for it"),
    ] {
        let default = if to == OLLAMA { Value::Null } else { json!("default") };
        let named: &[&str] = if to == OLLAMA { &[lost] } else { &[] };
        check(ANTHROPIC, to, &body("standard_only"), ("/service_tier", &default), named);
        check(ANTHROPIC, to, &body("golden"), ("/service_tier", &Value::Null), &[lost]);
    }
}

#[test]
fn a_text_that_came_as_a_file_is_said_as_text() {
    let document = |data: &str| {
        let file =
            json!({ "type": "file", "file": { "file_data": format!("data:text/plain;base64,{data}") } });
        chat(&json!([{ "role": "user", "content": [file, { "type": "text", "text": "?" }] }]))
    };
    let body = document("w6k=");
    check(CHAT, OLLAMA, &body, ("/messages/0/content", &json!("é\n\n?")), &[]);
    let lost = "messages[0].content[0]: ollama takes documents as text only";
    check(CHAT, OLLAMA, &document("/w=="), ("/messages/0/content", &json!("?")), &[lost]);
    let body = json!({ "model": "m", "input": [{ "role": "user", "content": [
        { "type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,w6k=" },
    ] }] });
    check(RESPONSES, CHAT, &body, ("/messages/0/content", &json!("a.txt\n\né")), &[]);
}

#[test]
fn sound_of_the_model_is_said_in_its_words() {
    let audio = json!({ "id": "audio_1", "transcript": "ahoy" });
    let body = chat(&json!([
        { "role": "assistant", "content": null, "audio": audio },
        { "role": "user", "content": "again" },
    ]));
    check(CHAT, CHAT, &body, ("/messages/0/audio", &audio), &[]);
    let lost = "messages[0].content[0]: ollama takes sound in base64 as wav or mp3 only";
    check(CHAT, OLLAMA, &body, ("/messages/0/content", &json!("ahoy")), &[lost]);
    let lost = "messages[0].content[0]: the API takes only text in the model's turns: the words are said";
    let text = json!([{ "type": "output_text", "text": "ahoy" }]);
    check(CHAT, RESPONSES, &body, ("/input/0/content", &text), &[lost]);
}

#[test]
fn a_message_of_which_nothing_is_left_is_left_out() {
    let body = json!({ "model": "m", "input": [
        { "type": "item_reference", "id": "msg_1" },
        { "role": "user", "content": "hi" },
        { "type": "tool_search_output", "id": "x", "tools": [] },
        { "role": "user", "content": "there" },
    ] });
    for to in [CHAT, OLLAMA] {
        let (request, losses) = said(RESPONSES, to, "some-model", &body);
        let left: Vec<_> = request["messages"].as_array().unwrap().iter().map(|m| &m["content"]).collect();
        assert_eq!(left, ["hi", "there"], "{to}");
        assert_eq!(losses.len(), 2, "{to}: {losses:?}");
    }
    let body = chat(&json!([
        { "role": "user", "content": "hi" },
        { "role": "system", "content": [{ "type": "tool_addition", "tool_name": "f" }] },
    ]));
    for to in [CHAT, OLLAMA] {
        let (request, losses) = said(ANTHROPIC, to, "some-model", &body);
        assert_eq!(request["messages"], json!([{ "role": "user", "content": "hi" }]), "{to}");
        assert_eq!(losses.len(), 1, "{to}: {losses:?}");
    }
}
