//! The Anthropic dialect over a real connection: streams, faults, and the path it shares.

use lockgate_mock::{Behaviour, Fault};
use serde_json::Value;

use crate::wire::{Framing, Seen, mock, request_with, send, ten_words};

const HEADERS: &str = "x-api-key: sk-1\r\nanthropic-version: 2023-06-01";

fn message(stream: bool) -> String {
    let body = format!(
        r#"{{"model":"mock-1","max_tokens":64,"stream":{stream},"messages":[{{"role":"user","content":"Hello"}}]}}"#
    );
    request_with("POST", "/v1/messages?beta=true", HEADERS, &body)
}

async fn with(fault: &str, stream: bool) -> Seen {
    let mock = mock(ten_words()).await;
    mock.script([fault.parse::<Fault>().unwrap()]);
    let seen = send(&mock, &message(stream)).await;
    mock.stop().await;
    seen
}

/// The types of the events, `?` for one that is not JSON.
fn types(seen: &Seen) -> Vec<String> {
    let kind = |event: &&str| {
        let event: Value = serde_json::from_str(event).unwrap_or_default();
        event["type"].as_str().unwrap_or("?").to_owned()
    };
    seen.events().iter().map(kind).collect()
}

const DELTA: &str = "content_block_delta";

#[tokio::test]
async fn a_stream_has_its_events_in_order() {
    let mock = mock(ten_words()).await;
    let seen = send(&mock, &message(true)).await;
    assert_eq!((seen.status, seen.framing), (200, Framing::Whole));
    assert!(seen.head.contains("content-type: text/event-stream; charset=utf-8"), "{}", seen.head);
    let begin = ["message_start", "content_block_start", "ping"];
    let end = ["content_block_stop", "message_delta", "message_stop"];
    let expected: Vec<_> = begin.into_iter().chain([DELTA; 10]).chain(end).collect();
    assert_eq!(types(&seen), expected);
    let entry = &mock.ledger()[0];
    assert_eq!(entry.usage.map(|usage| (usage.input, usage.output)), Some((6, 10)));
    assert_eq!(entry.model.as_deref(), Some("mock-1"));
    mock.stop().await;
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_the_cut() {
    let stream = async |chunk_bytes| {
        let mock = mock(Behaviour { chunk_bytes, ..ten_words() }).await;
        let seen = send(&mock, &message(true)).await;
        mock.stop().await;
        seen.body
    };
    let whole = stream(None).await;
    for size in [1, 7, 64] {
        assert_eq!(stream(Some(size)).await, whole, "cut at {size}");
    }
}

#[tokio::test]
async fn statuses_have_the_providers_own_bodies() {
    for (fault, status, kind, retry) in [
        ("429;retry-after=2", 429, "rate_limit_error", "true"),
        ("529", 529, "overloaded_error", "true"),
        ("500", 500, "api_error", "true"),
        ("401", 401, "authentication_error", "false"),
        ("quota", 400, "invalid_request_error", "false"),
        ("context-length", 400, "invalid_request_error", "false"),
        ("content-filter", 400, "invalid_request_error", "false"),
    ] {
        let seen = with(fault, true).await;
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((seen.status, body["error"]["type"].as_str()), (status, Some(kind)), "{fault}");
        assert!(seen.head.contains(&format!("x-should-retry: {retry}")), "{}", seen.head);
    }
}

#[tokio::test]
async fn streams_that_end_badly() {
    let seen = with("no-done", true).await;
    assert_eq!(
        (types(&seen).last().map(String::as_str), seen.framing),
        (Some("message_delta"), Framing::Whole)
    );
    let seen = with("error:3", true).await;
    let types_seen = types(&seen);
    assert_eq!(types_seen.iter().filter(|kind| *kind == DELTA).count(), 3);
    assert_eq!(types_seen.last().map(String::as_str), Some("error"));
    assert!(seen.text().contains("event: error\ndata: {"), "{}", seen.text());
    let seen = with("cut:4", true).await;
    assert_eq!(
        (types(&seen).iter().filter(|kind| *kind == DELTA).count(), seen.framing),
        (4, Framing::Short)
    );
    let seen = with("malformed:2", true).await;
    assert_eq!(types(&seen).iter().filter(|kind| *kind == "?").count(), 1);
    let seen = with("error-in-200", true).await;
    assert_eq!((seen.status, types(&seen).as_slice()), (200, ["error".to_owned()].as_slice()));
    let seen = with("error-in-200", false).await;
    assert!(seen.status == 200 && seen.text().starts_with(r#"{"error":{"#), "{}", seen.text());
}
