//! What is refused: one check for each rule.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, and a test reads better without `&`"
)]

use super::*;

/// The change is refused with exactly this message.
#[track_caller]
pub(super) fn refused(changes: &Value, message: &str) {
    refused_by(OLD, changes, message);
}

#[track_caller]
fn refused_by(version: &'static str, changes: &Value, message: &str) {
    let seen = post(version, &with(changes));
    let expected = json!({ "type": "invalid_request_error", "message": message });
    assert_eq!((seen.status, &seen.json()["error"]), (400, &expected), "{changes}");
}

#[track_caller]
pub(super) fn accepted(version: &'static str, changes: &Value) {
    let seen = post(version, &with(changes));
    assert_eq!(seen.status, 200, "{changes}: {}", seen.body);
}

/// A message of one user with this content.
pub(super) fn user(content: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }] })
}

/// A conversation that ends with what the assistant said.
pub(super) fn assistant(content: Value) -> Value {
    json!({ "messages": [{ "role": "user", "content": "Hello" }, { "role": "assistant", "content": content }] })
}

#[test]
fn what_is_missing() {
    refused(&json!({ "max_tokens": null }), "max_tokens: Field required");
    refused(&json!({ "messages": null }), "messages: Field required");
    refused(&json!({ "model": null }), "model: Field required");
    refused(&json!({ "messages": [] }), "messages: at least one message is required");
    refused(&json!({ "messages": [{ "role": "user" }] }), "messages.0.content: Field required");
    refused(&json!({ "messages": [{ "content": "x" }] }), "messages.0.role: Field required");
    refused(&user(json!([{ "text": "x" }])), "messages.0.content.0.type: Field required");
    refused(&user(json!([{ "type": "text" }])), "messages.0.content.0.text.text: Field required");
}

#[test]
fn what_it_does_not_know() {
    refused(&json!({ "response_format": {} }), "response_format: Extra inputs are not permitted");
    refused(&json!({ "metadata": { "a": 1 } }), "metadata.a: Extra inputs are not permitted");
    refused(
        &user(json!([{ "type": "text", "text": "x", "index": 0 }])),
        "messages.0.content.0.text.index: Extra inputs are not permitted",
    );
    refused(
        &json!({ "messages": [{ "role": "user", "content": "x", "name": "Jo" }] }),
        "messages.0.name: Extra inputs are not permitted",
    );
    let marked =
        json!([{ "type": "text", "text": "x", "cache_control": { "type": "ephemeral", "scope": "global" } }]);
    refused(
        &json!({ "system": marked }),
        "system.0.cache_control.ephemeral.scope: Extra inputs are not permitted",
    );
    refused(
        &json!({ "tool_choice": { "type": "sometimes" }, "tools": [weather()] }),
        "tool_choice: Input tag 'sometimes' found using 'type' does not match any of the expected tags: 'any', 'auto', \
         'none', 'tool'",
    );
    let seen = post(OLD, &with(&user(json!([{ "type": "input_audio" }]))));
    let message = seen.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with(
            "messages.0.content.0: Input tag 'input_audio' found using 'type' does not match any of the expected tags: \
             'advisor_tool_result', 'bash_code_execution_tool_result', "
        ),
        "{message}"
    );
}

#[test]
fn betas_must_be_asked_for() {
    refused(&json!({ "context_management": {} }), "context_management: Extra inputs are not permitted");
    let mut headers = headers(OLD);
    headers.insert("anthropic-beta", HeaderValue::from_static("a-2025-01-01, context-management-2025-06-27"));
    let body = with(&json!({ "context_management": { "edits": [] } })).to_string();
    assert_eq!(send(&Method::POST, "/v1/messages", &headers, body.as_bytes()).status, 200);
}

