//! What the gateway remembers for clients that cannot carry it: the proofs of reasoning.

use lockgate_mock::Mock;
use serde_json::{Value, json};

use crate::house::{Answer, House, mock, read};

/// Models that reason, behind strict mocks of their providers, and two clients.
async fn house(mock: &Mock) -> House {
    let host = format!("http://{}", mock.addr());
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}
retry: {{ attempts: 1 }}
access: {{ keys: [{{ name: ann, key: sk-ann-0123456789 }}, {{ name: bob, key: sk-bob-0123456789 }}] }}
providers:
  claude: {{ kind: anthropic, base_url: \"{host}\", api_key: key }}
  google: {{ kind: gemini, base_url: \"{host}\", api_key: key }}
models:
  claude: {{ targets: [claude/claude-sonnet-4-5] }}
  gemini: {{ targets: [google/gemini-3-flash-preview] }}
"
    ))
    .await
}

async fn ask(house: &House, key: &str, path: &str, body: &Value) -> Answer {
    let request = http::Request::post(house.url(path))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer sk-{key}-0123456789"));
    read(house.send(request.body(body.to_string().into()).unwrap()).await).await
}

/// The body of the latest request that reached the provider.
fn latest(mock: &Mock) -> Value {
    serde_json::from_slice(&mock.ledger().last().unwrap().body).unwrap()
}

fn question() -> Value {
    json!([{ "role": "user", "content": "How is the weather? Use the tool." }])
}

fn chat(model: &str, stream: bool, messages: &Value) -> Value {
    json!({ "model": model, "stream": stream, "reasoning_effort": "medium", "messages": messages, "tools": [
        { "type": "function", "function": { "name": "look", "description": "Looks.", "parameters":
            { "type": "object", "properties": { "at": { "type": "string" }, "n": { "type": "integer" } }, "required": ["at", "n"] } } },
    ] })
}

/// The assistant's message as a program keeps it that knows nothing of reasoning.
fn said(answer: &Answer, stream: bool) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    if !stream {
        let message = &answer.json()["choices"][0]["message"];
        return json!({ "role": "assistant", "content": message["content"], "tool_calls": message["tool_calls"] });
    }
    let mut call = json!({ "type": "function", "function": { "arguments": "" } });
    for line in answer.text.lines().filter_map(|line| line.strip_prefix("data: {")) {
        let chunk: Value = serde_json::from_str(&format!("{{{line}")).unwrap();
        let part = &chunk["choices"][0]["delta"]["tool_calls"][0];
        if let Some(id) = part["id"].as_str() {
            call["id"] = id.into();
            call["function"]["name"] = part["function"]["name"].clone();
        }
        let more = part["function"]["arguments"].as_str().unwrap_or_default();
        let so_far = call["function"]["arguments"].as_str().unwrap().to_owned();
        call["function"]["arguments"] = (so_far + more).into();
    }
    json!({ "role": "assistant", "content": null, "tool_calls": [call] })
}

/// The conversation with what the model said and what the tool gave back.
fn next(messages: &Value, said: &Value) -> Value {
    let mut messages = messages.as_array().unwrap().clone();
    let id = &said["tool_calls"][0]["id"];
    messages.push(said.clone());
    messages.push(json!({ "role": "tool", "tool_call_id": id, "content": "4 degrees" }));
    messages.into()
}

