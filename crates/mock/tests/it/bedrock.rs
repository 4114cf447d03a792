//! The Bedrock dialect over a real connection: the binary stream, its faults, and refusals as plain JSON.

use bytes::Bytes;
use lockgate_mock::{Behaviour, Ended, Fault};
use lockgate_protocol::framing::event_stream::{Framer, Message};
use serde_json::Value;

use crate::wire::{Framing, Seen, ended, mock, request, send, ten_words};

fn converse(operation: &str) -> String {
    let body =
        r#"{"messages":[{"role":"user","content":[{"text":"Hello"}]}],"inferenceConfig":{"maxTokens":64}}"#;
    request("POST", &format!("/model/us.mock-1%3A0/{operation}"), body)
}

/// One answer with that fault, or without one.
async fn with(fault: Option<&str>, operation: &str) -> Seen {
    let mock = mock(ten_words()).await;
    mock.script(fault.map(|fault| fault.parse::<Fault>().unwrap()));
    let seen = send(&mock, &converse(operation)).await;
    let expect = if fault.is_some() { Ended::Faulted } else { Ended::Complete };
    assert_eq!(ended(&mock).await.0, expect, "{fault:?}");
    mock.stop().await;
    seen
}

/// The types of the messages, whose checksums fit; `?` for one whose payload is not JSON.
fn types(seen: &Seen) -> Vec<String> {
    let batch = Framer::default().push(&Bytes::copy_from_slice(&seen.body)).unwrap();
    let kind = |raw| {
        let message = Message::parse(raw).unwrap();
        let kind = match message.header(":message-type").unwrap() {
            "exception" => message.header(":exception-type"),
            _ => message.header(":event-type"),
        };
        let is_json = serde_json::from_slice::<Value>(message.payload).is_ok();
        if is_json { kind.unwrap().to_owned() } else { "?".to_owned() }
    };
    batch.events().map(kind).collect()
}

const DELTA: &str = "contentBlockDelta";

#[tokio::test]
async fn a_stream_has_its_messages_in_order() {
    let mock = mock(ten_words()).await;
    let seen = send(&mock, &converse("converse-stream")).await;
    assert_eq!((seen.status, seen.framing), (200, Framing::Whole));
    assert!(seen.head.contains("content-type: application/vnd.amazon.eventstream"), "{}", seen.head);
    let end = ["contentBlockStop", "messageStop", "metadata"];
    let expected: Vec<_> = ["messageStart"].into_iter().chain([DELTA; 10]).chain(end).collect();
    assert_eq!(types(&seen), expected);
    let entry = &mock.ledger()[0];
    assert_eq!(entry.usage.map(|usage| (usage.input, usage.output)), Some((6, 10)));
    assert_eq!(entry.model.as_deref(), Some("us.mock-1:0"));
    mock.stop().await;
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_the_cut() {
    let stream = async |chunk_bytes| {
        let mock = mock(Behaviour { chunk_bytes, ..ten_words() }).await;
        let seen = send(&mock, &converse("converse-stream")).await;
        mock.stop().await;
        seen.body
    };
    let whole = stream(None).await;
    for size in [1, 7, 64] {
        assert_eq!(stream(Some(size)).await, whole, "cut at {size}");
    }
}

/// A refused stream is no stream.
#[tokio::test]
async fn statuses_have_the_providers_own_bodies() {
    for (fault, status, kind) in [
        ("429;retry-after=2", 429, "ThrottlingException"),
        ("500", 500, "InternalServerException"),
        ("503", 503, "ServiceUnavailableException"),
        ("408", 408, "ModelTimeoutException"),
        ("424", 424, "ModelErrorException"),
        ("403", 403, "AccessDeniedException"),
        ("404", 404, "ResourceNotFoundException"),
        ("quota", 429, "ThrottlingException"),
        ("context-length", 400, "ValidationException"),
        ("content-filter", 400, "ValidationException"),
    ] {
        let seen = with(Some(fault), "converse-stream").await;
        assert_eq!((seen.status, seen.framing), (status, Framing::Whole), "{fault}");
        assert!(seen.head.contains(&format!("x-amzn-errortype: {kind}:http://")), "{}", seen.head);
        assert!(seen.head.contains("content-type: application/json"), "{}", seen.head);
        assert!(seen.text().starts_with(r#"{"message":""#), "{}", seen.text());
    }
}

#[tokio::test]
async fn streams_and_their_faults() {
    for (fault, framing, deltas, last) in [
        ("cut:4", Framing::Short, 4, DELTA),
        ("error:3", Framing::Whole, 3, "modelStreamErrorException"),
        ("error-in-200", Framing::Whole, 0, "modelStreamErrorException"),
        ("malformed:2", Framing::Whole, 10, "metadata"),
        ("no-done", Framing::Whole, 10, "contentBlockStop"),
        ("late:20ms", Framing::Whole, 10, "metadata"),
    ] {
        let seen = with(Some(fault), "converse-stream").await;
        let types = types(&seen);
        let count = |wanted: &str| types.iter().filter(|kind| *kind == wanted).count();
        assert_eq!((seen.status, seen.framing, count(DELTA)), (200, framing, deltas), "{fault}");
        assert_eq!(count("?"), usize::from(fault.starts_with("malformed")), "{fault}");
        assert_eq!(types.last().map(String::as_str), Some(last), "{fault}");
    }
    let seen = with(Some("empty"), "converse-stream").await;
    assert_eq!((seen.status, seen.body.len(), seen.framing), (200, 0, Framing::Whole));
}

#[tokio::test]
async fn whole_answers_and_their_faults() {
    let seen = with(None, "converse").await;
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((seen.status, body["stopReason"].as_str()), (200, Some("end_turn")));
    let seen = with(Some("error-in-200"), "converse").await;
    assert!(seen.status == 200 && seen.text().starts_with(r#"{"message":""#), "{}", seen.text());
    let seen = with(Some("truncated"), "converse").await;
    assert!(serde_json::from_slice::<Value>(&seen.body).is_err());
}
