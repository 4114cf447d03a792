//! Answers kept as snapshots, whole and as streams.

use serde_json::{Value, json};

use super::{chat_with, post};

/// An answer as a snapshot, whole and as a stream.
fn golden(name: &str, path: &str, body: &Value) {
    let (status, answer) = post(path, body);
    assert_eq!(status, 200, "{answer}");
    insta::assert_json_snapshot!(name, answer);
    let mut streamed = body.clone();
    streamed["stream"] = json!(true);
    let (_, events) = post(path, &streamed);
    insta::assert_snapshot!(format!("{name}_stream"), events.as_str().unwrap());
}

fn weather_tool() -> Value {
    json!({ "type": "function", "function": { "name": "get_weather", "parameters": {
        "type": "object", "required": ["location"], "properties": { "location": { "type": "string" } } } } })
}

#[test]
fn golden_chat() {
    let chat = "/v1/chat/completions";
    golden("chat_text", chat, &chat_with(&json!({ "max_tokens": 5 })));
    let asks = json!([{ "role": "user", "content": "the weather, in parallel" }]);
    golden("chat_tools", chat, &chat_with(&json!({ "messages": asks, "tools": [weather_tool()] })));
    golden(
        "chat_choices_logprobs",
        chat,
        &chat_with(&json!({ "n": 2, "max_tokens": 2, "logprobs": true, "top_logprobs": 1 })),
    );
}

#[test]
fn a_rule_after_the_question_does_not_answer_it() {
    let asks =
        json!([{ "role": "user", "content": "the weather" }, { "role": "system", "content": "Be brief." }]);
    let (_, answer) =
        post("/v1/chat/completions", &chat_with(&json!({ "messages": asks, "tools": [weather_tool()] })));
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls", "{answer}");
    let tool = json!({ "type": "function", "name": "get_weather", "parameters": {} });
    let (_, answer) = post("/v1/responses", &json!({ "model": "mock-1", "input": asks, "tools": [tool] }));
    assert_eq!(answer["output"][0]["type"], "function_call", "{answer}");
}

#[test]
fn golden_usage_chunk() {
    let body = chat_with(&json!({
        "model": "gpt-5-nano", "max_completion_tokens": 70, "reasoning_effort": "low",
        "stream": true, "stream_options": { "include_usage": true },
    }));
    insta::assert_snapshot!(post("/v1/chat/completions", &body).1.as_str().unwrap());
}

#[test]
fn golden_responses() {
    let path = "/v1/responses";
    golden("responses_text", path, &json!({ "model": "mock-1", "input": "Hi", "max_output_tokens": 16 }));
    let tool = json!({ "type": "function", "name": "get_weather", "parameters": weather_tool()["function"]["parameters"] });
    golden("responses_tool", path, &json!({ "model": "mock-1", "input": "weather?", "tools": [tool] }));
}

#[test]
fn golden_small_endpoints() {
    golden(
        "completion",
        "/v1/completions",
        &json!({ "model": "davinci-002", "prompt": "Once", "max_tokens": 2 }),
    );
    let one = |name: &str, path: &str, body: &Value| insta::assert_json_snapshot!(name, post(path, body));
    let two = json!({ "model": "mock-embed", "input": ["one", "two"], "dimensions": 3 });
    one("embeddings", "/v1/embeddings", &two);
    let base64 =
        json!({ "model": "mock-embed", "input": "one", "dimensions": 3, "encoding_format": "base64" });
    one("embeddings_base64", "/v1/embeddings", &base64);
    one("image", "/v1/images/generations", &json!({ "model": "gpt-image-1", "prompt": "a lock" }));
    one("image_url", "/v1/images/generations", &json!({ "model": "dall-e-3", "prompt": "a lock" }));
    one("moderation", "/v1/moderations", &json!({ "input": "I could kill for an ice" }));
    let documents = ["the sea", "a canal lock", "canal boats"];
    let rerank = json!({ "model": "rerank-1", "query": "canal lock", "documents": documents, "top_n": 2 });
    one("rerank", "/v1/rerank", &rerank);
}
