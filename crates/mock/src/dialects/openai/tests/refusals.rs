//! What chat refuses: one check for each rule.

use serde_json::{Value, json};

use super::{chat_with, post};

/// Chat refuses the change with exactly this message, parameter and code.
#[track_caller]
fn refused(changes: &Value, message: &str, param: &str, code: &str) {
    let text = |text: &str| if text.is_empty() { Value::Null } else { json!(text) };
    let expected = json!({ "error": {
        "message": message, "type": "invalid_request_error", "param": text(param), "code": text(code),
    } });
    assert_eq!(post("/v1/chat/completions", &chat_with(changes)), (400, expected), "{changes}");
}

#[track_caller]
fn accepted(changes: &Value) {
    let (status, answer) = post("/v1/chat/completions", &chat_with(changes));
    assert_eq!(status, 200, "{changes}: {answer}");
}

#[test]
fn chat_refuses_what_is_missing() {
    refused(&json!({ "model": null }), "you must provide a model parameter", "", "");
    refused(&json!({ "model": "" }), "you must provide a model parameter", "", "");
    refused(
        &json!({ "messages": [] }),
        "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
        "messages",
        "empty_array",
    );
    let (status, answer) = post("/v1/chat/completions", &json!({ "model": "gpt-4o" }));
    assert_eq!((status, &answer["error"]["code"]), (400, &json!("missing_required_parameter")));
    assert_eq!(answer["error"]["message"], "Missing required parameter: 'messages'.");
}

#[test]
fn chat_refuses_what_it_does_not_know() {
    refused(&json!({ "topp": 1 }), "Unknown parameter: 'topp'.", "topp", "unknown_parameter");
    refused(
        &json!({ "stream": true, "stream_options": { "usage": true } }),
        "Unknown parameter: 'stream_options.usage'.",
        "stream_options.usage",
        "unknown_parameter",
    );
    refused(
        &json!({ "messages": [{ "role": "user", "content": "x", "cache_control": {} }] }),
        "Unknown parameter: 'messages[0].cache_control'.",
        "messages[0].cache_control",
        "unknown_parameter",
    );
}

#[test]
fn chat_refuses_wrong_types_and_ranges() {
    let wrong = |name: &str, value: Value, message: &str, code: &str| {
        refused(&json!({ name: value }), message, name, code);
    };
    let kind = "invalid_type";
    wrong(
        "model",
        json!(4),
        "Invalid type for 'model': expected a string, but got an integer instead.",
        kind,
    );
    wrong(
        "messages",
        json!("hi"),
        "Invalid type for 'messages': expected an array of objects, but got a string instead.",
        kind,
    );
    wrong(
        "temperature",
        json!("1"),
        "Invalid type for 'temperature': expected a decimal, but got a string instead.",
        kind,
    );
    wrong(
        "stream",
        json!(1),
        "Invalid type for 'stream': expected a boolean, but got an integer instead.",
        kind,
    );
    wrong("user", Value::Null, "Invalid type for 'user': expected a string, but got null instead.", kind);
    let bounds: &[(&str, Value, &str)] = &[
        ("temperature", json!(2.5), "decimal_above_max_value"),
        ("temperature", json!(-1), "decimal_below_min_value"),
        ("top_p", json!(1.1), "decimal_above_max_value"),
        ("presence_penalty", json!(-3), "decimal_below_min_value"),
        ("frequency_penalty", json!(2.01), "decimal_above_max_value"),
        ("n", json!(0), "integer_below_min_value"),
        ("n", json!(129), "integer_above_max_value"),
        ("max_tokens", json!(0), "integer_below_min_value"),
        ("stop", json!(["a", "b", "c", "d", "e"]), "array_above_max_length"),
        ("verbosity", json!("enormous"), "invalid_value"),
        ("safety_identifier", json!("x".repeat(65)), "string_above_max_length"),
    ];
    for (name, value, code) in bounds {
        let (status, answer) = post("/v1/chat/completions", &chat_with(&json!({ *name: value })));
        assert_eq!(
            (status, &answer["error"]["code"], &answer["error"]["param"]),
            (400, &json!(code), &json!(name))
        );
    }
    accepted(&json!({ "temperature": null, "stop": null, "n": null, "max_tokens": null, "stream": null }));
}

#[test]
fn chat_refuses_parameters_that_contradict() {
    refused(
        &json!({ "stream_options": { "include_usage": true } }),
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        "stream_options",
        "",
    );
    refused(
        &json!({ "max_tokens": 5, "max_completion_tokens": 5 }),
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "",
        "invalid_parameter_combination",
    );
    refused(
        &json!({ "tool_choice": "auto" }),
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice",
        "",
    );
    refused(
        &json!({ "top_logprobs": 2 }),
        "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
        "top_logprobs",
        "",
    );
    refused(
        &json!({ "response_format": { "type": "json_object" } }),
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
        "messages",
        "",
    );
}

#[test]
fn chat_refuses_what_a_thinking_model_does_not_take() {
    refused(
        &json!({ "model": "gpt-5-nano", "max_tokens": 0, "temperature": -0.5 }),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "unsupported_parameter",
    );
    refused(
        &json!({ "model": "o3", "temperature": 0.5 }),
        "Unsupported value: 'temperature' does not support 0.5 with this model. Only the default (1) value is supported.",
        "temperature",
        "unsupported_value",
    );
    accepted(&json!({ "model": "gpt-5-nano", "temperature": 1, "max_completion_tokens": 5 }));
    accepted(&json!({ "model": "gpt-5.2", "temperature": 0, "top_p": 0.5, "reasoning_effort": "none" }));
}

