//! Answers kept as snapshots, whole and as streams, and what holds between the two.

use std::fmt::Write as _;

use super::*;

/// An answer as a snapshot, whole and as a stream; folding the stream gives the whole.
#[track_caller]
fn golden(name: &str, changes: &Value) {
    let whole = post(&with(changes));
    assert_eq!(whole.status, 200, "{:?}", whole.body);
    insta::assert_snapshot!(name, std::str::from_utf8(&whole.body).unwrap());
    let stream = ask("mock-1", "converse-stream", &with(changes));
    assert_eq!(stream.content_type, "application/vnd.amazon.eventstream");
    let events = events(&stream.body);
    let mut lines = String::new();
    for (kind, payload) in &events {
        writeln!(lines, "{kind} {payload}").unwrap();
    }
    insta::assert_snapshot!(format!("{name}_stream"), lines);
    assert_eq!(folded(&events), whole.json(), "{name}");
    assert_eq!(stream.usage, whole.usage);
}

/// The answer a client has at the end of a stream.
fn folded(events: &[(String, Value)]) -> Value {
    let mut answer = json!({ "output": { "message": { "content": [] } } });
    let mut input = String::new();
    for (kind, payload) in events {
        let padding = payload["p"].as_str().unwrap();
        assert!((2..=61).contains(&padding.len()) && padding.starts_with("ab"), "{padding}");
        let index = payload["contentBlockIndex"].as_u64().unwrap_or_default() as usize;
        let message = &mut answer["output"]["message"];
        let content = message["content"].as_array_mut().unwrap();
        match kind.as_str() {
            "messageStart" => message["role"] = payload["role"].clone(),
            "contentBlockStart" => {
                content.push(payload["start"].clone());
                input.clear();
            }
            "contentBlockDelta" => {
                if content.len() == index {
                    content.push(json!({}));
                }
                add(&mut content[index], &payload["delta"], &mut input);
            }
            "contentBlockStop" if content[index].get("toolUse").is_some() => {
                let text = if input.is_empty() { "{}" } else { &input };
                content[index]["toolUse"]["input"] = serde_json::from_str(text).unwrap();
            }
            "messageStop" | "metadata" => {
                for (name, value) in payload.as_object().unwrap().iter().filter(|(name, _)| *name != "p") {
                    answer[name] = value.clone();
                }
            }
            _ => {}
        }
    }
    answer
}

/// Puts a delta where it belongs in its block.
fn add(block: &mut Value, delta: &Value, input: &mut String) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    input.push_str(delta.pointer("/toolUse/input").and_then(Value::as_str).unwrap_or_default());
    if let Some(more) = delta.get("text") {
        block["text"] = (text(&block["text"]) + &text(more)).into();
    }
    let reasoning = &delta["reasoningContent"];
    for name in ["text", "signature"] {
        if let Some(more) = reasoning.get(name) {
            let old = text(&block["reasoningContent"]["reasoningText"][name]);
            block["reasoningContent"]["reasoningText"][name] = (old + &text(more)).into();
        }
    }
    if let Some(data) = reasoning.get("redactedContent") {
        block["reasoningContent"]["redactedContent"] = data.clone();
    }
}

#[test]
fn text() {
    golden("text", &json!({ "inferenceConfig": { "maxTokens": 5 }, "serviceTier": { "type": "flex" } }));
    golden(
        "stop_sequence",
        &json!({
            "inferenceConfig": { "stopSequences": ["model", "\"."] },
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
        }),
    );
}

#[test]
fn tools() {
    golden("tool", &json!({ "messages": user("the weather?"), "toolConfig": { "tools": [weather()] } }));
    let bare = tool("roll", &json!({ "type": "object" }));
    let tools = json!({ "tools": [weather(), bare] });
    golden("tools_parallel", &json!({ "messages": user("a tool, in parallel"), "toolConfig": tools }));
    let forced = json!({ "tools": [weather(), bare], "toolChoice": { "tool": { "name": "roll" } } });
    let seen = post(&with(&json!({ "toolConfig": forced }))).json();
    assert_eq!(
        (&seen["stopReason"], &seen["output"]["message"]["content"][0]["toolUse"]["name"]),
        (&json!("tool_use"), &json!("roll"))
    );
}

