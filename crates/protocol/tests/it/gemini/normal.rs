//! What two messages have in common that differ only by the written normalisations, and one answer made of a stream.

use serde_json::{Map, Value, json};

/// Keys whose values are the client's own and are compared as they are.
const OPAQUE: &[&str] = &["args", "response", "labels", "executableCode", "codeExecutionResult"];
const SCHEMAS: &[(&str, &str)] = &[
    ("parameters", "schema"),
    ("parametersJsonSchema", "schema"),
    ("responseSchema", "responseSchema"),
    ("responseJsonSchema", "responseSchema"),
];

/// Brings a message into its normal form.
pub(super) fn normal(value: &Value) -> Value {
    let mut value = keys(value);
    if let Some(message) = value.as_object_mut() {
        request(message);
        answer(message);
    }
    value
}

/// camelCase keys, no nulls, schemas as JSON Schema under one name, base64 in the standard alphabet.
fn keys(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(keys).collect(),
        Value::Object(members) => {
            let mut normal = Map::new();
            for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                let key = camel_case(key);
                if OPAQUE.contains(&key.as_str()) {
                    normal.insert(key, value.clone());
                } else if let Some((_, name)) = SCHEMAS.iter().find(|(known, _)| *known == key) {
                    normal.insert((*name).to_owned(), schema(value));
                } else if key == "data" {
                    normal.insert(key, value.as_str().unwrap().replace('-', "+").replace('_', "/").into());
                } else if key == "thinkingLevel" {
                    normal.insert(key, value.as_str().unwrap().to_ascii_uppercase().into());
                } else if !(key == "thought" && value == false) {
                    normal.insert(key, keys(value));
                }
            }
            Value::Object(normal)
        }
        other => other.clone(),
    }
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap().to_owned();
    words.fold(first, |camel, word| camel + &word[..1].to_ascii_uppercase() + &word[1..])
}

/// A schema with its types in lower case.
fn schema(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(schema).collect(),
        Value::Object(members) => {
            let each = |(key, value): (&String, &Value)| match value.as_str() {
                Some(name) if key == "type" => (key.clone(), name.to_ascii_lowercase().into()),
                _ => (key.clone(), schema(value)),
            };
            members.iter().map(each).collect()
        }
        other => other.clone(),
    }
}

fn request(message: &mut Map<String, Value>) {
    if !message.contains_key("contents") {
        return;
    }
    message.remove("model");
    let mut calls: Vec<Value> = Vec::new();
    for content in message["contents"].as_array_mut().unwrap() {
        for part in content["parts"].as_array_mut().into_iter().flatten() {
            if let Some(call) = part.get("functionCall").filter(|call| call.get("id").is_some()) {
                calls.push(call.clone());
            }
            if let Some(result) = part.get_mut("functionResponse").and_then(Value::as_object_mut)
                && let Some(at) = calls.iter().position(|call| call["name"] == result["name"])
            {
                result.entry("id").or_insert(calls.remove(at)["id"].clone());
            }
        }
        let content = content.as_object_mut().unwrap();
        content.entry("role").or_insert("user".into());
        content.entry("parts").or_insert(json!([]));
    }
    if let Some(system) = message.get_mut("systemInstruction") {
        system.as_object_mut().unwrap().remove("role");
    }
    for config in ["generationConfig", "toolConfig"] {
        if message.get(config) == Some(&json!({})) {
            message.remove(config);
        }
    }
}

fn answer(message: &mut Map<String, Value>) {
    for (place, candidate) in
        message.get_mut("candidates").and_then(Value::as_array_mut).into_iter().flatten().enumerate()
    {
        let candidate = candidate.as_object_mut().unwrap();
        candidate.entry("index").or_insert(place.into());
        let content = candidate.entry("content").or_insert(json!({})).as_object_mut().unwrap();
        content.entry("role").or_insert("model".into());
        if candidate.get("finishReason") == Some(&json!(2)) {
            candidate.insert("finishReason".into(), "MAX_TOKENS".into());
        }
        if let Some(logprobs) = candidate.get_mut("logprobsResult") {
            drop_keys(logprobs, "tokenId");
        }
    }
    if let Some(Value::String(time)) = message.get_mut("createTime") {
        *time = format!("{}Z", &time[..19]);
    }
    if let Some(usage) = message.get_mut("usageMetadata").and_then(Value::as_object_mut) {
        // Some events of streams leave the candidates out of the total.
        usage.remove("totalTokenCount");
        usage.values_mut().filter_map(Value::as_array_mut).for_each(|details| {
            details.retain(|entry| entry["modality"] != "TEXT" && entry["modality"] != 1);
        });
        usage.retain(|_, value| value != &json!([]));
    }
}

fn drop_keys(value: &mut Value, name: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| drop_keys(item, name)),
        Value::Object(members) => {
            members.remove(name);
            members.values_mut().for_each(|value| drop_keys(value, name));
        }
        _ => {}
    }
}

/// One answer made of the items of a stream: neighbouring texts of a kind become one, of everything else the last counts.
pub(super) fn fold<'v>(items: impl IntoIterator<Item = &'v Value>) -> Value {
    let mut whole = Map::new();
    let mut candidates: Vec<Map<String, Value>> = Vec::new();
    for item in items {
        let item = normal(item);
        for (key, value) in item.as_object().unwrap() {
            if key != "candidates" {
                whole.insert(key.clone(), value.clone());
                continue;
            }
            for candidate in value.as_array().unwrap() {
                let at = candidates.iter().position(|known| known["index"] == candidate["index"]);
                let known = match at {
                    Some(at) => &mut candidates[at],
                    None => {
                        candidates.push(Map::new());
                        candidates.last_mut().unwrap()
                    }
                };
                take(known, candidate.as_object().unwrap());
            }
        }
    }
    whole.insert("candidates".into(), candidates.into());
    whole.into()
}

fn take(known: &mut Map<String, Value>, candidate: &Map<String, Value>) {
    for (key, value) in candidate {
        if key == "content" {
            let content = known.entry("content").or_insert(json!({ "role": "model", "parts": [] }));
            let parts = content["parts"].as_array_mut().unwrap();
            value["parts"].as_array().into_iter().flatten().for_each(|part| add(parts, part.clone()));
        } else if value != &json!({}) {
            known.insert(key.clone(), value.clone());
        }
    }
}

fn add(parts: &mut Vec<Value>, mut part: Value) {
    if part == json!({ "text": "" }) {
        return;
    }
    if let Some(call) = part.get_mut("functionCall").and_then(Value::as_object_mut) {
        // The only recorded pieces of arguments are whole.
        if let Some(pieces) = call.remove("partialArgs") {
            let args = pieces.as_array().unwrap().iter();
            let args: Map<_, _> = args
                .map(|arg| (arg["jsonPath"].as_str().unwrap()[2..].to_owned(), arg["numberValue"].clone()))
                .collect();
            call.insert("args".into(), args.into());
        }
    }
    if let (Some(last), Some(text)) = (parts.last_mut(), part.get("text").and_then(Value::as_str))
        && last.get("text").is_some()
        && last.get("thought") == part.get("thought")
        && last.get("thoughtSignature").is_none()
    {
        last["text"] = format!("{}{text}", last["text"].as_str().unwrap()).into();
        if let Some(signature) = part.get("thoughtSignature") {
            last["thoughtSignature"] = signature.clone();
        }
        return;
    }
    parts.push(part);
}