#[test]
fn chat_refuses_a_limit_above_the_models() {
    refused(
        &json!({ "model": "gpt-4o", "max_completion_tokens": 32_000 }),
        "max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.",
        "max_completion_tokens",
        "invalid_value",
    );
    accepted(&json!({ "model": "gpt-4o", "max_tokens": 16_384 }));
}

#[test]
fn a_model_that_does_not_think_knows_no_effort() {
    refused(
        &json!({ "model": "gpt-4o", "reasoning_effort": "low" }),
        "Unrecognized request argument supplied: reasoning_effort",
        "",
        "",
    );
    let enormous = chat_with(&json!({ "model": "gpt-5", "reasoning_effort": "enormous" }));
    let (_, answer) = post("/v1/chat/completions", &enormous);
    assert_eq!(answer["error"]["code"], "invalid_value", "{answer}");
    let (status, answer) =
        post("/v1/responses", &json!({ "model": "gpt-4.1", "input": "x", "reasoning": { "effort": "low" } }));
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("reasoning.effort")), "{answer}");
    let (status, answer) =
        post("/v1/responses", &json!({ "model": "gpt-5", "input": "x", "temperature": 0.5 }));
    assert_eq!((status, &answer["error"]["param"]), (400, &json!("temperature")), "{answer}");
}

#[test]
fn chat_refuses_bad_tools() {
    let with = |tool: Value| json!({ "tools": [tool] });
    let missing = |at: &str| format!("Missing required parameter: '{at}'.");
    let code = "missing_required_parameter";
    refused(&with(json!({ "function": {} })), &missing("tools[0].type"), "tools[0].type", code);
    refused(&with(json!({ "type": "function" })), &missing("tools[0].function"), "tools[0].function", code);
    let nameless = json!({ "type": "function", "function": {} });
    refused(&with(nameless), &missing("tools[0].function.name"), "tools[0].function.name", code);
    refused(
        &with(json!({ "type": "function", "function": { "name": "get weather" } })),
        "Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern \
         '^[a-zA-Z0-9_-]+$'.",
        "tools[0].function.name",
        "invalid_value",
    );
    let open = json!({ "name": "f", "strict": true, "parameters": { "type": "object" } });
    refused(
        &with(json!({ "type": "function", "function": open })),
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required to be supplied and to be \
         false.",
        "tools[0].function.parameters",
        "invalid_function_parameters",
    );
    let f = json!({ "type": "function", "function": { "name": "f" } });
    refused(
        &json!({ "tools": [f], "tool_choice": { "type": "function", "function": { "name": "g" } } }),
        "Tool choice 'g' not found in 'tools' parameter.",
        "tool_choice",
        "",
    );
}

#[test]
fn chat_refuses_bad_messages() {
    let with = |message: Value| json!({ "messages": [message] });
    refused(
        &with(json!({ "role": "robot", "content": "x" })),
        "Invalid value: 'robot'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and \
         'developer'.",
        "messages[0].role",
        "invalid_value",
    );
    refused(
        &with(json!({ "content": "x" })),
        "Missing required parameter: 'messages[0].role'.",
        "messages[0].role",
        "missing_required_parameter",
    );
    refused(
        &with(json!({ "role": "user", "content": null })),
        "Invalid value for 'content': expected a string, got null.",
        "messages.[0].content",
        "",
    );
    refused(
        &with(json!({ "role": "user", "content": 5 })),
        "Invalid type for 'messages[0].content': expected one of a string or array of objects, but got an integer \
         instead.",
        "messages[0].content",
        "invalid_type",
    );
    refused(
        &with(json!({ "role": "user", "content": [{ "type": "image" }] })),
        "Invalid value: 'image'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and \
         'file'.",
        "messages[0].content[0].type",
        "invalid_value",
    );
    refused(
        &with(json!({ "role": "user", "content": [{ "type": "image_url", "image_url": "https://x" }] })),
        "Invalid type for 'messages[0].content[0].image_url': expected an object, but got a string instead.",
        "messages[0].content[0].image_url",
        "invalid_type",
    );
}

#[test]
fn chat_wants_calls_and_results_in_turn() {
    let user = json!({ "role": "user", "content": "x" });
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "f", "arguments": "{}" } });
    let calls = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    let result = json!({ "role": "tool", "tool_call_id": "call_1", "content": "ok" });
    let orphan = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with \
                  'tool_calls'.";
    let open = "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
                'tool_call_id'. The following tool_call_ids did not have response messages: call_1";
    refused(&json!({ "messages": [user, result] }), orphan, "messages.[1].role", "");
    refused(&json!({ "messages": [user, calls, user] }), open, "messages.[2].role", "");
    refused(&json!({ "messages": [user, calls] }), open, "messages", "");
    accepted(&json!({ "messages": [user, calls, result] }));
    accepted(&json!({ "messages": [user, calls, result, user] }));
    refused(&json!({ "messages": [user, calls, result, user, result] }), orphan, "messages.[4].role", "");
    let with_index = json!({ "role": "assistant", "tool_calls": [{
        "id": "call_1", "type": "function", "index": 0, "function": { "name": "f", "arguments": "{}" } }] });
    refused(
        &json!({ "messages": [user, with_index, result] }),
        "Unknown parameter: 'messages[1].tool_calls[0].index'.",
        "messages[1].tool_calls[0].index",
        "unknown_parameter",
    );
}
