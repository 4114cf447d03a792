//! What every endpoint looks at before the parameters: address, key, method, content type, model.

use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::{super::OpenAi, chat_with, send, send_with};
use crate::{
    Behaviour,
    dialects::{Call, Dialect},
};

/// What any endpoint refuses before it looks at the parameters.
#[track_caller]
fn turned_away(answer: &(u16, String), status: u16, message: &str, code: Option<&str>) {
    let body: Value = serde_json::from_str(&answer.1).unwrap();
    let start: String =
        body["error"]["message"].as_str().unwrap().chars().take(message.chars().count()).collect();
    assert_eq!((answer.0, start.as_str(), body["error"]["code"].as_str()), (status, message, code), "{body}");
}

#[test]
fn the_door() {
    let chat = "/v1/chat/completions";
    let json = "application/json";
    let hello = chat_with(&json!({})).to_string();
    let hello = hello.as_bytes();
    turned_away(
        &send(&Method::POST, chat, json, b"{\"model\": "),
        400,
        "We could not parse the JSON body of your request. (HINT",
        None,
    );
    turned_away(&send(&Method::POST, chat, json, b"[]"), 400, "We could not parse the JSON body", None);
    turned_away(
        &send(&Method::POST, chat, "text/plain", hello),
        400,
        "Unsupported content type: 'text/plain'. This API method only accepts 'application/json' requests",
        Some("unsupported_content_type"),
    );
    turned_away(
        &send(&Method::GET, chat, json, b""),
        405,
        "Not allowed to GET on /v1/chat/completions.",
        Some("method_not_supported"),
    );
    turned_away(
        &send(&Method::POST, "/v1/nonsense", json, b"{}"),
        404,
        "Invalid URL (POST /v1/nonsense)",
        None,
    );
    turned_away(
        &send(&Method::GET, "/v1/responses/resp_1", json, b""),
        404,
        "Response with id 'resp_1' not found.",
        None,
    );
    let unknown = chat_with(&json!({ "model": "gpt-9" })).to_string();
    turned_away(
        &send(&Method::POST, chat, json, unknown.as_bytes()),
        404,
        "The model `gpt-9` does not exist or you do not have access to it.",
        Some("model_not_found"),
    );
    let embedder = chat_with(&json!({ "model": "text-embedding-3-small" })).to_string();
    turned_away(&send(&Method::POST, chat, json, embedder.as_bytes()), 404, "This is not a chat model", None);
}

#[test]
fn keys() {
    #[track_caller]
    fn check(path: &str, name: &'static str, key: &str, expected: (u16, &str)) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        headers.insert(name, key.parse().unwrap());
        let (status, text) =
            send_with(&Method::POST, path, &headers, chat_with(&json!({})).to_string().as_bytes());
        assert_eq!(status, expected.0, "{text}");
        assert!(text.contains(expected.1), "{text}");
    }
    let chat = "/v1/chat/completions";
    check(chat, "x-nothing", "1", (401, "You didn't provide an API key."));
    check(chat, "authorization", "Bearer ", (401, "You didn't provide an API key."));
    check(
        chat,
        "authorization",
        "Bearer invalid",
        (401, "Incorrect API key provided: invalid. You can find"),
    );
    check(
        chat,
        "authorization",
        "Bearer bad-12345678901234567890",
        (401, "Incorrect API key provided: bad-1234************7890. You can find"),
    );
    check(chat, "authorization", "Bearer x", (200, "You said"));
    check(chat, "api-key", "x", (200, "You said"));
    let azure = "/openai/deployments/mock-east/chat/completions?api-version=2024-10-21";
    check(azure, "api-key", "x", (200, "\"model\":\"mock-east\""));
    check(azure, "api-key", "invalid", (401, "Access denied due to invalid subscription key"));
    check("/openai/v1/chat/completions", "api-key", "x", (200, "\"model\":\"gpt-4o\""));
    check("/openai/deployments/mock-east/chat/completions", "api-key", "x", (404, "Resource not found"));
    check(
        "/openai/deployments/nowhere/chat/completions?api-version=1",
        "api-key",
        "x",
        (404, "DeploymentNotFound"),
    );
}

#[test]
fn leniency_takes_all_but_nothing() {
    let answer = |body: &str| {
        let (headers, behaviour, body) =
            (HeaderMap::new(), Behaviour::default(), Bytes::from(body.to_owned()));
        let call = Call {
            method: &Method::POST,
            path: "/v1/chat/completions",
            query: "",
            headers: &headers,
            body: &body,
            serial: 1,
            strict: false,
            require_key: false,
            aws: None,
            behaviour: &behaviour,
        };
        OpenAi.answer(&call).status
    };
    assert_eq!(
        answer(r#"{"model": "anything", "messages": [{"role": "pirate"}], "yo": "ho", "n": -1}"#),
        200
    );
    assert_eq!(answer(r#"{"model": "anything"}"#), 400);
    assert_eq!(answer(r#"{"messages": []}"#), 400);
}
