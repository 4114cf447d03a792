//! Answers kept as snapshots, whole and as streams in both framings, and what holds between them.

use super::*;

const STREAM: &str = "streamGenerateContent?alt=sse";

/// An answer as a snapshot, whole and as a stream; the stream says the same, in both framings.
#[track_caller]
fn golden(name: &str, model: &str, changes: &Value) {
    let path = |verb: &str| format!("/v1beta/models/{model}:{verb}");
    let whole = post(&path("generateContent"), &with(changes));
    assert_eq!(whole.status, 200, "{}", whole.body);
    insta::assert_snapshot!(name, whole.body);
    let stream = post(&path(STREAM), &with(changes));
    insta::assert_snapshot!(format!("{name}_stream"), stream.body.replace("\r\n", "<CRLF>\n"));
    assert_eq!(folded(&stream.chunks()), folded(&[whole.json()]), "{name}");
    assert_eq!(stream.usage, whole.usage);
    let array = post(&path("streamGenerateContent"), &with(changes));
    assert_eq!(array.content_type, "application/json; charset=UTF-8");
    assert_eq!(array.chunks(), stream.chunks(), "{name}");
}

/// What a client has at the end: the parts with their texts joined, and the last chunk's facts.
fn folded(chunks: &[Value]) -> Value {
    let mut parts: Vec<Value> = Vec::new();
    for part in chunks.iter().flat_map(|chunk| items(chunk.pointer("/candidates/0/content/parts"))) {
        match parts.last_mut() {
            Some(last)
                if last.get("text").is_some()
                    && part.get("text").is_some()
                    && last.get("thought") == part.get("thought") =>
            {
                last["text"] = (text_in(last, "text").to_owned() + text_in(part, "text")).into();
                if let Some(signature) = part.get("thoughtSignature") {
                    last["thoughtSignature"] = signature.clone();
                }
            }
            _ => parts.push(part.clone()),
        }
    }
    // A stream's last part is empty unless it carries a signature.
    parts.retain(|part| part.get("text") != Some(&json!("")));
    let mut last = chunks.last().unwrap().clone();
    last["candidates"][0]["content"]["parts"] = parts.into();
    last
}

#[test]
fn text() {
    golden("text", "gemini-2.0-flash", &json!({ "generationConfig": { "stopSequences": [" This"] } }));
    golden("cut", "gemini-2.0-flash", &json!({ "generationConfig": { "maxOutputTokens": 3 } }));
}

#[test]
fn thinking() {
    let thinking = json!({ "includeThoughts": true, "thinkingLevel": "low" });
    golden(
        "thinking",
        "gemini-3-flash-preview",
        &json!({ "generationConfig": { "thinkingConfig": thinking } }),
    );
    golden("all_thinking", "gemini-2.5-pro", &json!({ "generationConfig": { "maxOutputTokens": 50 } }));
    let off = json!({ "generationConfig": { "thinkingConfig": { "thinkingBudget": 0 } } });
    assert_eq!(post(FLASH, &with(&off)).usage.unwrap().reasoning, 0);
}

#[test]
fn calls() {
    let bare = json!({ "name": "roll" });
    let changes = json!({ "contents": ask("the weather, in parallel"), "tools": [{ "functionDeclarations": [weather(), bare] }] });
    golden("calls_with_ids", "gemini-3.5-flash", &changes);
    let old = post("/v1beta/models/gemini-2.0-flash:generateContent", &with(&changes)).json();
    let call = &old["candidates"][0]["content"]["parts"][0];
    assert_eq!(call, &json!({ "functionCall": { "name": "get_weather", "args": { "location": "Paris" } } }));
    assert_eq!(old["candidates"][0]["finishReason"], "STOP");
    let any = json!({ "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["roll"] } });
    let mut only = changes;
    only["toolConfig"] = any;
    let parts = post(FLASH, &with(&only)).json()["candidates"][0]["content"]["parts"].clone();
    let names: Vec<_> = items(Some(&parts)).iter().map(|part| part["functionCall"]["name"].clone()).collect();
    assert_eq!(names, ["roll", "roll"]);
}

#[test]
fn structured_output() {
    let text = |config: Value| {
        let seen = post(FLASH, &with(&json!({ "generationConfig": config }))).json();
        seen["candidates"][0]["content"]["parts"][0]["text"].clone()
    };
    let json = "application/json";
    let schema =
        json!({ "type": "OBJECT", "required": ["age"], "properties": { "age": { "type": "INTEGER" } } });
    assert_eq!(text(json!({ "responseMimeType": json, "responseSchema": schema })), "{\"age\":1}");
    assert_eq!(text(json!({ "responseMimeType": json, "responseJsonSchema": schema })), "{\"age\":1}");
    assert!(text(json!({ "response_mime_type": json })).as_str().unwrap().starts_with("{\"model\""));
}

#[test]
fn usage_counts_the_cache_once() {
    let seen = post(FLASH, &with(&json!({ "cachedContent": "cachedContents/1" }))).json();
    let usage = &seen["usageMetadata"];
    assert_eq!((&usage["promptTokenCount"], &usage["cachedContentTokenCount"]), (&json!(2050), &json!(2048)));
}

/// What the mock says it takes back: calls with their ids and signatures, results.
#[test]
fn its_own_answers_go_back() {
    let path = "/v1beta/models/gemini-3.5-flash:generateContent";
    let mut changes =
        json!({ "contents": ask("the weather?"), "tools": [{ "functionDeclarations": [weather()] }] });
    let content = post(path, &with(&changes)).json()["candidates"][0]["content"].clone();
    let id = content["parts"][0]["functionCall"]["id"].clone();
    let result = json!({ "functionResponse": { "id": id, "name": "get_weather", "response": { "output": "17 degrees" } } });
    let turns = changes["contents"].as_array_mut().unwrap();
    turns.push(content);
    turns.push(json!({ "role": "user", "parts": [result] }));
    let last = post(path, &with(&changes)).json();
    let text = last["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("\"17 degrees\""), "{last}");
}

#[test]
fn a_blocked_prompt_has_no_candidates() {
    let (headers, behaviour, body) = (key(), Behaviour::default(), Bytes::new());
    let blocked = |path: &str, query: &str| {
        let method = &Method::POST;
        let call = Call {
            method,
            path,
            query,
            headers: &headers,
            body: &body,
            serial: 7,
            strict: true,
            require_key: true,
            aws: None,
            behaviour: &behaviour,
        };
        let reply = Gemini.refusal(&call, "gemini-2.5-flash", Refusal::ContentFilter);
        match reply.payload {
            Payload::Whole(body) => (reply.status, String::from_utf8(body.to_vec()).unwrap()),
            Payload::Frames(_) => panic!("a blocked prompt is one chunk"),
        }
    };
    let (status, body) = blocked(FLASH, "");
    let whole: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, whole.get("candidates"), &whole["promptFeedback"]["blockReason"]),
        (200, None, &json!("PROHIBITED_CONTENT"))
    );
    let stream = "/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    assert!(blocked(stream, "alt=sse").1.starts_with("data: {\"modelVersion\": "));
    assert!(blocked(stream, "").1.starts_with("[{\n"));
}
