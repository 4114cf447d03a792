//! What every call must have, and the paths that take no message.

use super::*;
use crate::dialects;

#[track_caller]
fn turned_away(seen: &Seen, status: u16, kind: &str, message: &str) {
    let body = seen.json();
    assert_eq!((seen.status, &body["error"]), (status, &json!({ "type": kind, "message": message })));
    assert_eq!(body["type"], "error");
    let id = seen.headers.iter().find(|(name, _)| name == "request-id").map(|(_, id)| id.to_str().unwrap());
    assert_eq!(body["request_id"].as_str(), id);
}

fn with_headers(list: &[(&'static str, &'static str)]) -> Seen {
    let headers = list
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
    send(&Method::POST, "/v1/messages", &headers, with(&json!({})).to_string().as_bytes())
}

#[test]
fn keys() {
    let unauthorized = "authentication_error";
    let version = ("anthropic-version", OLD);
    turned_away(&with_headers(&[version]), 401, unauthorized, "x-api-key header is required");
    turned_away(&with_headers(&[version, ("x-api-key", "invalid")]), 401, unauthorized, "invalid x-api-key");
    turned_away(
        &with_headers(&[version, ("authorization", "Bearer bad-1")]),
        401,
        unauthorized,
        "Invalid bearer token",
    );
    let both = [version, ("authorization", "Bearer good"), ("x-api-key", "bad")];
    turned_away(&with_headers(&both), 401, unauthorized, "invalid x-api-key");
    assert_eq!(with_headers(&[version, ("authorization", "Bearer good")]).status, 200);
    assert_eq!(with_headers(&[("anthropic-version", NEW), ("x-api-key", "good")]).status, 200);
}

#[test]
fn versions() {
    let invalid = "invalid_request_error";
    let key = ("x-api-key", "good");
    turned_away(&with_headers(&[key]), 400, invalid, "anthropic-version: header is required");
    turned_away(
        &with_headers(&[key, ("anthropic-version", "2024-01-01")]),
        400,
        invalid,
        "anthropic-version: \"2024-01-01\" is not a valid version",
    );
}

#[test]
fn addresses() {
    let get = |path: &str| send(&Method::GET, path, &headers(OLD), b"");
    turned_away(&get("/v1/messages"), 405, "invalid_request_error", "Method Not Allowed");
    turned_away(&get("/v1/messages/batches"), 404, "not_found_error", "Not Found");
    turned_away(&get("/v1/models/claude-9"), 404, "not_found_error", "model: claude-9");
    assert_eq!(get("/v1/models/claude-opus-4-8").json()["id"], "claude-opus-4-8");
    let not_json = send(&Method::POST, "/v1/messages", &headers(OLD), b"{\"model\": ");
    assert!(not_json.body.contains("The request body is not valid JSON: "), "{}", not_json.body);
}

#[test]
fn the_model_list_is_a_page() {
    let page = |query: &str| send(&Method::GET, &format!("/v1/models?{query}"), &headers(NEW), b"").json();
    let first = page("limit=2");
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    let all = page("limit=1000");
    let ids: Vec<_> = all["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect();
    assert_eq!((all["has_more"].as_bool(), &all["last_id"]), (Some(false), &json!("mock-1")));
    let second = page(&format!("limit=2&after_id={}", first["last_id"].as_str().unwrap()));
    assert_eq!((&second["first_id"], &second["last_id"]), (&ids[2], &ids[3]));
    assert_eq!(page("limit=0")["error"]["message"], "limit: Input should be greater than or equal to 1");
}

/// The same path is another provider's without the header.
#[test]
fn models_without_a_version_are_not_ours() {
    let anthropic =
        |path: &str, headers: &HeaderMap| Anthropic.claims(&dialects::Address { path, query: "", headers });
    assert!(anthropic("/v1/models", &headers(OLD)));
    assert!(!anthropic("/v1/models", &HeaderMap::new()));
    assert!(anthropic("/v1/messages", &HeaderMap::new()));
    assert!(!anthropic("/v1/chat/completions", &headers(OLD)));
}

#[test]
fn tokens_are_counted() {
    let count = |body: &Value| {
        send(&Method::POST, "/v1/messages/count_tokens", &headers(NEW), body.to_string().as_bytes())
    };
    let body = with(&json!({ "max_tokens": null, "system": "Be brief." }));
    let counted = count(&body).json()["input_tokens"].as_u64();
    assert_eq!(counted, post(NEW, &with(&json!({ "system": "Be brief." }))).usage.map(|usage| usage.input));
    turned_away(
        &count(&with(&json!({}))),
        400,
        "invalid_request_error",
        "max_tokens: Extra inputs are not permitted",
    );
}

#[test]
fn leniency_takes_all_but_nothing() {
    let answer = |body: &'static str| {
        let (headers, behaviour, body) = (HeaderMap::new(), Behaviour::default(), Bytes::from(body));
        let (method, path, query) = (&Method::POST, "/v1/messages", "");
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
        Anthropic.answer(&call).status
    };
    assert_eq!(answer(r#"{"model": "anything", "messages": [{"role": "pirate"}], "yo": "ho"}"#), 200);
    assert_eq!(answer(r#"{"model": "anything"}"#), 400);
    assert_eq!(answer(r#"{"messages": []}"#), 400);
}