#[test]
fn wrong_types_and_ranges() {
    refused(&json!({ "max_tokens": "4" }), "max_tokens: Input should be a valid integer");
    refused(&json!({ "max_tokens": -1 }), "max_tokens: Input should be greater than or equal to 0");
    refused(&json!({ "temperature": 1.5 }), "temperature: Input should be less than or equal to 1");
    refused(&json!({ "stream": "yes" }), "stream: Input should be a valid boolean");
    refused(&json!({ "messages": "Hello" }), "messages: Input should be a valid list");
    refused(&user(json!({ "text": "x" })), "messages.0.content: Input should be a valid list");
    refused(
        &json!({ "system": [{ "type": "text", "text": 1 }] }),
        "system.0.text: Input should be a valid string",
    );
    refused(
        &json!({ "tool_choice": "auto", "tools": [weather()] }),
        "tool_choice: Input should be a valid dictionary or object to extract fields from",
    );
    refused(&json!({ "service_tier": "fast" }), "service_tier: Input should be 'auto' or 'standard_only'");
    refused(
        &assistant(json!([{ "type": "tool_use", "id": "a", "name": "f", "input": "{}" }])),
        "messages.1.content.0.tool_use.input: Input should be a valid dictionary",
    );
    refused(
        &json!({ "model": "claude-opus-4-8", "max_tokens": 200_000 }),
        "max_tokens: 200000 > 128000, which is the maximum allowed number of output tokens for claude-opus-4-8",
    );
    refused(
        &json!({ "stop_sequences": [" "] }),
        "stop_sequences: each stop sequence must contain non-whitespace",
    );
}

#[test]
fn models() {
    let seen = post(OLD, &with(&json!({ "model": "gpt-4o" })));
    assert_eq!(
        (seen.status, &seen.json()["error"]),
        (404, &json!({ "type": "not_found_error", "message": "model: gpt-4o" }))
    );
    refused(
        &json!({ "model": "claude-sonnet-5", "temperature": 0.5 }),
        "`temperature` is deprecated for this model.",
    );
    refused(
        &json!({ "model": "claude-haiku-4-5", "temperature": 0.5, "top_p": 0.5 }),
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    );
    refused(
        &json!({ "model": "claude-haiku-4-5", "output_config": { "effort": "low" } }),
        "This model does not support the effort parameter.",
    );
    let prefill = assistant(json!("Well,"));
    accepted(OLD, &prefill);
    let mut prefill_new = prefill;
    prefill_new["model"] = json!("claude-sonnet-4-6");
    refused(
        &prefill_new,
        "This model does not support assistant message prefill. The conversation must end with a user message.",
    );
}

#[test]
fn thinking() {
    let docs = "Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking";
    let enabled = json!({ "type": "enabled", "budget_tokens": 1024 });
    refused(
        &json!({ "thinking": { "type": "enabled", "budget_tokens": 512 } }),
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    );
    refused(&json!({ "thinking": { "type": "enabled" } }), "thinking.enabled.budget_tokens: Field required");
    refused(
        &json!({ "thinking": enabled, "max_tokens": 1024 }),
        &format!(
            "`max_tokens` must be greater than `thinking.budget_tokens`. {docs}#max-tokens-and-context-window-size"
        ),
    );
    refused(
        &json!({ "thinking": enabled, "temperature": 0.5 }),
        &format!(
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. \
             {docs}#important-considerations-when-using-extended-thinking"
        ),
    );
    refused(
        &json!({ "thinking": enabled, "top_k": 3 }),
        &format!(
            "`top_k` must be unset when thinking is enabled or in adaptive mode. \
             {docs}#important-considerations-when-using-extended-thinking"
        ),
    );
    refused(
        &json!({ "thinking": enabled, "tools": [weather()], "tool_choice": { "type": "any" } }),
        "Thinking may not be enabled when tool_choice forces tool use.",
    );
    refused(
        &json!({ "thinking": enabled, "model": "claude-opus-4-8" }),
        "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \
         \"output_config.effort\" to control thinking behavior.",
    );
    refused(
        &json!({ "thinking": { "type": "adaptive" }, "model": "claude-haiku-4-5" }),
        "adaptive thinking is not supported on this model",
    );
}

