//! The gateway's own part of a call's time: what it waits for others is not in it.

use std::time::Duration;

use lockgate_mock::{Behaviour, Fault};
use lockgate_store::CallRecord;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::house::{CHAT, CHAT_PATH, House, STREAM, config, mock, provider};

/// How long somebody is waited for, and how much less than that the gateway may take: this machine has more to do.
const WAIT: Duration = Duration::from_millis(900);

#[track_caller]
fn check(record: &CallRecord) {
    let (whole, own) = (Duration::from_micros(record.micros), Duration::from_micros(record.overhead_micros));
    assert!(whole >= WAIT, "{whole:?} {record:?}");
    assert!(own < WAIT / 2 && own > Duration::ZERO, "{own:?} of {whole:?}: {record:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_time_is_not_the_gateways() {
    let upstream = mock().await;
    let house = House::new(&config(&[&upstream.base_url()], "")).await;
    let paces = [
        Behaviour { latency: WAIT, ..Behaviour::default() },
        Behaviour { first_token: WAIT, ..Behaviour::default() },
        Behaviour { between_events: WAIT / 10, words: Some(12), ..Behaviour::default() },
    ];
    for (done, pace) in paces.into_iter().enumerate() {
        upstream.set_behaviour(pace);
        let whole = if done == 0 { CHAT } else { STREAM };
        let answer = house.post(CHAT_PATH, whole).await;
        let told: u64 = answer.header("x-lockgate-overhead-us").parse().unwrap();
        assert!(Duration::from_micros(told) < WAIT / 2, "{told}");
        // Across dialects, too.
        let body = r#"{"model":"fast","max_tokens":99,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
        assert_eq!(house.post("/v1/messages", body).await.status, 200);
        let records = house.records(2 * done + 2).await;
        records[2 * done..].iter().for_each(check);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_a_pause_or_a_race_between_two() {
    let (slow, quick) = (mock().await, mock().await);
    slow.cycle(vec![Some(Fault::Silent)]);
    let providers = [provider("a", &slow.base_url()), provider("b", &quick.base_url())].concat();
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}models:\n  fast: {{ targets: [a/gpt-4o-mini], \
         fallback: [b/gpt-4o-mini], hedge_after: {}ms }}\n",
        WAIT.as_millis()
    ))
    .await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.header("x-lockgate-deployment"), "b/gpt-4o-mini#1");
    check(&house.records(1).await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_a_client_that_takes_its_time() {
    let upstream = mock().await;
    let house = House::new(&config(&[&upstream.base_url()], "")).await;
    let mut stream = TcpStream::connect(house.serving.address).await.unwrap();
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        CHAT.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(WAIT).await;
    stream.write_all(CHAT.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    check(&house.records(1).await[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_leaves_no_wait_behind_as_work() {
    let upstream = mock().await;
    upstream.set_behaviour(Behaviour { latency: WAIT * 20, ..Behaviour::default() });
    let house = House::new(&config(&[&upstream.base_url()], "")).await;
    let asked = tokio::time::timeout(WAIT * 2, house.post(CHAT_PATH, CHAT));
    assert!(asked.await.is_err());
    check(&house.records(1).await[0]);
}
