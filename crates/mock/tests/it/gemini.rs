//! The Gemini dialect over a real connection: both framings, faults, and the path it shares.

use lockgate_mock::{Behaviour, Fault};
use serde_json::Value;

use crate::wire::{Framing, Seen, mock, request_with, send, ten_words};

const HEADERS: &str = "x-goog-api-key: AIza-1";
const WHOLE: &str = "generateContent";
const EVENTS: &str = "streamGenerateContent?alt=sse";
const ARRAY: &str = "streamGenerateContent";

fn generate(verb: &str) -> String {
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#;
    request_with("POST", &format!("/v1beta/models/mock-1:{verb}"), HEADERS, body)
}

async fn with(fault: &str, verb: &str) -> Seen {
    let mock = mock(ten_words()).await;
    mock.script([fault.parse::<Fault>().unwrap()]);
    let seen = send(&mock, &generate(verb)).await;
    mock.stop().await;
    seen
}

/// The data of each event; `null` for one that is not JSON.
fn events(seen: &Seen) -> Vec<Value> {
    let data = seen.text().split("\r\n\r\n").filter_map(|event| event.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_default()).collect()
}

fn finish(chunk: &Value) -> Option<&str> {
    chunk["candidates"][0]["finishReason"].as_str()
}

#[tokio::test]
async fn both_framings_say_the_same() {
    let mock = mock(ten_words()).await;
    let seen = send(&mock, &generate(EVENTS)).await;
    assert_eq!((seen.status, seen.framing), (200, Framing::Whole));
    assert!(seen.head.contains("content-type: text/event-stream\r\n"), "{}", seen.head);
    let chunks = events(&seen);
    assert_eq!((chunks.len(), finish(&chunks[10]), finish(&chunks[9])), (11, Some("STOP"), None));
    let array = send(&mock, &generate(ARRAY)).await;
    let mut elements: Vec<Value> = serde_json::from_slice(&array.body).unwrap();
    for (element, chunk) in elements.iter_mut().zip(&chunks) {
        // Another call, another id.
        element["responseId"] = chunk["responseId"].clone();
    }
    assert_eq!(elements, chunks);
    let entry = &mock.ledger()[0];
    assert_eq!(entry.usage.map(|usage| (usage.input, usage.output)), Some((2, 10)));
    assert_eq!(entry.model.as_deref(), Some("mock-1"));
    mock.stop().await;
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_the_cut() {
    for verb in [EVENTS, ARRAY] {
        let stream = async |chunk_bytes| {
            let mock = mock(Behaviour { chunk_bytes, ..ten_words() }).await;
            let seen = send(&mock, &generate(verb)).await;
            mock.stop().await;
            seen.body
        };
        let whole = stream(None).await;
        for size in [1, 7, 64] {
            assert_eq!(stream(Some(size)).await, whole, "{verb} cut at {size}");
        }
    }
}

#[tokio::test]
async fn statuses_have_the_providers_own_bodies() {
    for (fault, status, name) in [
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("503", 503, "UNAVAILABLE"),
        ("500", 500, "INTERNAL"),
        ("401", 401, "UNAUTHENTICATED"),
        ("quota", 429, "RESOURCE_EXHAUSTED"),
        ("context-length", 400, "INVALID_ARGUMENT"),
    ] {
        let seen = with(fault, EVENTS).await;
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((seen.status, body["error"]["status"].as_str()), (status, Some(name)), "{fault}");
    }
    let list: Value = serde_json::from_slice(&with("503", ARRAY).await.body).unwrap();
    assert_eq!(list[0]["error"]["code"], 503);
}

/// When to come back is in the details of the error and in no header.
#[tokio::test]
async fn a_rate_limit_says_when_in_its_details() {
    for (fault, delay) in [("429", "1s"), ("429;retry-after=34", "34s"), ("503;retry-after=2", "2s")] {
        let seen = with(fault, WHOLE).await;
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        let details = body["error"]["details"].as_array().unwrap().clone();
        let infos: Vec<_> = details
            .iter()
            .filter(|detail| detail["@type"] == "type.googleapis.com/google.rpc.RetryInfo")
            .collect();
        assert_eq!((infos.len(), infos[0]["retryDelay"].as_str()), (1, Some(delay)), "{fault}");
        assert!(!seen.head.contains("retry-after"), "{}", seen.head);
    }
    let quota: Value = serde_json::from_slice(&with("quota", WHOLE).await.body).unwrap();
    assert!(!quota.to_string().contains("RetryInfo"), "no waiting cures it: {quota}");
}

#[tokio::test]
async fn a_blocked_prompt_is_a_200() {
    let seen = with("content-filter", EVENTS).await;
    let chunks = events(&seen);
    assert_eq!((seen.status, chunks.len()), (200, 1));
    assert_eq!(chunks[0]["promptFeedback"]["blockReason"], "PROHIBITED_CONTENT");
}

#[tokio::test]
async fn streams_that_end_badly() {
    let seen = with("no-done", EVENTS).await;
    assert_eq!((events(&seen).len(), seen.framing), (10, Framing::Whole));
    assert!(events(&seen).iter().all(|chunk| finish(chunk).is_none()));
    let seen = with("error:3", EVENTS).await;
    assert_eq!((events(&seen).len(), &events(&seen)[3]["error"]["code"]), (4, &503.into()));
    let seen = with("cut:4", EVENTS).await;
    assert_eq!((events(&seen).len(), seen.framing), (4, Framing::Short));
    let seen = with("malformed:2", EVENTS).await;
    assert_eq!(events(&seen).iter().filter(|chunk| chunk.is_null()).count(), 1);
    let seen = with("error-in-200", EVENTS).await;
    assert_eq!((seen.status, events(&seen).len()), (200, 1));
}

#[tokio::test]
async fn arrays_that_end_badly() {
    let elements = |seen: &Seen| serde_json::from_slice::<Vec<Value>>(&seen.body);
    assert!(elements(&with("no-done", ARRAY).await).is_err(), "the bracket is missing");
    let error = elements(&with("error:3", ARRAY).await).unwrap();
    assert_eq!((error.len(), &error[3]["error"]["status"]), (4, &"UNAVAILABLE".into()));
    let alone = elements(&with("error-in-200", ARRAY).await).unwrap();
    assert_eq!((alone.len(), &alone[0]["error"]["code"]), (1, &503.into()));
    assert!(elements(&with("malformed:2", ARRAY).await).is_err());
}

/// One path, three providers: the key decides.
#[tokio::test]
async fn models_are_listed_for_whoever_asks() {
    let mock = mock(ten_words()).await;
    for (headers, marker) in [
        (HEADERS, "\"models\": ["),
        ("x-api-key: sk-1\r\nanthropic-version: 2023-06-01", "\"first_id\":"),
        ("authorization: Bearer sk-1", "\"object\":\"list\""),
    ] {
        let seen = send(&mock, &request_with("GET", "/v1/models", headers, "")).await;
        assert!(seen.text().contains(marker), "{headers}: {}", seen.text());
    }
    mock.stop().await;
}
