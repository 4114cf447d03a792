//! What leaves for services that take their dialect with exceptions, and what clients are told of it.

use http::Method;
use lockgate_mock::Mock;
use serde_json::{Value, json};

use crate::house::{Answer, CHAT_PATH, House, lenient};

/// A gateway before a service of that kind, which is the mock's.
async fn house(mock: &Mock, kind: &str, rest: &str) -> House {
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ p: {{ kind: \"{kind}\", base_url: \"{}\", api_key: k }} }}\n\
         models: {{ m: {{ targets: [p/mock-1]{rest} }} }}\n",
        mock.base_url()
    ))
    .await
}

async fn ask(house: &House, path: &str, body: &Value) -> Answer {
    house.ask(Method::POST, path, "application/json", body.to_string()).await
}

fn sent(mock: &Mock) -> Value {
    serde_json::from_slice(&mock.ledger().last().unwrap().body).unwrap()
}

#[tokio::test]
async fn a_refused_field_stays_here_and_is_named_in_either_way() {
    let mock = lenient().await;
    let house = house(&mock, "groq", "").await;
    let chat = json!({ "model": "m", "logprobs": true, "seed": 1, "messages": [
        { "role": "user", "name": "ann", "content": "ahoi" },
        { "role": "assistant", "reasoning_content": "so", "content": "ahoi" },
        { "role": "user", "content": "ahoi" },
    ] });
    let answer = ask(&house, CHAT_PATH, &chat).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = json!({ "model": "mock-1", "seed": 1, "messages": [
        { "role": "user", "content": "ahoi" },
        { "role": "assistant", "content": "ahoi" },
        { "role": "user", "content": "ahoi" },
    ] });
    assert_eq!(sent(&mock), expected);
    let losses = answer.header("x-lockgate-loss");
    for path in ["logprobs", "messages[0].name", "messages[1].reasoning_content"] {
        assert!(losses.contains(&format!("{path} (the provider refuses")), "{losses}");
    }

    let gemini = json!({ "contents": [{ "role": "user", "parts": [{ "text": "ahoi" }] }],
        "generationConfig": { "responseLogprobs": true, "seed": 1 } });
    let answer = ask(&house, "/v1beta/models/m:generateContent", &gemini).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(sent(&mock).get("logprobs").is_none() && sent(&mock)["seed"] == 1, "{}", sent(&mock));
    assert!(
        answer.header("x-lockgate-loss").contains("logprobs (the provider refuses"),
        "{:?}",
        answer.headers
    );
}

#[tokio::test]
async fn what_would_be_taken_out_is_refused_where_the_operator_says_so() {
    let mock = lenient().await;
    let house = house(&mock, "groq", ", on_loss: reject").await;
    let body =
        json!({ "model": "m", "logit_bias": { "1": 2 }, "messages": [{ "role": "user", "content": "x" }] });
    let answer = ask(&house, CHAT_PATH, &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("logit_bias"), "{}", answer.text);
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test]
async fn a_field_goes_by_the_services_own_name() {
    let mock = lenient().await;
    let house = house(&mock, "mistral", "").await;
    let body =
        json!({ "model": "m", "max_completion_tokens": 9, "messages": [{ "role": "user", "content": "x" }] });
    let answer = ask(&house, CHAT_PATH, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-loss")), (200, ""), "{}", answer.text);
    assert_eq!(sent(&mock)["max_tokens"], 9);
    assert!(sent(&mock).get("max_completion_tokens").is_none());
}

#[tokio::test]
async fn a_tool_of_plain_text_is_a_function_for_a_service_that_has_nothing_else() {
    let mock = lenient().await;
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }],
        "tools": [{ "type": "custom", "custom": { "name": "patch", "description": "d" } }] });
    for (kind, expected) in [("llama.cpp", "function"), ("openai-compatible", "custom")] {
        let house = house(&mock, kind, "").await;
        let answer = ask(&house, CHAT_PATH, &body).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
        let tool = &sent(&mock)["tools"][0];
        assert_eq!(
            (&tool["type"], &tool[expected]["name"]),
            (&json!(expected), &json!("patch")),
            "{kind}: {tool}"
        );
    }
}
