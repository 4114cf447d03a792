//! Pauses and network writes as asked for.

use std::time::Duration;

use lockgate_mock::Behaviour;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::wire::{Framing, chat, mock, request, send, ten_words};

#[tokio::test]
async fn pauses_add_up() {
    let pause = Duration::from_millis;
    let behaviour =
        Behaviour { latency: pause(40), first_token: pause(30), between_events: pause(5), ..ten_words() };
    let mock = mock(behaviour).await;
    let seen = send(&mock, &chat(true)).await;
    assert_eq!((seen.outputs(), seen.framing), (10, Framing::Whole));
    assert!(seen.head_after >= pause(40), "{:?}", seen.head_after);
    assert!(seen.end_after >= pause(40 + 30 + 9 * 5), "{:?}", seen.end_after);
    mock.set_behaviour(ten_words());
    let quick = send(&mock, &chat(true)).await;
    assert!(quick.end_after < seen.end_after, "{:?}", quick.end_after);
    mock.stop().await;
}

#[tokio::test]
async fn the_bytes_do_not_depend_on_the_cut() {
    let stream = async |chunk_bytes| {
        let mock = mock(Behaviour { chunk_bytes, ..ten_words() }).await;
        let seen = send(&mock, &chat(true)).await;
        mock.stop().await;
        assert_eq!(seen.framing, Framing::Whole);
        seen.body
    };
    let whole = stream(None).await;
    for size in [1, 7, 64] {
        assert_eq!(stream(Some(size)).await, whole, "cut at {size}");
    }
}

#[tokio::test]
async fn lines_end_as_they_are_told() {
    use lockgate_mock::LineEnd;
    let body = async |line_end| {
        let mock = mock(Behaviour { line_end, ..ten_words() }).await;
        let seen = send(&mock, &chat(true)).await;
        mock.stop().await;
        seen.body
    };
    let lf = String::from_utf8(body(None).await).unwrap();
    for (line_end, text) in [(LineEnd::Lf, "\n"), (LineEnd::Crlf, "\r\n"), (LineEnd::Cr, "\r")] {
        assert_eq!(String::from_utf8(body(Some(line_end)).await).unwrap(), lf.replace('\n', text));
    }
}

#[tokio::test]
async fn an_event_of_any_size() {
    let run = "x".repeat(1 << 20);
    let mock = mock(Behaviour { answer: Some(format!("small {run} small")), ..Behaviour::default() }).await;
    let seen = send(&mock, &chat(true)).await;
    assert_eq!((seen.outputs(), seen.framing), (3, Framing::Whole));
    assert!(seen.events().iter().any(|event| event.len() > 1 << 20));
    mock.stop().await;
}

#[tokio::test]
async fn thoughts_come_before_words() {
    let mock = mock(Behaviour { thoughts: Some(3), ..ten_words() }).await;
    let seen = send(&mock, &chat(true)).await;
    let kinds: Vec<_> = seen.events().iter().map(|event| event.contains("reasoning_content")).collect();
    assert_eq!(kinds[..5], [false, true, true, true, false]);
    let seen = send(&mock, &chat(false)).await;
    assert!(seen.text().contains(r#""reasoning_content":"the lock fills""#), "{}", seen.text());
    mock.stop().await;
}

#[tokio::test]
async fn chunks_have_the_size_asked_for() {
    for size in [10, 1000] {
        let mock = mock(Behaviour { chunk_bytes: Some(size), ..ten_words() }).await;
        let mut socket = TcpStream::connect(mock.addr()).await.unwrap();
        socket.write_all(chat(true).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let sizes: Vec<_> =
            body.split("\r\n").step_by(2).map_while(|size| usize::from_str_radix(size, 16).ok()).collect();
        let [full @ .., last, 0] = sizes.as_slice() else { panic!("{sizes:?}") };
        assert!(full.len() > 1 && full.iter().all(|chunk| *chunk == size), "{sizes:?}");
        assert!(*last <= size, "{sizes:?}");
        mock.stop().await;
    }
}

#[tokio::test]
async fn a_whole_answer_can_be_cut_too() {
    let mock = mock(Behaviour { chunk_bytes: Some(16), ..Behaviour::default() }).await;
    let seen = send(&mock, &chat(false)).await;
    assert_eq!(seen.framing, Framing::Whole);
    assert!(serde_json::from_slice::<serde_json::Value>(&seen.body).is_ok());
    mock.stop().await;
}

#[tokio::test]
async fn usage_comes_last_and_alone() {
    let mock = mock(ten_words()).await;
    let body = r#"{"model":"mock-1","stream":true,"stream_options":{"include_usage":true},
        "messages":[{"role":"user","content":"Hello"}]}"#;
    let seen = send(&mock, &request("POST", "/v1/chat/completions", body)).await;
    let events = seen.events();
    let [chunks @ .., usage, "[DONE]"] = events.as_slice() else { panic!("{events:?}") };
    assert!(chunks.iter().all(|chunk| chunk.ends_with(r#""usage":null}"#)), "{chunks:?}");
    assert!(usage.contains(r#""choices":[],"usage":{"prompt_tokens":6,"completion_tokens":10,"#), "{usage}");
    let entry = &mock.ledger()[0];
    assert_eq!(entry.usage.map(|usage| (usage.input, usage.output)), Some((6, 10)));
    mock.stop().await;
}

#[tokio::test]
async fn the_same_requests_get_the_same_bytes() {
    let mut answers = Vec::new();
    for _ in 0..2 {
        let mock = mock(Behaviour::default()).await;
        let first = send(&mock, &chat(false)).await.body;
        let second = send(&mock, &chat(true)).await.body;
        assert_ne!(first, second);
        answers.push((first, second));
        mock.stop().await;
    }
    assert_eq!(answers[0], answers[1]);
}
