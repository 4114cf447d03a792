//! Conversations that end with words of the assistant, in each dialect.

use lockgate_mock::{Behaviour, Mock, Prefill};

use crate::wire::{mock, request, request_with, send};

const TEXT: &str = "one two three four five six seven eight nine";

/// The same conversation in each dialect: an address, the key's header, a body, and the words of the refusal.
const ASKED: &[(&str, &str, &str, &str)] = &[
    (
        "/v1/chat/completions",
        "authorization: Bearer sk-1",
        r#"{"model":"mock-1","messages":[{"role":"user","content":"count"},{"role":"assistant","content":"one two three"}]}"#,
        "Expected last role",
    ),
    (
        "/v1/responses",
        "authorization: Bearer sk-1",
        r#"{"model":"mock-1","input":[{"role":"user","content":"count"},{"role":"assistant","content":"one two three"}]}"#,
        "Expected last role",
    ),
    (
        "/v1/messages",
        "x-api-key: sk-1\r\nanthropic-version: 2023-06-01",
        r#"{"model":"mock-1","max_tokens":100,"messages":[{"role":"user","content":"count"},{"role":"assistant","content":"one two three"}]}"#,
        "does not support assistant message prefill",
    ),
    (
        "/v1beta/models/mock-1:generateContent",
        "x-goog-api-key: AI-1",
        r#"{"contents":[{"role":"user","parts":[{"text":"count"}]},{"role":"model","parts":[{"text":"one two three"}]}]}"#,
        "Please ensure that multiturn requests end with a user role",
    ),
    (
        "/model/mock-1/converse",
        "authorization: Bearer sk-1",
        r#"{"messages":[{"role":"user","content":[{"text":"count"}]},{"role":"assistant","content":[{"text":"one two three"}]}]}"#,
        "does not support assistant message prefill",
    ),
    (
        "/api/chat",
        "authorization: Bearer sk-1",
        r#"{"model":"mock-1","stream":false,"messages":[{"role":"user","content":"count"},{"role":"assistant","content":"one two three"}]}"#,
        "the last message must be",
    ),
];

async fn counting(prefill: Prefill, overlap: usize) -> Mock {
    mock(Behaviour { answer: Some(TEXT.to_owned()), prefill, overlap, ..Behaviour::default() }).await
}

#[tokio::test]
async fn they_are_refused_ignored_or_gone_on_from() {
    for (prefill, overlap, expected) in [
        (Prefill::Ignore, 0, Some(TEXT)),
        (Prefill::Continue, 0, Some(" four five six seven eight nine")),
        (Prefill::Continue, 1, Some(" three four five six seven eight nine")),
        (Prefill::Refuse, 0, None),
    ] {
        let mock = counting(prefill, overlap).await;
        for (path, key, body, refusal) in ASKED {
            let seen = send(&mock, &request_with("POST", path, key, body)).await;
            let (status, words) = match expected {
                Some(text) => (200, format!("\"{text}\"")),
                None => (400, (*refusal).to_owned()),
            };
            assert_eq!(seen.status, status, "{path}: {}", seen.text());
            assert!(seen.text().contains(&words), "{path}, {prefill:?}: {}", seen.text());
        }
        mock.stop().await;
    }
}

#[tokio::test]
async fn a_quotation_does_as_well() {
    for prefill in [Prefill::Continue, Prefill::Refuse] {
        let mock = counting(prefill, 0).await;
        let body = r#"{"model":"mock-1","messages":[{"role":"user","content":"Go on behind \"one two three four five six\"."}]}"#;
        let seen = send(&mock, &request("POST", "/v1/chat/completions", body)).await;
        assert!(seen.text().contains(r#""content":" seven eight nine""#), "{}", seen.text());
        mock.stop().await;
    }
}
