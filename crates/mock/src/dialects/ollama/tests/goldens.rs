//! Answers, byte by byte, and that a stream says what the whole answer says.

use super::*;

/// Snapshots the whole answer and the stream, and checks that they say the same.
#[track_caller]
fn check(name: &str, path: &str, mut body: Value) {
    body["stream"] = json!(false);
    let whole = post(path, &body);
    assert_eq!(
        (whole.status, whole.content_type),
        (200, "application/json; charset=utf-8"),
        "{}",
        whole.body
    );
    // Streamed unless told otherwise.
    body.as_object_mut().unwrap().remove("stream");
    let stream = post(path, &body);
    assert_eq!((stream.status, stream.content_type), (200, "application/x-ndjson"));
    assert_eq!(stream.usage, whole.usage);
    let (lines, expect) = (stream.lines(), whole.json());
    for pointer in ["/message/content", "/message/thinking", "/response", "/thinking"] {
        let said: String = lines.iter().filter_map(|line| line.pointer(pointer)?.as_str()).collect();
        assert_eq!(said, expect.pointer(pointer).and_then(Value::as_str).unwrap_or_default(), "{pointer}");
    }
    for pointer in ["/message/tool_calls", "/logprobs"] {
        let said = lines.iter().filter_map(|line| line.pointer(pointer)?.as_array()).flatten();
        let said: Vec<&Value> = said.collect();
        let expect: Vec<&Value> =
            expect.pointer(pointer).and_then(Value::as_array).into_iter().flatten().collect();
        assert_eq!(said, expect, "{pointer}");
    }
    for key in ["done", "done_reason", "eval_count", "prompt_eval_count", "context", "created_at", "model"] {
        assert_eq!(lines.last().unwrap().get(key), expect.get(key), "{key}");
    }
    assert!(lines[..lines.len() - 1].iter().all(|line| line["done"] == false));
    insta::assert_snapshot!(format!("{name}"), whole.body);
    insta::assert_snapshot!(format!("{name}_stream"), stream.body);
}

#[test]
fn chat() {
    check("chat_text", "/api/chat", chat_with(&json!({ "options": { "num_predict": 6 } })));
    let asks = json!([{ "role": "user", "content": "Weather, in parallel?" }]);
    check("chat_tools", "/api/chat", chat_with(&json!({ "messages": asks, "tools": weather() })));
    let thinks = json!({ "model": "mock-1", "think": true, "options": { "num_predict": 66 } });
    check("chat_thinking", "/api/chat", chat_with(&thinks));
    let scored = json!({ "logprobs": true, "top_logprobs": 1, "options": { "num_predict": 2 } });
    check("chat_logprobs", "/api/chat", chat_with(&scored));
}

#[test]
fn generate() {
    let body = json!({ "model": "llama3", "prompt": "Hello", "options": { "stop": [" This"] } });
    check("generate_text", "/api/generate", body);
}

#[test]
fn the_answer_has_the_form_asked_for() {
    let schema =
        json!({ "type": "object", "required": ["age"], "properties": { "age": { "type": "integer" } } });
    let seen = post("/api/chat", &chat_with(&json!({ "stream": false, "format": schema }))).json();
    let content: Value = serde_json::from_str(seen["message"]["content"].as_str().unwrap()).unwrap();
    assert!(content["age"].is_i64(), "{content}");
    let seen = post("/api/chat", &chat_with(&json!({ "stream": false, "format": "json" }))).json();
    assert!(seen["message"]["content"].as_str().unwrap().starts_with('{'));
}

#[test]
fn a_tool_result_is_read() {
    let messages = json!([
        { "role": "user", "content": "weather?" },
        { "role": "assistant", "content": "", "tool_calls": [{ "function": { "name": "get_weather", "arguments": {} } }] },
        { "role": "tool", "tool_name": "get_weather", "content": "17 degrees" },
    ]);
    let body = chat_with(&json!({ "stream": false, "messages": messages, "tools": weather() }));
    let content = post("/api/chat", &body).json()["message"]["content"].as_str().unwrap().to_owned();
    assert!(content.contains("17 degrees"), "{content}");
}

#[test]
fn models_think_when_they_are_asked_or_cannot_help_it() {
    let thinking = |model: &str, think: Option<Value>| {
        let mut body = chat_with(&json!({ "model": model, "stream": false }));
        think.into_iter().for_each(|think| body["think"] = think);
        post("/api/chat", &body).json()["message"].get("thinking").is_some()
    };
    assert!(thinking("qwen3", None) && thinking("qwen3:latest", Some(json!("high"))));
    assert!(!thinking("qwen3", Some(json!(false))) && !thinking("llama3.2", Some(json!(false))));
    assert!(!thinking("mock-1", None) && thinking("mock-1", Some(json!(true))));
}

#[test]
fn models_are_loaded_and_unloaded() {
    for (path, key) in [("/api/chat", "message"), ("/api/generate", "response")] {
        for (keep_alive, reason) in [(json!("5m"), "load"), (json!(0), "unload"), (json!("0s"), "unload")] {
            let seen = post(path, &json!({ "model": "llama3.2", "keep_alive": keep_alive }));
            assert_eq!(seen.content_type, "application/json; charset=utf-8");
            let body = seen.json();
            assert_eq!(
                (&body["done_reason"], &body["done"], body.get(key).is_some()),
                (&json!(reason), &json!(true), true)
            );
        }
    }
}

#[test]
fn models_are_told() {
    let tags = get("/api/tags").json();
    let first = &tags["models"][0];
    assert_eq!((&first["name"], &first["model"]), (&json!("llama3:latest"), &json!("llama3:latest")));
    assert_eq!(first["digest"].as_str().unwrap().len(), 64);
    // Whatever is listed can be shown.
    for model in tags["models"].as_array().unwrap() {
        let shown = post("/api/show", &json!({ "model": model["name"] }));
        assert_eq!(shown.status, 200, "{}", shown.body);
        assert_eq!(shown.json()["details"], model["details"]);
    }
    let shown = post("/api/show", &json!({ "name": "qwen3" })).json();
    assert_eq!(shown["capabilities"], json!(["completion", "tools", "thinking"]));
    assert_eq!(shown["model_info"]["qwen3.context_length"], 40_960);
    let shown = post("/api/show", &json!({ "model": "nomic-embed-text" })).json();
    assert_eq!(shown["capabilities"], json!(["embedding"]));
    assert_eq!(get("/api/ps").json(), json!({ "models": [] }));
    assert!(get("/api/version").json()["version"].is_string());
}

#[test]
fn texts_become_vectors() {
    let seen = post("/api/embed", &json!({ "model": "nomic-embed-text", "input": ["a", "b", "a"] }));
    let body = seen.json();
    let vectors = body["embeddings"].as_array().unwrap();
    assert_eq!((vectors.len(), vectors[0].as_array().unwrap().len()), (3, 768));
    assert!(vectors[0] == vectors[2] && vectors[0] != vectors[1]);
    assert_eq!(seen.usage.unwrap().input, 3);
    let short = post("/api/embed", &json!({ "model": "mock-1", "input": "a", "dimensions": 4 })).json();
    assert_eq!(short["embeddings"][0].as_array().unwrap().len(), 4);
    let old = post("/api/embeddings", &json!({ "model": "mock-1", "prompt": "a" })).json();
    assert_eq!(old["embedding"].as_array().unwrap().len(), 8);
}
