//! What clients do: leave, multiply, send what nobody should send.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::{BodyExt, Full};
use lockgate_mock::{Behaviour, Ended as MockEnded};
use lockgate_store::Ended;

use super::bench::{Bench, Way, behaviour, client, ways};
use crate::house::eventually;

/// Asks, reads `pieces` pieces of the answer, leaves, and checks that the provider and the record know within a second.
async fn leaves(fault: Option<&str>, way: Way, pieces: usize) {
    let bench = Bench::new("").await;
    match fault {
        Some(fault) => bench.always(fault),
        None => {
            let between_events = Duration::from_millis(30);
            bench.bad.set_behaviour(Behaviour { between_events, ..behaviour() });
        }
    }
    let asked = client(way.client);
    let (path, body) = match way.stream {
        true => (asked.stream_path, asked.stream_body),
        false => (asked.path, asked.body),
    };
    let model = format!("alone-{}", way.upstream);
    let request = Request::post(bench.house.url(&path.replace("{model}", &model)))
        .header("content-type", "application/json")
        .body(Full::from(body.replace("{model}", &model)))
        .unwrap();
    let read = async {
        let mut answer = bench.house.send(request).await.into_body();
        for _ in 0..pieces {
            answer.frame().await.unwrap().unwrap();
        }
        if pieces == 0 {
            std::future::pending::<()>().await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(if pieces == 0 { 300 } else { 5000 }), read).await;
    let left = Instant::now();
    let crate::house::House { journal, client, serving } = bench.house;
    drop(client);
    let record = eventually(|| journal.all().pop()).await;
    assert_eq!(record.ended, Ended::ClientGone, "{fault:?}, {way:?}");
    // In the pause before a retry nothing is under way.
    eventually(|| (bench.bad.counts().in_flight == 0).then_some(())).await;
    let last = bench.bad.ledger().pop().unwrap();
    let is_told = matches!(last.ended, MockEnded::ClientGone { .. });
    assert!(
        is_told || fault.is_some_and(|fault| fault.starts_with("429")),
        "{fault:?}, {way:?}: {:?}",
        last.ended
    );
    assert!(left.elapsed() < Duration::from_secs(1), "{fault:?}, {way:?}: {:?}", left.elapsed());
    assert_eq!(
        bench.bad.counts().requests,
        1,
        "{fault:?}, {way:?}: it was asked for after its client had left"
    );
    drop(serving);
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_a_client_that_leaves_takes_its_request_along() {
    let mut leaving = Vec::new();
    for way in ways() {
        for fault in ["silent", "headers", "429;retry-after=20"] {
            leaving.push(leaves(Some(fault), way, 0));
        }
        if way.stream {
            leaving.push(leaves(Some("stall:0"), way, 0));
            leaving.push(leaves(Some("stall:20"), way, 1));
            leaving.push(leaves(None, way, 2));
        } else {
            leaving.push(leaves(Some("stall:20"), way, 0));
        }
    }
    use futures_util::StreamExt;
    futures_util::stream::iter(leaving).buffer_unordered(8).collect::<Vec<_>>().await;
}

/// Every attempt at the only deployment, on the wire, in the answer and on record.
async fn counted(fault: &str, attempts: u64, status: u16, way: Way) {
    let bench = Bench::new("").await;
    bench.always(fault);
    let got = bench.ask("alone", way).await;
    assert_eq!(bench.bad.counts().requests, attempts, "{fault}, {way:?}");
    assert_eq!(got.answer.status, status, "{fault}, {way:?}: {}", got.answer.text);
    assert_eq!(got.answer.header("x-should-retry"), "false", "{fault}, {way:?}");
    assert_eq!(got.answer.header("x-lockgate-attempts"), attempts.to_string(), "{fault}, {way:?}");
    got.is_clean_error().unwrap();
    let record = bench.house.records(1).await.remove(0);
    assert_eq!(record.attempts.len() as u64, attempts, "{fault}, {way:?}");
    assert!(record.attempts.iter().all(|attempt| attempt.fault.is_some()), "{fault}, {way:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_every_attempt_is_on_record_and_nobody_multiplies_them() {
    for (fault, attempts, status) in [
        ("503", 3, 503),
        ("500", 3, 502),
        ("reset", 3, 502),
        ("html", 3, 502),
        ("401", 1, 502),
        ("quota", 1, 429),
    ] {
        // Google says of an empty account what it says of a rate: it is waited for, and in vain.
        let asked = ways().into_iter().filter(|way| fault != "quota" || way.upstream != "gemini");
        futures_util::future::join_all(asked.map(|way| counted(fault, attempts, status, way))).await;
    }
}
