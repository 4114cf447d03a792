//! What Ollama refuses, in its own words.

use super::*;

#[track_caller]
fn refused(path: &str, body: &Value, status: u16, words: &str) {
    let seen = post(path, body);
    assert_eq!((seen.status, seen.json()), (status, json!({ "error": words })));
}

#[track_caller]
fn chat(changes: &Value, words: &str) {
    refused("/api/chat", &chat_with(changes), 400, words);
}

#[test]
fn unknown_models() {
    refused("/api/chat", &chat_with(&json!({ "model": "x" })), 404, "model 'x' not found");
    refused("/api/generate", &json!({ "model": "x", "prompt": "p" }), 404, "model 'x' not found");
    refused("/api/embed", &json!({ "model": "x", "input": "p" }), 404, "model 'x' not found");
    refused("/api/show", &json!({ "model": "x" }), 404, "model 'x' not found");
    chat(&json!({ "model": "" }), "model is required");
    refused("/api/generate", &json!({ "prompt": "p" }), 404, "model '' not found");
    refused("/api/show", &json!({}), 400, "model is required");
}

#[test]
fn bodies_that_are_none() {
    let raw = |body: &str| {
        let seen = send_with(&Method::POST, "/api/chat", None, body.as_bytes());
        assert_eq!(seen.status, 400);
        seen.json()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(raw(""), "missing request body");
    assert_eq!(raw("{\"model\":"), "unexpected EOF");
    assert_eq!(raw("{\"model\":x}"), "invalid character 'x' looking for beginning of value");
    assert!(raw("[]").starts_with("json: cannot unmarshal array into Go value"));
}

#[test]
fn wrong_types() {
    chat(
        &json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "x" }] }] }),
        "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string",
    );
    chat(
        &json!({ "messages": [{ "role": "assistant", "tool_calls": [{ "function": { "name": "f", "arguments": "{}" } }] }] }),
        "json: cannot unmarshal string into Go struct field ChatRequest.messages.tool_calls.function.arguments of type \
         api.ToolCallFunctionArguments",
    );
    chat(
        &json!({ "messages": "x" }),
        "json: cannot unmarshal string into Go struct field ChatRequest.messages of type []api.Message",
    );
    chat(
        &json!({ "stream": "yes" }),
        "json: cannot unmarshal string into Go struct field ChatRequest.stream of type bool",
    );
    chat(
        &json!({ "options": [] }),
        "json: cannot unmarshal array into Go struct field ChatRequest.options of type map[string]interface {}",
    );
    chat(
        &json!({ "top_logprobs": 1.5 }),
        "json: cannot unmarshal number 1.5 into Go struct field ChatRequest.top_logprobs of type int",
    );
    chat(&json!({ "top_logprobs": 21 }), "top_logprobs must be between 0 and 20");
    chat(&json!({ "keep_alive": "soon" }), "time: invalid duration \"soon\"");
    chat(&json!({ "keep_alive": "5" }), "time: missing unit in duration \"5\"");
    chat(
        &json!({ "think": "xhigh" }),
        "invalid think value: \"xhigh\" (must be \"high\", \"medium\", \"low\", \"max\", true, or false)",
    );
    chat(
        &json!({ "messages": [{ "role": "user", "content": "x", "images": ["data:image/png;base64,AAAA"] }] }),
        "illegal base64 data at input byte 4",
    );
    let parameters = json!({ "type": ["object", "null"] });
    chat(
        &json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": parameters } }] }),
        "json: cannot unmarshal array into Go struct field ChatRequest.tools.function.parameters.type of type string",
    );
    let nested = json!({ "type": "object", "properties": { "a": { "anyOf": [{ "properties": { "b": { "type": 7 } } }] } } });
    chat(
        &json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": nested } }] }),
        "json: cannot unmarshal number 7 into Go struct field \
         ChatRequest.tools.function.parameters.properties.anyOf.properties.type of type string",
    );
}