#[test]
fn tools() {
    let tool = |changes: Value| {
        let mut tool = weather();
        for (name, value) in changes.as_object().unwrap() {
            tool[name] = value.clone();
        }
        json!({ "tools": [tool] })
    };
    refused(&json!({ "tools": [weather(), weather()] }), "tools: Tool names must be unique.");
    refused(&json!({ "tools": [{ "name": "f" }] }), "tools.0.custom.input_schema: Field required");
    refused(&tool(json!({ "input_schema": {} })), "tools.0.custom.input_schema.type: Field required");
    refused(
        &tool(json!({ "input_schema": { "type": "string" } })),
        "tools.0.custom.input_schema.type: Input should be 'object'",
    );
    refused(
        &tool(json!({ "input_schema": { "type": "object", "anyOf": [] } })),
        "tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",
    );
    refused(
        &tool(json!({ "name": "a.b" })),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    );
    refused(&tool(json!({ "parameters": {} })), "tools.0.custom.parameters: Extra inputs are not permitted");
    let function = json!({ "tools": [{ "type": "function", "function": {} }] });
    let seen = post(OLD, &with(&function)).json();
    let message = seen["error"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("tools.0: Input tag 'function' found using 'type' does not match"),
        "{message}"
    );
    refused(
        &json!({ "tool_choice": { "type": "auto" } }),
        "tool_choice may only be specified while providing tools.",
    );
    refused(
        &json!({ "tools": [weather()], "tool_choice": { "type": "tool", "name": "g" } }),
        "Tool 'g' not found in provided tools",
    );
}

#[test]
fn sources() {
    let image = |source: Value| user(json!([{ "type": "image", "source": source }]));
    accepted(OLD, &image(json!({ "type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo=" })));
    accepted(OLD, &image(json!({ "type": "url", "url": "https://example.com/a.png" })));
    accepted(OLD, &image(json!({ "type": "file", "file_id": "file_1" })));
    refused(
        &image(json!({ "type": "base64", "media_type": "image/tiff", "data": "" })),
        "messages.0.content.0.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or \
         'image/webp'",
    );
    refused(
        &image(json!({ "type": "text", "data": "x" })),
        "messages.0.content.0.image.source: Input tag 'text' found using 'type' does not match any of the expected tags: \
         'base64', 'file', 'url'",
    );
    refused(
        &image(json!({ "type": "url", "url": "http://example.com/a.png" })),
        "messages.0.content.0: Only HTTPS URLs are supported.",
    );
    refused(
        &user(json!([{ "type": "image_url", "image_url": {} }])),
        post(OLD, &with(&user(json!([{ "type": "image_url" }])))).json()["error"]["message"]
            .as_str()
            .unwrap(),
    );
}

#[test]
fn structured_output_wants_closed_objects() {
    let schema = json!({ "type": "object", "properties": {} });
    refused(
        &json!({ "output_config": { "format": { "type": "json_schema", "schema": schema } } }),
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    );
}

#[test]
fn four_marks_for_the_cache() {
    let mark = json!({ "type": "ephemeral" });
    let text = json!({ "type": "text", "text": "x", "cache_control": mark });
    accepted(
        OLD,
        &json!({ "system": [text, text], "messages": [{ "role": "user", "content": [text, text] }] }),
    );
    refused(
        &json!({ "cache_control": mark, "system": [text, text], "messages": [{ "role": "user", "content": [text, text] }] }),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    );
}

#[test]
fn what_the_newer_version_no_longer_takes() {
    for (name, value) in [("temperature", json!(1.0)), ("top_p", json!(1.0)), ("top_k", json!(3))] {
        accepted(OLD, &json!({ name: value }));
        refused_by(NEW, &json!({ name: value }), &format!("{name}: Extra inputs are not permitted"));
    }
    let text = json!({ "type": "text", "text": "x", "citations": [{ "type": "char_location" }] });
    accepted(OLD, &user(json!([text])));
    refused_by(
        NEW,
        &user(json!([text])),
        "messages.0.content.0.text.citations: Extra inputs are not permitted",
    );
    accepted(NEW, &user(json!([{ "type": "text", "text": "x", "citations": [] }])));
    let document = json!([{ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "x" } }]);
    accepted(NEW, &user(document.clone()));
    accepted(OLD, &assistant(document.clone()));
    let message =
        post(NEW, &with(&assistant(document))).json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("messages.1.content.0: Input tag 'document' found using 'type'"),
        "{message}"
    );
}