const CHAT: &str = "/v1/chat/completions";

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_client_goes_on_thinking_with_anthropic() {
    let mock = mock().await;
    let house = house(&mock).await;
    for stream in [false, true] {
        let first = ask(&house, "ann", CHAT, &chat("claude", stream, &question())).await;
        let messages = next(&question(), &said(&first, stream));
        let second = ask(&house, "ann", CHAT, &chat("claude", stream, &messages)).await;
        assert_eq!(second.status, 200, "{}", second.text);
        assert!(stream || second.text.contains("4 degrees"), "{}", second.text);
        assert!(!second.header("x-lockgate-loss").contains("messages["), "{:?}", second.headers);
        let sent = latest(&mock);
        assert_eq!(sent["thinking"]["type"], "enabled");
        let kinds: Vec<_> = sent["messages"][1]["content"].as_array().unwrap().iter().collect();
        assert_eq!(
            kinds.iter().map(|block| &block["type"]).collect::<Vec<_>>(),
            ["thinking", "tool_use"],
            "{sent}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reasoning_that_may_not_be_read_comes_back_too() {
    // The provider's own words for trying it out.
    const REDACT: &str = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";
    let mock = mock().await;
    let house = house(&mock).await;
    let question = json!([{ "role": "user", "content": format!("Use the tool. {REDACT}") }]);
    let first = ask(&house, "ann", CHAT, &chat("claude", true, &question)).await;
    let messages = next(&question, &said(&first, true));
    let second = ask(&house, "ann", CHAT, &chat("claude", true, &messages)).await;
    assert_eq!(second.status, 200, "{}", second.text);
    assert_eq!(latest(&mock)["messages"][1]["content"][0]["type"], "redacted_thinking");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chat_client_keeps_the_signatures_of_gemini() {
    let mock = mock().await;
    let house = house(&mock).await;
    for stream in [false, true] {
        let first = ask(&house, "ann", CHAT, &chat("gemini", stream, &question())).await;
        let messages = next(&question(), &said(&first, stream));
        let second = ask(&house, "ann", CHAT, &chat("gemini", stream, &messages)).await;
        assert_eq!(second.status, 200, "{}", second.text);
        let sent = latest(&mock);
        let call = &sent["contents"][1]["parts"][0];
        assert!(call.get("functionCall").is_some(), "{sent}");
        // Not what Google offers those who have none.
        let signature = call["thoughtSignature"].as_str().unwrap();
        assert_ne!(signature, "skip_thought_signature_validator");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ollama_client_without_ids_goes_on_thinking_with_anthropic() {
    let mock = mock().await;
    let house = house(&mock).await;
    let body = |messages: &Value| {
        json!({ "model": "claude", "stream": false, "think": true, "messages": messages, "tools": [
            { "type": "function", "function": { "name": "look", "description": "Looks.", "parameters":
                { "type": "object", "properties": { "at": { "type": "string" } }, "required": ["at"] } } },
        ] })
    };
    let first = ask(&house, "ann", "/api/chat", &body(&question())).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(!first.header("x-lockgate-loss").contains("signature"), "{:?}", first.headers);
    let call = &first.json()["message"]["tool_calls"][0]["function"];
    let messages = json!([
        question()[0],
        { "role": "assistant", "content": "", "tool_calls": [
            { "function": { "name": call["name"], "arguments": call["arguments"] } },
        ] },
        { "role": "tool", "tool_name": "look", "content": "4 degrees" },
    ]);
    let second = ask(&house, "ann", "/api/chat", &body(&messages)).await;
    assert_eq!(second.status, 200, "{}", second.text);
    let sent = latest(&mock);
    assert_eq!(sent["thinking"]["type"], "enabled", "{sent}");
    assert_eq!(sent["messages"][1]["content"][0]["type"], "thinking", "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_what_was_kept_for_another_key() {
    let mock = mock().await;
    let house = house(&mock).await;
    let first = ask(&house, "ann", CHAT, &chat("claude", false, &question())).await;
    let messages = next(&question(), &said(&first, false));
    let other = ask(&house, "bob", CHAT, &chat("claude", false, &messages)).await;
    assert_eq!(other.status, 200, "{}", other.text);
    assert!(other.header("x-lockgate-loss").contains("reasoning"), "{:?}", other.headers);
    let sent = latest(&mock);
    assert!(sent.get("thinking").is_none() && !sent.to_string().contains("signature"), "{sent}");
}
