//! Answers kept as snapshots, whole and as streams, and what holds between the two.

use super::*;

/// An answer as a snapshot, whole and as a stream; folding the stream gives the whole.
#[track_caller]
fn golden(name: &str, changes: &Value) {
    let whole = post(OLD, &with(changes));
    assert_eq!(whole.status, 200, "{}", whole.body);
    insta::assert_json_snapshot!(name, whole.json());
    let mut streamed = with(changes);
    streamed["stream"] = json!(true);
    let stream = post(OLD, &streamed);
    insta::assert_snapshot!(format!("{name}_stream"), stream.body);
    assert_eq!(folded(&stream.events()), whole.json(), "{name}");
    assert_eq!(stream.usage, whole.usage);
}

/// The message a client has at the end of a stream.
fn folded(events: &[Value]) -> Value {
    let mut message = Value::Null;
    let mut input = String::new();
    for event in events {
        let index = event["index"].as_u64().unwrap_or_default() as usize;
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                message["content"].as_array_mut().unwrap().push(event["content_block"].clone());
                input.clear();
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                let delta = &event["delta"];
                for (kind, from, to) in [
                    ("text_delta", "text", "text"),
                    ("thinking_delta", "thinking", "thinking"),
                    ("signature_delta", "signature", "signature"),
                ] {
                    if delta["type"] == kind {
                        let joined = block[to].as_str().unwrap().to_owned() + delta[from].as_str().unwrap();
                        block[to] = joined.into();
                    }
                }
                if delta["type"] == "input_json_delta" {
                    input.push_str(delta["partial_json"].as_str().unwrap());
                }
            }
            "content_block_stop" if !input.is_empty() => {
                message["content"][index]["input"] = serde_json::from_str(&input).unwrap();
                input.clear();
            }
            "message_delta" => {
                for part in ["delta", "usage"] {
                    let target = if part == "usage" { &mut message["usage"] } else { &mut message };
                    for (name, value) in event[part].as_object().unwrap() {
                        target[name] = value.clone();
                    }
                }
            }
            _ => {}
        }
    }
    message
}

fn ask(text: &str) -> Value {
    json!([{ "role": "user", "content": text }])
}

#[test]
fn text() {
    golden("text", &json!({ "max_tokens": 5 }));
    golden("stop_sequence", &json!({ "stop_sequences": ["model", "\"."] }));
}

#[test]
fn tools() {
    golden("tool", &json!({ "messages": ask("the weather?"), "tools": [weather()] }));
    let bare = json!({ "name": "roll", "input_schema": { "type": "object" } });
    golden("tools_parallel", &json!({ "messages": ask("a tool, in parallel"), "tools": [weather(), bare] }));
    let one = json!({ "type": "any", "disable_parallel_tool_use": true });
    let changes =
        json!({ "messages": ask("a tool, in parallel"), "tools": [weather(), bare], "tool_choice": one });
    assert_eq!(post(NEW, &with(&changes)).json()["content"].as_array().unwrap().len(), 1);
}

#[test]
fn thinking() {
    golden("thinking", &json!({ "thinking": { "type": "enabled", "budget_tokens": 1024 } }));
    let adaptive = json!({
        "thinking": { "type": "adaptive", "display": "omitted" }, "output_config": { "effort": "low" },
        "messages": ask("the weather?"), "tools": [weather()],
    });
    golden("thinking_hidden_tool", &adaptive);
    let fixture = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB";
    golden("thinking_redacted", &json!({ "thinking": { "type": "adaptive" }, "messages": ask(fixture) }));
    let cut = post(OLD, &with(&json!({ "max_tokens": 100, "thinking": { "type": "adaptive" } }))).json();
    assert_eq!((cut["content"].as_array().unwrap().len(), &cut["stop_reason"]), (1, &json!("max_tokens")));
}

#[test]
fn structured_output() {
    let schema = json!({ "type": "object", "additionalProperties": false, "required": ["age"],
        "properties": { "age": { "type": "integer" } } });
    let format = json!({ "type": "json_schema", "schema": schema });
    let text = |changes: &Value| post(OLD, &with(changes)).json()["content"][0]["text"].clone();
    assert_eq!(text(&json!({ "output_config": { "format": format } })), "{\"age\":1}");
    assert_eq!(text(&json!({ "output_format": format })), "{\"age\":1}");
}

#[test]
fn refusal() {
    let words = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL_1FAEFB6177B4672DEE07F9D3AFC62588CCD2631EDCF22E8CCC1FB35B501C9C86";
    golden("refusal", &json!({ "messages": ask(words) }));
}

/// The first call writes the cache, the next turn reads it, and neither counts it as input again.
#[test]
fn usage_names_the_cache() {
    let system =
        json!([{ "type": "text", "text": "x".repeat(8000), "cache_control": { "type": "ephemeral" } }]);
    let usage = |messages: Value| {
        let seen = post(NEW, &with(&json!({ "system": system, "messages": messages })));
        let wire = seen.json()["usage"].clone();
        let number = |name: &str| wire[name].as_u64().unwrap();
        let parts = [
            number("input_tokens"),
            number("cache_creation_input_tokens"),
            number("cache_read_input_tokens"),
        ];
        assert_eq!(parts.iter().sum::<u64>(), seen.usage.unwrap().input);
        parts
    };
    assert_eq!(usage(ask("Hello")), [6, 2000, 0]);
    let turns = json!([
        { "role": "user", "content": "Hello" }, { "role": "assistant", "content": "Hi" }, { "role": "user", "content": "Well" },
    ]);
    assert_eq!(usage(turns), [16, 0, 2000]);
}

#[test]
fn an_alias_answers_with_its_date() {
    let seen = post(OLD, &with(&json!({ "model": "claude-haiku-4-5" })));
    assert_eq!(seen.json()["model"], "claude-haiku-4-5-20251001");
}

/// What the mock says it takes back: thinking, calls, results.
#[test]
fn its_own_answers_go_back() {
    let thinks = json!({ "type": "enabled", "budget_tokens": 1024 });
    let mut changes = json!({ "messages": ask("the weather?"), "tools": [weather()], "thinking": thinks });
    let answer = post(OLD, &with(&changes)).json();
    let id = answer["content"][1]["id"].clone();
    let turns = changes["messages"].as_array_mut().unwrap();
    turns.push(json!({ "role": "assistant", "content": answer["content"] }));
    turns.push(json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": id, "content": "17 degrees" }] }));
    let last = post(OLD, &with(&changes)).json();
    assert_eq!(last["stop_reason"], "end_turn", "{last}");
    assert!(last["content"][1]["text"].as_str().unwrap().contains("\"17 degrees\""), "{last}");
}