#[test]
fn reasoning() {
    let thinking = json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } });
    golden("reasoning", &json!({ "additionalModelRequestFields": thinking }));
    let older = json!({ "reasoning_config": { "type": "enabled", "budget_tokens": 1024 } });
    golden(
        "reasoning_tool",
        &json!({
            "additionalModelRequestFields": older, "messages": user("the weather?"), "toolConfig": { "tools": [weather()] },
        }),
    );
    let words = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";
    golden(
        "reasoning_redacted",
        &json!({ "additionalModelRequestFields": thinking, "messages": user(words) }),
    );
    for fields in [json!({ "reasoning_effort": "low" }), json!({ "reasoningConfig": { "type": "enabled" } })]
    {
        let seen = post(&with(&json!({ "additionalModelRequestFields": fields }))).json();
        let reasoning = &seen["output"]["message"]["content"][0]["reasoningContent"]["reasoningText"];
        assert!(reasoning["text"].is_string() && reasoning.get("signature").is_none(), "{seen}");
    }
    let off = json!({ "thinking": { "type": "disabled" } });
    let seen = post(&with(&json!({ "additionalModelRequestFields": off }))).json();
    assert!(seen["output"]["message"]["content"][0]["text"].is_string(), "{seen}");
}

#[test]
fn structured_output() {
    let schema = json!({ "type": "object", "additionalProperties": false, "required": ["age"],
        "properties": { "age": { "type": "integer" } } });
    let structure = json!({ "jsonSchema": { "name": "person", "schema": schema.to_string() } });
    let format = json!({ "textFormat": { "type": "json_schema", "structure": structure } });
    let seen = post(&with(&json!({ "outputConfig": format }))).json();
    assert_eq!(seen["output"]["message"]["content"], json!([{ "text": "{\"age\":1}" }]));
}

#[test]
fn answers_that_were_stopped() {
    let guard = json!({ "guardrailIdentifier": "abc", "guardrailVersion": "1", "trace": "enabled" });
    golden("guardrail", &json!({ "guardrailConfig": guard, "messages": user("touch the guardrail") }));
    assert_eq!(post(&with(&json!({ "guardrailConfig": guard }))).json()["stopReason"], "end_turn");
    let words = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86";
    golden("filtered", &json!({ "messages": user(words) }));
}

/// The first call writes the cache, the next turn reads it, and neither counts it as input again.
#[test]
fn usage_names_the_cache() {
    let system = json!([{ "text": "x".repeat(8000) }, { "cachePoint": { "type": "default" } }]);
    let usage = |messages: &Value| {
        let seen = post(&with(&json!({ "system": system, "messages": messages })));
        let wire = seen.json()["usage"].clone();
        let number = |name: &str| wire[name].as_u64().unwrap();
        let parts = ["inputTokens", "cacheWriteInputTokens", "cacheReadInputTokens"].map(number);
        assert_eq!(parts.iter().sum::<u64>(), seen.usage.unwrap().input);
        assert_eq!(number("totalTokens"), parts.iter().sum::<u64>() + number("outputTokens"));
        parts
    };
    assert_eq!(usage(&user("Hello")), [6, 2000, 0]);
    let turns = json!([
        { "role": "user", "content": [{ "text": "Hello" }] }, { "role": "assistant", "content": [{ "text": "Hi" }] },
        { "role": "user", "content": [{ "text": "Well" }] },
    ]);
    assert_eq!(usage(&turns), [16, 0, 2000]);
    let nova = ask("amazon.nova-micro-v1:0", "converse", &with(&json!({}))).json();
    assert_eq!(nova["usage"].get("cacheReadInputTokens"), None);
}

/// What the mock says it takes back: reasoning, calls, results.
#[test]
fn its_own_answers_go_back() {
    let mut body = with(&json!({
        "messages": user("the weather?"), "toolConfig": { "tools": [weather()] },
        "additionalModelRequestFields": { "thinking": { "type": "enabled", "budget_tokens": 1024 } },
    }));
    let message = post(&body).json()["output"]["message"].clone();
    let id = message["content"][1]["toolUse"]["toolUseId"].clone();
    let result = json!({ "toolResult": { "toolUseId": id, "content": [{ "json": { "degrees": 17 } }] } });
    let turns = body["messages"].as_array_mut().unwrap();
    turns.push(message);
    turns.push(json!({ "role": "user", "content": [result] }));
    let last = post(&body).json();
    assert_eq!(last["stopReason"], "end_turn", "{last}");
    let text = last["output"]["message"]["content"][1]["text"].as_str().unwrap();
    assert!(text.contains(r#"{"degrees":17}"#), "{text}");
}