#[test]
fn what_is_null_or_unknown_passes() {
    let loose = json!({ "tools": null, "format": null, "keep_alive": -1, "new": 7, "options": { "new": [], "seed": null } });
    assert_eq!(post("/api/chat", &chat_with(&loose)).status, 200);
}

#[test]
fn what_the_model_cannot() {
    chat(&json!({ "think": true }), "\"llama3.2\" does not support thinking");
    chat(
        &json!({ "model": "llama3", "tools": weather() }),
        "registry.ollama.ai/library/llama3 does not support tools",
    );
    chat(&json!({ "model": "nomic-embed-text" }), "\"nomic-embed-text\" does not support chat");
    let fill = json!({ "model": "llama3", "prompt": "p", "suffix": "s" });
    refused("/api/generate", &fill, 400, "registry.ollama.ai/library/llama3 does not support insert");
    let raw = json!({ "model": "llama3", "prompt": "p", "raw": true, "system": "s" });
    refused("/api/generate", &raw, 400, "raw mode does not support template, system, or context");
    refused(
        "/api/embed",
        &json!({ "model": "llama3", "input": "x" }),
        500,
        "this model does not support embeddings",
    );
    refused("/api/embed", &json!({ "model": "mock-1", "input": [[1]] }), 400, "invalid input type");
}

#[test]
fn wrong_options_are_the_servers_failure() {
    for (options, words) in [
        (json!({ "temperature": "hot" }), "option \"temperature\" must be of type float32"),
        (json!({ "num_ctx": [] }), "option \"num_ctx\" must be of type integer"),
        (json!({ "stop": "x" }), "option \"stop\" must be of type array"),
        (json!({ "stop": [1] }), "option \"stop\" must be of an array of strings"),
    ] {
        refused("/api/chat", &chat_with(&json!({ "options": options })), 500, words);
    }
}

#[test]
fn addresses_and_keys() {
    for (method, path, expect) in [
        (Method::GET, "/api/chat", (405, "405 method not allowed")),
        (Method::POST, "/api/tags", (405, "405 method not allowed")),
        (Method::POST, "/api/nowhere", (404, "404 page not found")),
    ] {
        let seen = send_with(&method, path, None, b"{}");
        assert_eq!(((seen.status, seen.body.as_str()), seen.content_type), (expect, "text/plain"));
    }
    let body = chat_with(&json!({})).to_string();
    let with = |key| send_with(&Method::POST, "/api/chat", key, body.as_bytes()).status;
    assert_eq!((with(None), with(Some("Bearer any")), with(Some("Bearer bad-1"))), (200, 200, 401));
}

#[test]
fn refusals_for_no_fault_of_the_request() {
    let (headers, behaviour) = (HeaderMap::new(), Behaviour::default());
    let call = Call {
        method: &Method::POST,
        path: "/api/chat",
        query: "",
        headers: &headers,
        body: &Bytes::new(),
        serial: 7,
        strict: true,
        require_key: true,
        aws: None,
        behaviour: &behaviour,
    };
    for (refusal, status) in [
        (Refusal::Quota, 429),
        (Refusal::ContextLength, 400),
        (Refusal::ContentFilter, 400),
        (Refusal::Status(401), 401),
        (Refusal::Status(404), 404),
        (Refusal::Status(418), 418),
        (Refusal::Status(503), 503),
        (Refusal::Status(529), 529),
    ] {
        let reply = Ollama.refusal(&call, "m", refusal);
        assert_eq!(reply.status, status);
        let Payload::Whole(body) = reply.payload else { panic!("a stream") };
        assert!(serde_json::from_slice::<Value>(&body).unwrap()["error"].is_string());
    }
    let event = Ollama.error_event(&call, None, false);
    assert!(event.ends_with(b"}\n") && serde_json::from_slice::<Value>(&event).unwrap()["error"].is_string());
    assert!(serde_json::from_slice::<Value>(&Ollama.malformed_event(&call)).is_err());
}
