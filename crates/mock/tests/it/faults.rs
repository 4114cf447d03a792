//! Each fault as a client sees it, streaming and not.

use std::time::Duration;

use lockgate_mock::{Ended, Fault};

use crate::wire::{Framing, Seen, chat, ended, mock, send, ten_words};

/// One answer with that fault, and the healthy one after it.
async fn with(fault: &str, stream: bool) -> Seen {
    let mock = mock(ten_words()).await;
    mock.script([fault.parse::<Fault>().unwrap()]);
    let seen = send(&mock, &chat(stream)).await;
    assert_eq!(ended(&mock).await.0, Ended::Faulted, "{fault}");
    assert_eq!(mock.ledger()[0].fault, Some(fault.parse().unwrap()));
    let next = send(&mock, &chat(stream)).await;
    assert_eq!((next.status, next.framing), (200, Framing::Whole), "after {fault}");
    assert_eq!(ended(&mock).await.0, Ended::Complete, "after {fault}");
    mock.stop().await;
    seen
}

#[tokio::test]
async fn statuses_have_the_providers_own_bodies() {
    for (fault, status, text) in [
        ("429", 429, "Rate limit reached for mock-1"),
        ("429;retry-after=2", 429, "rate_limit_exceeded"),
        ("500", 500, "The server had an error while processing your request."),
        ("503", 503, "overloaded"),
        ("529", 529, "server_error"),
        ("401", 401, "invalid_api_key"),
        ("quota", 429, "insufficient_quota"),
        ("context-length", 400, "context_length_exceeded"),
        ("content-filter", 400, "content_filter"),
        ("html", 502, "<html>"),
        ("html:200", 200, "<html>"),
    ] {
        let seen = with(fault, true).await;
        assert_eq!(seen.status, status, "{fault}");
        assert!(seen.text().contains(text), "{fault}: {}", seen.text());
        assert_eq!(
            seen.head.matches("retry-after: 2").count(),
            usize::from(fault.ends_with("=2")),
            "{}",
            seen.head
        );
        assert_eq!(
            seen.head.matches("retry-after").count(),
            usize::from(fault.ends_with("=2")),
            "{}",
            seen.head
        );
        assert_eq!(seen.head.contains("content-type: text/html"), fault.starts_with("html"), "{fault}");
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let seen = with("reset", false).await;
    assert_eq!((seen.framing, seen.body.len()), (Framing::Reset, 0));
    assert_eq!(seen.status, 0);
}

#[tokio::test]
async fn cuts_are_cuts() {
    let seen = with("cut:4", true).await;
    assert_eq!((seen.status, seen.outputs(), seen.framing), (200, 4, Framing::Short));
    let seen = with("cut:4", false).await;
    assert_eq!((seen.status, seen.framing), (200, Framing::Short));
}

#[tokio::test]
async fn streams_that_end_badly() {
    let seen = with("no-done", true).await;
    assert_eq!((seen.outputs(), seen.text().contains("[DONE]"), seen.framing), (10, false, Framing::Whole));
    let seen = with("error:3", true).await;
    assert_eq!((seen.outputs(), seen.framing), (3, Framing::Whole));
    assert!(seen.events().last().unwrap().starts_with(r#"{"error":"#));
    let seen = with("malformed:5", true).await;
    let events = seen.events();
    assert_eq!((seen.outputs(), events.last()), (10, Some(&"[DONE]")));
    let broken =
        events.iter().filter(|event| serde_json::from_str::<serde_json::Value>(event).is_err()).count();
    assert_eq!(broken, 2, "the malformed one and [DONE]");
    let seen = with("empty", true).await;
    assert_eq!((seen.status, seen.text(), seen.framing), (200, "", Framing::Whole));
}

#[tokio::test]
async fn errors_under_a_200() {
    for stream in [true, false] {
        let seen = with("error-in-200", stream).await;
        assert_eq!(seen.status, 200);
        assert!(seen.text().trim_start_matches("data: ").starts_with(r#"{"error":"#), "{}", seen.text());
    }
}

#[tokio::test]
async fn half_an_answer_that_claims_to_be_whole() {
    let seen = with("truncated", false).await;
    assert_eq!((seen.status, seen.framing), (200, Framing::Whole));
    assert!(seen.text().starts_with("{\"id\":"));
    assert!(serde_json::from_slice::<serde_json::Value>(&seen.body).is_err());
}

#[tokio::test]
async fn a_stream_that_opens_and_says_nothing() {
    let seen = with("lifecycle", true).await;
    assert_eq!((seen.events().len(), seen.outputs(), seen.framing), (1, 0, Framing::Whole));
    let seen = with("lifecycle;429", true).await;
    let events = seen.events();
    assert_eq!((events.len(), seen.outputs(), seen.framing), (2, 0, Framing::Whole));
    assert!(events[1].contains("rate_limit_exceeded"), "{}", events[1]);
    let seen = with("error:2;429", true).await;
    assert_eq!((seen.outputs(), seen.framing), (2, Framing::Whole));
    assert!(seen.events().last().unwrap().contains("rate_limit_exceeded"));
}

#[tokio::test]
async fn headers_and_nothing_after_them() {
    for stream in [true, false] {
        let mock = mock(ten_words()).await;
        mock.script([Fault::HeadersOnly]);
        let mut socket = tokio::net::TcpStream::connect(mock.addr()).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, chat(stream).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let read =
            async { while tokio::io::AsyncReadExt::read_buf(&mut socket, &mut bytes).await.unwrap() > 0 {} };
        assert!(tokio::time::timeout(Duration::from_millis(200), read).await.is_err());
        assert!(bytes.starts_with(b"HTTP/1.1 200 OK") && bytes.ends_with(b"\r\n\r\n"));
        assert_eq!(mock.counts().streams, u64::from(stream));
        drop(socket);
        assert!(matches!(ended(&mock).await.0, Ended::ClientGone { .. }));
        assert_eq!(mock.counts().streams, 0);
        mock.stop().await;
    }
}

#[tokio::test]
async fn a_pause_in_the_middle() {
    let seen = with("pause:5;150ms", true).await;
    assert_eq!((seen.outputs(), seen.framing), (10, Framing::Whole));
    assert!(seen.end_after - seen.head_after >= Duration::from_millis(150));
    let seen = with("pause:5;150ms", false).await;
    assert!(seen.end_after >= Duration::from_millis(150));
    assert!(serde_json::from_slice::<serde_json::Value>(&seen.body).is_ok());
}

#[tokio::test]
async fn lies_about_the_body() {
    for stream in [true, false] {
        let end: &[u8] = if stream { b"data: [DONE]\n\n" } else { b"}" };
        let seen = with("type:text/plain", stream).await;
        assert!(seen.head.contains("content-type: text/plain") && seen.body.ends_with(end), "{}", seen.head);
        let seen = with("gzip-claimed", stream).await;
        assert!(seen.head.contains("content-encoding: gzip") && seen.body.ends_with(end), "{}", seen.head);
        for (fault, named) in [("gzip", true), ("gzip-unnamed", false)] {
            let seen = with(fault, stream).await;
            assert_eq!(seen.head.contains("content-encoding: gzip"), named, "{}", seen.head);
            assert!(seen.body.starts_with(&[0x1f, 0x8b]) && seen.framing == Framing::Whole);
        }
        let seen = with("length:+10", stream).await;
        assert_eq!((seen.framing, seen.body.ends_with(end)), (Framing::Short, true));
        let seen = with("length:-10", stream).await;
        assert_eq!((seen.framing, seen.body.ends_with(end)), (Framing::Whole, false));
        let seen = with("no-end", stream).await;
        assert_eq!((seen.framing, seen.body.ends_with(end)), (Framing::Short, true));
    }
}

#[tokio::test]
async fn headers_of_a_refusal_are_whatever_is_wanted() {
    let mock = mock(ten_words()).await;
    let refusal = r#"{"kind":"status","status":429,"headers":{"x-ratelimit-reset-requests":"6m0s","x-request-id":"mine"}}"#;
    mock.script([serde_json::from_str::<Fault>(refusal).unwrap()]);
    let head = send(&mock, &chat(false)).await.head;
    assert!(head.contains("x-ratelimit-reset-requests: 6m0s"), "{head}");
    assert_eq!(head.matches("x-request-id: ").count(), 1, "{head}");
    mock.stop().await;
}

#[tokio::test]
async fn a_late_first_token_has_early_headers() {
    for stream in [true, false] {
        let seen = with("late:120ms", stream).await;
        assert_eq!((seen.status, seen.framing), (200, Framing::Whole));
        let (head, end) = (seen.head_after, seen.end_after);
        assert!(end - head >= Duration::from_millis(100), "head after {head:?}, end after {end:?}");
    }
}

#[tokio::test]
async fn a_cycle_goes_round_and_a_script_goes_first() {
    let mock = mock(ten_words()).await;
    mock.cycle(vec![Some(Fault::status(429)), None]);
    mock.script([Fault::status_after(503, 1)]);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(send(&mock, &chat(false)).await.status);
    }
    assert_eq!(statuses, [503, 429, 200, 429, 200]);
    let counts = mock.counts();
    assert_eq!((counts.requests, counts.faulted, counts.complete, counts.connections), (5, 3, 2, 5));
    mock.stop().await;
}
