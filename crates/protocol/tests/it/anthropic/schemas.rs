//! Schemas of another dialect's structured output and strict tools, towards the maker and towards Converse.

use lockgate_protocol::{codec::RequestHead, dialects};
use serde_json::{Value, json};

use super::{target, value};

/// What a request of OpenAI's dialect says of its schemas here, and the losses.
fn sent(to: &str, schema: &Value) -> (Value, Value, Value, Vec<String>) {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "q"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema, "strict": true}},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema, "strict": true}}]})
    .to_string();
    let head = RequestHead { model: Some("m"), stream: None, path: "/chat/completions" };
    let request =
        dialects::find("openai-chat").unwrap().codec().decode_request(head, body.as_bytes()).unwrap();
    let codec = dialects::find(to).unwrap().codec();
    let encoded = codec.encode_request(&request, target("us.anthropic.claude-sonnet-4-5")).unwrap();
    let body = value(&encoded.body);
    let losses = encoded.losses.iter().map(|loss| loss.path.clone());
    let losses = losses.filter(|path| path.starts_with("tools") || path.starts_with("response_format"));
    let format = match &body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        _ => body["output_config"]["format"]["schema"].clone(),
    };
    let tool = &body["tools"][0];
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    let (parameters, strict) = match spec {
        Value::Null => (&tool["input_schema"], &tool["strict"]),
        _ => (&spec["inputSchema"]["json"], &spec["strict"]),
    };
    let mut losses: Vec<String> = losses.collect();
    losses.sort();
    (format, parameters.clone(), strict.clone(), losses)
}

#[track_caller]
fn check(schema: &Value, expect: (&Value, &Value, &Value), losses: &[&str]) {
    for to in ["anthropic", "bedrock"] {
        let (format, parameters, strict, lost) = sent(to, schema);
        assert_eq!((&format, &parameters, &strict), expect, "{to}");
        // Only one of them has a name for the schema.
        let name = (to == "anthropic").then_some("response_format.name");
        let mut losses: Vec<&str> = losses.iter().copied().chain(name).collect();
        losses.sort_unstable();
        assert_eq!(lost, losses, "{to}");
    }
}

#[test]
fn constraints_are_not_sent_as_such() {
    let schema = json!({"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}});
    let age = json!({"type": "integer", "description": "{minimum: 0}"});
    let taken = json!({"type": "object", "properties": {"age": age}, "additionalProperties": false});
    let losses =
        ["response_format.schema.properties.age.minimum", "tools[0].parameters.properties.age.minimum"];
    check(&schema, (&taken, &taken, &json!(true)), &losses);
}

#[test]
fn a_schema_that_refers_to_itself_is_not_held_to() {
    let schema = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
    check(&schema, (&Value::Null, &schema, &Value::Null), &["response_format", "tools[0].strict"]);
}
