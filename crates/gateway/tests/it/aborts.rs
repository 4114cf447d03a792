//! A client that goes away takes with it what is under way upstream, at whatever point it goes.

use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use lockgate_mock::{Behaviour, Ended as MockEnded, Fault, Mock};
use lockgate_store::Ended;

use crate::house::{CHAT, CHAT_PATH, House, STREAM, config, eventually, mock};

/// Sends `body`, reads `pieces` pieces of the answer, goes away, and checks that the mock and the record know soon.
async fn check(mock: &Mock, body: &'static str, pieces: usize) {
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let request = Request::post(house.url(CHAT_PATH))
        .header("content-type", "application/json")
        .body(Full::from(body))
        .unwrap();
    let read = async {
        let mut answer = house.send(request).await.into_body();
        for _ in 0..pieces {
            answer.frame().await.unwrap().unwrap();
        }
        if pieces == 0 {
            std::future::pending::<()>().await;
        }
    };
    // Without pieces to wait for, the client goes away while the mock lets it wait.
    let _ = tokio::time::timeout(Duration::from_millis(if pieces == 0 { 300 } else { 5000 }), read).await;
    let left = std::time::Instant::now();
    // The pool of the test's client must not keep the connection alive.
    let House { journal, client, serving } = house;
    drop(client);
    eventually(|| {
        mock.ledger()
            .last()
            .is_some_and(|entry| matches!(entry.ended, MockEnded::ClientGone { .. }))
            .then_some(())
    })
    .await;
    assert!(left.elapsed() < Duration::from_secs(1), "{:?}", left.elapsed());
    let record = eventually(|| journal.all().pop()).await;
    assert_eq!(record.ended, Ended::ClientGone);
    drop(serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_stream() {
    let mock = mock().await;
    mock.set_behaviour(Behaviour {
        between_events: Duration::from_millis(50),
        words: Some(200),
        ..Behaviour::default()
    });
    check(&mock, STREAM, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_stream_that_stalls() {
    let mock = mock().await;
    mock.cycle(vec![Some("stall:3".parse().unwrap())]);
    check(&mock, STREAM, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_has_not_answered() {
    let mock = mock().await;
    mock.cycle(vec![Some(Fault::Silent)]);
    check(&mock, CHAT, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_first_word_is_awaited() {
    let mock = mock().await;
    mock.cycle(vec![Some(Fault::LateFirstToken { after: Duration::from_secs(20) })]);
    check(&mock, STREAM, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn during_the_pause_before_a_retry() {
    let mock = mock().await;
    mock.cycle(vec![Some("429;retry-after=20".parse().unwrap())]);
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let asked = house.post(CHAT_PATH, CHAT);
    assert!(tokio::time::timeout(Duration::from_millis(300), asked).await.is_err());
    let House { journal, client, serving } = house;
    drop(client);
    let record = eventually(|| journal.all().pop()).await;
    assert_eq!((record.ended, record.attempts.len()), (Ended::ClientGone, 1));
    assert_eq!(mock.counts().requests, 1);
    drop(serving);
}
