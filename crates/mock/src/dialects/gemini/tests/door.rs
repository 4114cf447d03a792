//! What every call must have, and the paths that generate nothing.

use super::*;
use crate::dialects;

#[track_caller]
fn turned_away(seen: &Seen, status: u16, name: &str, message: &str) {
    let error = &seen.json()["error"];
    assert_eq!((seen.status, error["status"].as_str()), (status, Some(name)), "{}", seen.body);
    assert_eq!((error["code"].as_u64(), error["message"].as_str()), (Some(u64::from(status)), Some(message)));
}

#[test]
fn keys() {
    let body = with(&json!({})).to_string();
    let with_key = |path: &str, name: &'static str, value: &'static str| {
        let headers =
            [(HeaderName::from_static(name), HeaderValue::from_static(value))].into_iter().collect();
        send(&Method::POST, path, &headers, body.as_bytes())
    };
    let invalid = "API key not valid. Please pass a valid API key.";
    let bad = with_key(FLASH, KEY, "invalid");
    turned_away(&bad, 400, "INVALID_ARGUMENT", invalid);
    assert_eq!(bad.json()["error"]["details"][0]["reason"], "API_KEY_INVALID");
    turned_away(&with_key(&format!("{FLASH}?key=bad-1"), "x-none", "1"), 400, "INVALID_ARGUMENT", invalid);
    assert_eq!(with_key(FLASH, "authorization", "Bearer bad-1").status, 401);
    assert_eq!(with_key(FLASH, "x-none", "1").status, 403);
    assert_eq!(with_key(FLASH, KEY, "good").status, 200);
    assert_eq!(with_key(&format!("{FLASH}?key=good"), "x-none", "1").status, 200);
    assert_eq!(with_key(FLASH, "authorization", "Bearer good").status, 200);
}

#[test]
fn addresses() {
    let hello = with(&json!({}));
    turned_away(
        &post("/v1beta/models/gemini-9:generateContent", &hello),
        404,
        "NOT_FOUND",
        "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call ListModels \
         to see the list of available models and their supported methods.",
    );
    turned_away(
        &post("/v1/models/gemini-embedding-001:countTokens", &hello),
        404,
        "NOT_FOUND",
        "models/gemini-embedding-001 is not found for API version v1, or is not supported for countTokens. Call \
         ListModels to see the list of available models and their supported methods.",
    );
    assert_eq!(post("/v1/models/gemini-2.5-flash:generateContent", &hello).status, 200);
    for nowhere in ["/v1beta/models/gemini-2.5-flash:sing", "/v1beta/tunedModels", "/v1beta/modelsx"] {
        let seen = post(nowhere, &hello);
        assert_eq!((seen.status, seen.content_type), (404, "text/html; charset=UTF-8"), "{nowhere}");
    }
    // Where a list was asked for a refusal is one too.
    let stream = post("/v1beta/models/gemini-9:streamGenerateContent", &hello);
    assert_eq!((stream.status, stream.json()[0]["error"]["code"].as_u64()), (404, Some(404)));
    let events = post("/v1beta/models/gemini-9:streamGenerateContent?alt=sse", &hello);
    assert_eq!(events.json()["error"]["code"], 404);
}

/// `/v1/models` belongs to whoever the key is for.
#[test]
fn shared_paths() {
    let ours = |path: &str, query: &str, headers: &HeaderMap| {
        Gemini.claims(&dialects::Address { path, query, headers })
    };
    let none = HeaderMap::new();
    let bearer = [(AUTHORIZATION, HeaderValue::from_static("Bearer x"))].into_iter().collect();
    assert!(ours("/v1/models", "", &key()));
    assert!(ours("/v1/models", "key=x", &none));
    assert!(ours("/v1/models/gemini-2.5-flash", "", &key()));
    assert!(ours("/v1/models/gemini-2.5-flash:countTokens", "", &bearer));
    assert!(ours("/v1beta/models", "", &bearer));
    assert!(!ours("/v1/models", "", &bearer));
    assert!(!ours("/v1/models/ft:gpt-4o:mine", "", &bearer));
    assert!(!ours("/v1/chat/completions", "", &none));
}

#[test]
fn the_model_list_is_a_page() {
    let get = |path: &str| send(&Method::GET, path, &key(), b"").json();
    let all = get("/v1beta/models");
    let names: Vec<_> = all["models"].as_array().unwrap().iter().map(|model| model["name"].clone()).collect();
    assert!(names.contains(&json!("models/gemini-2.5-flash")) && all.get("nextPageToken").is_none());
    let first = get("/v1/models?pageSize=2");
    assert_eq!(first["models"].as_array().unwrap().len(), 2);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = get(&format!("/v1/models?pageSize=2&pageToken={token}"));
    assert_eq!(second["models"][0]["name"], names[2]);
    assert_eq!(get("/v1beta/models/gemini-2.5-pro")["thinking"], true);
    assert_eq!(get("/v1beta/models/gemini-9")["error"]["status"], "NOT_FOUND");
}

#[test]
fn tokens_are_counted() {
    let count = "/v1beta/models/gemini-2.5-flash:countTokens";
    let plain = post(count, &with(&json!({}))).json();
    assert_eq!(plain["totalTokens"].as_u64(), post(FLASH, &with(&json!({}))).usage.map(|usage| usage.input));
    let whole = with(&json!({ "systemInstruction": { "parts": [{ "text": "Be brief." }] } }));
    let whole = json!({ "generateContentRequest": whole });
    assert!(post(count, &whole).json()["totalTokens"].as_u64() > plain["totalTokens"].as_u64());
    let seen = post(count, &with(&json!({ "generationConfig": {} })));
    assert!(seen.body.contains("Unknown name \\\"generationConfig\\\": Cannot find field."), "{}", seen.body);
}

#[test]
fn embeddings() {
    let one = json!({ "content": { "parts": [{ "text": "one" }] }, "outputDimensionality": 3 });
    let seen = post("/v1beta/models/gemini-embedding-001:embedContent", &one);
    let values = seen.json()["embedding"]["values"].as_array().unwrap().clone();
    let length: f64 = values.iter().map(|value| value.as_f64().unwrap().powi(2)).sum();
    assert!(values.len() == 3 && (length - 1.0).abs() < 1e-6, "{values:?}");
    let batch = "/v1beta/models/gemini-embedding-001:batchEmbedContents";
    let mut request = one;
    let refused = post(batch, &json!({ "requests": [request] }));
    turned_away(
        &refused,
        400,
        "INVALID_ARGUMENT",
        "* BatchEmbedContentsRequest.requests[0].model: unexpected model name format\n",
    );
    request["model"] = json!("models/gemini-embedding-001");
    let many = post(batch, &json!({ "requests": [request, request] })).json();
    assert_eq!(
        (many["embeddings"].as_array().unwrap().len(), &many["embeddings"][1]["values"]),
        (2, &values.into())
    );
}

#[test]
fn leniency_takes_all_but_nothing() {
    let answer = |path: &'static str, body: &'static str| {
        let (headers, behaviour, body) = (HeaderMap::new(), Behaviour::default(), Bytes::from(body));
        let (method, query) = (&Method::POST, "");
        let call = Call {
            method,
            path,
            query,
            headers: &headers,
            body: &body,
            serial: 1,
            strict: false,
            require_key: false,
            aws: None,
            behaviour: &behaviour,
        };
        Gemini.answer(&call).status
    };
    let path = "/v1beta/models/anything:generateContent";
    assert_eq!(answer(path, r#"{"contents": [{"role": "pirate", "yo": "ho"}], "n": -1}"#), 200);
    assert_eq!(answer(path, "{}"), 400);
}
