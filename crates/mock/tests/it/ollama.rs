//! The Ollama dialect over real sockets: its lines, and its faults as a client sees them.

use lockgate_mock::{Ended, Fault};
use serde_json::Value;

use crate::wire::{Framing, Seen, ended, mock, request, send, ten_words};

fn chat(stream: bool) -> String {
    let body =
        format!(r#"{{"model":"mock-1","stream":{stream},"messages":[{{"role":"user","content":"Hello"}}]}}"#);
    request("POST", "/api/chat", &body)
}

/// One answer with that fault, or without one.
async fn with(fault: Option<&str>, stream: bool) -> Seen {
    let mock = mock(ten_words()).await;
    mock.script(fault.map(|fault| fault.parse::<Fault>().unwrap()));
    let seen = send(&mock, &chat(stream)).await;
    let expect = if fault.is_some() { Ended::Faulted } else { Ended::Complete };
    assert_eq!(ended(&mock).await.0, expect, "{fault:?}");
    mock.stop().await;
    seen
}

/// Lines with text, lines that are `done`, lines with an error, lines that are no JSON.
fn count(seen: &Seen) -> [usize; 4] {
    let mut counts = [0; 4];
    for line in seen.text().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or(Value::Null);
        let says = line["message"]["content"].as_str().is_some_and(|text| !text.is_empty());
        let is = [says, line["done"] == true, line["error"].is_string(), line.is_null()];
        counts.iter_mut().zip(is).for_each(|(count, is)| *count += usize::from(is));
    }
    counts
}

#[tokio::test]
async fn streams_and_their_faults() {
    for (fault, framing, counts) in [
        (None, Framing::Whole, [10, 1, 0, 0]),
        (Some("cut:4"), Framing::Short, [4, 0, 0, 0]),
        (Some("error:4"), Framing::Whole, [4, 0, 1, 0]),
        (Some("error-in-200"), Framing::Whole, [0, 0, 1, 0]),
        (Some("malformed:4"), Framing::Whole, [10, 1, 0, 1]),
        (Some("no-done"), Framing::Whole, [10, 0, 0, 0]),
        (Some("empty"), Framing::Whole, [0, 0, 0, 0]),
    ] {
        let seen = with(fault, true).await;
        assert_eq!((seen.status, seen.framing, count(&seen)), (200, framing, counts), "{fault:?}");
        assert!(seen.head.contains("content-type: application/x-ndjson"), "{}", seen.head);
    }
}

#[tokio::test]
async fn whole_answers_and_their_faults() {
    for (fault, status, text) in [
        (None, 200, r#""done":true"#),
        (Some("429;retry-after=2"), 429, r#"{"error":"too many concurrent requests"}"#),
        (
            Some("503"),
            503,
            r#"{"error":"server busy, please try again.  maximum pending requests exceeded"}"#,
        ),
        (Some("404"), 404, r#"{"error":"model 'mock-1' not found"}"#),
        (Some("context-length"), 400, r#"{"error":"the input length exceeds the context length"}"#),
        (Some("error-in-200"), 200, r#"{"error":"#),
    ] {
        let seen = with(fault, false).await;
        assert_eq!((seen.status, seen.framing), (status, Framing::Whole), "{fault:?}");
        assert!(seen.text().contains(text), "{fault:?}: {}", seen.text());
        assert!(seen.head.contains("content-type: application/json; charset=utf-8"), "{}", seen.head);
    }
    let cut = with(Some("truncated"), false).await;
    assert!(serde_json::from_slice::<Value>(&cut.body).is_err());
}
