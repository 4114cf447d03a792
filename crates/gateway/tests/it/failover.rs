//! Retry and failover before the first byte: what goes wrong upstream is not the client's trouble.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use lockgate_mock::Fault;

use crate::{
    house::{CHAT, CHAT_PATH, House, STREAM, config, mock},
    raw::Refusing,
};

/// The text forms of faults that come before anything of the answer.
const BEFORE_FIRST_BYTE: &[&str] = &[
    "429",
    "500",
    "502",
    "503",
    "529",
    "401",
    "403",
    "404",
    "quota",
    "reset",
    "error-in-200",
    "html",
    "html:200",
    "cut:0",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_over_a_refusing_and_a_stumbling_upstream() {
    // In each lane one call comes after the other, so that each meets the dead upstream or not, then a 429, then a 500,
    // then an answer: the most that three attempts can get through.
    let lane = |lane: usize| async move {
        let mock = mock().await;
        mock.cycle(vec![Some("429".parse().unwrap()), Some("500".parse().unwrap()), None]);
        let refusing = Refusing::new();
        let house = House::new(&config(&[&refusing.base_url(), &mock.base_url()], "")).await;
        for call in 0..25 {
            let answer = house.post(CHAT_PATH, if call % 2 == 0 { CHAT } else { STREAM }).await;
            assert_eq!(answer.status, 200, "lane {lane}, call {call}: {}", answer.text);
        }
        assert_eq!(house.records(25).await.len(), 25, "one record for each request");
        assert_eq!(mock.counts().requests, 75);
    };
    futures_util::future::join_all((0..40).map(lane)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_at_once_over_an_upstream_that_stumbles_and_recovers() {
    let mock = mock().await;
    mock.script(["429", "500"].map(|fault| fault.parse::<Fault>().unwrap()));
    let refusing = Refusing::new();
    let house = House::new(&config(&[&refusing.base_url(), &mock.base_url()], "")).await;
    let failed: Vec<_> = stream::iter(0..1000)
        .map(|call| house.post(CHAT_PATH, if call % 2 == 0 { CHAT } else { STREAM }))
        .buffer_unordered(32)
        .filter(|answer| std::future::ready(answer.status != 200))
        .collect()
        .await;
    assert!(failed.is_empty(), "{} failed, first: {:?}", failed.len(), failed[0]);
    assert_eq!(house.records(1000).await.len(), 1000, "one record for each request");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_before_the_first_byte_is_answered_by_the_other_deployment() {
    for fault in BEFORE_FIRST_BYTE {
        for body in [CHAT, STREAM] {
            // Web pages, cuts and errors in a 200 are told apart in both; an empty stream only in streams.
            let (bad, good) = (mock().await, mock().await);
            bad.cycle(vec![Some(fault.parse().unwrap())]);
            let house = House::new(&config(&[&bad.base_url(), &good.base_url()], "")).await;
            for _ in 0..4 {
                let answer = house.post(CHAT_PATH, body).await;
                assert_eq!(answer.status, 200, "{fault}: {}", answer.text);
                assert!(answer.header("x-lockgate-deployment").starts_with("b/"), "{fault}");
                if body == STREAM {
                    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{fault}: {}", answer.text);
                }
            }
            // Every other call begins there, unless it was told that there is no use.
            let expected = if matches!(*fault, "401" | "403" | "quota") { 1 } else { 2 };
            assert_eq!(bad.counts().requests, expected, "{fault}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_upstream_costs_one_timeout_and_is_not_asked_again() {
    let (silent, good) = (mock().await, mock().await);
    silent.cycle(vec![Some(Fault::Silent)]);
    let retry = "retry: { first_byte: 300ms, timeout: 20s }\n";
    let house = House::new(&config(&[&silent.base_url(), &good.base_url()], retry)).await;
    let start = Instant::now();
    let answer = house.post(CHAT_PATH, STREAM).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.header("x-lockgate-attempts"), "2");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(silent.counts().requests, 1);

    let alone = House::new(&config(&[&silent.base_url()], retry)).await;
    let answer = alone.post(CHAT_PATH, STREAM).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-attempts")), (504, "1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_bounded_and_the_client_is_told_not_to_multiply_them() {
    let mock = mock().await;
    mock.cycle(vec![Some("503".parse().unwrap())]);
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert_eq!(mock.counts().requests, 3);
    assert_eq!(answer.header("x-lockgate-attempts"), "3");
    assert_eq!(answer.header("x-should-retry"), "false");
    let record = house.records(1).await.remove(0);
    assert_eq!(record.attempts.len(), 3);
    assert!(record.attempts.iter().all(|attempt| attempt.fault.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_s_own_mistake_is_asked_about_once_and_told_in_the_provider_s_words() {
    let (a, b) = (mock().await, mock().await);
    let house = House::new(&config(&[&a.base_url(), &b.base_url()], "")).await;
    let answer = house.post(CHAT_PATH, r#"{"model":"fast","messages":[],"nonsense":1}"#).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
    assert_eq!(a.counts().requests + b.counts().requests, 1);
    for fault in ["context-length", "content-filter"] {
        let before = a.counts().requests + b.counts().requests;
        a.script([fault.parse::<Fault>().unwrap()]);
        b.script([fault.parse::<Fault>().unwrap()]);
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, 400, "{fault}: {}", answer.text);
        assert_eq!(a.counts().requests + b.counts().requests, before + 1, "{fault}");
        a.script([]);
        // The other mock keeps its fault; use it up.
        house.post(CHAT_PATH, CHAT).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_waited_for_when_there_is_nobody_else() {
    let mock = mock().await;
    mock.script(["429;retry-after=1".parse::<Fault>().unwrap()]);
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let start = Instant::now();
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_and_fallbacks_decide_who_is_asked() {
    let (a, b, c) = (mock().await, mock().await, mock().await);
    let mut yaml = config(&[&a.base_url(), &b.base_url(), &c.base_url()], "");
    yaml.push_str("  shared:\n    targets: [{ target: a/gpt-4o-mini, weight: 3 }, b/gpt-4o-mini]\n    fallback: [c/gpt-4o]\n");
    let house = House::new(&yaml).await;
    let body = CHAT.replace("fast", "shared");
    for _ in 0..40 {
        assert_eq!(house.post(CHAT_PATH, body.clone()).await.status, 200);
    }
    assert_eq!([&a, &b, &c].map(|mock| mock.counts().requests), [30, 10, 0]);
    for mock in [&a, &b] {
        mock.cycle(vec![Some("500".parse().unwrap())]);
    }
    let answer = house.post(CHAT_PATH, body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-lockgate-deployment")), (200, "c/gpt-4o#1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_one_provider_are_balanced_and_a_refused_key_is_rotated_away_from() {
    let mock = mock().await;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a:\n    kind: openai-compatible\n    base_url: \"{}\"\n    \
         credentials:\n      - {{ api_key: bad-key, name: old }}\n      - {{ api_key: good-key }}\n      - {{ api_key: spare, disabled: true }}\n\
         models: {{ fast: {{ targets: [a/gpt-4o-mini] }} }}\n",
        mock.base_url()
    );
    let house = House::new(&yaml).await;
    for _ in 0..4 {
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-lockgate-deployment")),
            (200, "a/gpt-4o-mini#2")
        );
    }
    let seen: Vec<_> = mock
        .ledger()
        .iter()
        .map(|entry| entry.headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen.iter().filter(|key| *key == "Bearer bad-key").count(), 1);
    assert_eq!(seen.iter().filter(|key| *key == "Bearer good-key").count(), 4);
}
