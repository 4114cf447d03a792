//! Bodies that are too large, too many at once, or broken off.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use lockgate_mock::Behaviour;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::bench::{Bench, Way, behaviour, client, ways};
use crate::house::{CHAT_PATH, House, config, mock, secret, tell};

const MIB: usize = 1 << 20;
/// Room for eight of the bodies that come at once, of which seven leave as much room as they take.
const TIGHT: &str = "server: { listen: \"127.0.0.1:0\", max_body: 32MiB, body_budget: 64MiB }\nhealth: { error_threshold: 1000 }\n";

/// A request of just less than `size` bytes.
fn large(way: Way, size: usize) -> (String, Bytes) {
    let asked = client(way.client);
    let (path, body) = match way.stream {
        true => (asked.stream_path, asked.stream_body),
        false => (asked.path, asked.body),
    };
    let model = format!("alone-{}", way.upstream);
    let body = body.replace("{model}", &model).replace("ahoi", &"ahoi ".repeat(size / 5 - 100));
    (path.replace("{model}", &model), body.into())
}

/// What all requests hold.
async fn held(house: &House) -> usize {
    let status = house.get("/admin/v1/gateway").await.json();
    usize::try_from(status["body_bytes"].as_u64().unwrap()).unwrap()
}

/// Waits until they hold that much; five seconds at most.
async fn holds(house: &House, bytes: usize) {
    for _ in 0..500 {
        if held(house).await == bytes {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} bytes are held in place of {bytes}", held(house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_more_bodies_than_there_is_room_for_are_refused_in_time() {
    let bench = Bench::with("", "", TIGHT).await;
    bench.bad.set_behaviour(Behaviour { latency: Duration::from_millis(300), ..behaviour() });
    let requests: Vec<_> = ways().into_iter().map(|way| (way, large(way, 8 * MIB))).collect();
    let crowd = stream::iter(requests.iter().cycle().take(50))
        .map(|(way, (path, body))| bench.send(*way, path, body.clone()))
        .buffer_unordered(50)
        .collect::<Vec<_>>();
    let small = async {
        let mut most = 0;
        for way in ways() {
            bench.ask("alone", way).await.is_whole().unwrap();
            most = most.max(held(&bench.house).await);
        }
        most
    };
    let (crowd, most) = tokio::join!(crowd, small);
    let (refused, answered): (Vec<_>, Vec<_>) =
        crowd.iter().partition(|got| got.answer.status == StatusCode::SERVICE_UNAVAILABLE);
    for got in &refused {
        got.is_clean_error().unwrap();
        assert_eq!(got.answer.header("retry-after"), "1", "{got:?}");
        assert!(got.answer.text.contains("server.body_budget"), "{}", got.answer.text);
    }
    answered.iter().for_each(|got| got.is_whole().unwrap_or_else(|why| panic!("{why:.300}")));
    tell(&format!("{} were answered, {} refused, at most {most} bytes held", answered.len(), refused.len()));
    assert!(answered.len() >= 7 && refused.len() >= 7, "{} answered", answered.len());
    assert!((8 * MIB..=64 * MIB).contains(&most), "{most} bytes were held");
    holds(&bench.house, 0).await;
    // What was refused may be sent again.
    for (way, (path, body)) in &requests {
        bench.send(*way, path, body.clone()).await.is_whole().unwrap_or_else(|why| panic!("{why:.300}"));
    }
    holds(&bench.house, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_body_that_breaks_off_gives_its_room_back() {
    let bench = Bench::with("", "", TIGHT).await;
    let length = format!("content-length: {}", 8 * MIB);
    // By its declared length, and as it grows.
    for (framing, piece, held) in [
        (length.as_str(), vec![b' '; MIB], 8 * MIB),
        ("transfer-encoding: chunked", [b"100000\r\n", &*vec![b' '; MIB], b"\r\n"].concat(), MIB),
    ] {
        let mut clients = Vec::new();
        for count in 1..=3 {
            let mut client = TcpStream::connect(bench.house.serving.address).await.unwrap();
            let head = format!(
                "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
            );
            client.write_all(&[head.as_bytes(), &piece].concat()).await.unwrap();
            holds(&bench.house, count * held).await;
            clients.push(client);
        }
        drop(clients);
        holds(&bench.house, 0).await;
    }
    assert_eq!(bench.bad.counts().requests, 0);
}

/// Writes a request with a body of so many bytes, reads only then, and gives back what it read.
async fn deaf(house: &House, headers: &str, length: usize) -> std::io::Result<String> {
    let mut client = TcpStream::connect(house.serving.address).await?;
    let head = format!(
        "POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}\
         content-length: {length}\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await?;
    let piece = vec![b' '; MIB];
    for start in (0..length).step_by(MIB) {
        client.write_all(&piece[..MIB.min(length - start)]).await?;
    }
    answer(&mut client).await
}

/// Reads one answer.
async fn answer(client: &mut TcpStream) -> std::io::Result<String> {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            length.is_some_and(|length| body.len() >= length.parse().unwrap())
        });
        if whole || client.read_buf(&mut answer).await? == 0 {
            return Ok(text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_who_writes_all_before_reading_reads_the_refusal() {
    let mock = mock().await;
    let key = secret("client key");
    let keys = format!("access: {{ keys: [{{ name: alice, key: {key} }}] }}\n");
    let house = Arc::new(House::new(&config(&[&mock.base_url()], &keys)).await);
    let start = Instant::now();
    for (headers, status) in [(format!("authorization: Bearer {key}\r\n"), "413"), (String::new(), "401")] {
        let closing = format!("{headers}connection: close\r\n");
        let headers = stream::iter([&headers, &closing].into_iter().cycle().take(50));
        let answers = headers.map(|headers| deaf(&house, headers, 65 * MIB)).buffer_unordered(4);
        for answer in answers.collect::<Vec<_>>().await {
            let answer = answer.unwrap_or_else(|error| panic!("{status}: {error}"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
            assert!(answer.ends_with('}'), "{answer}");
        }
    }
    tell(&format!("a hundred bodies of 65 MiB were refused in {:?}", start.elapsed()));
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_refusal_is_there_at_once_and_the_connection_goes_on() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "").replace("drain: 5s", "max_body: 1MiB");
    let house = House::new(&yaml).await;
    let mut client = TcpStream::connect(house.serving.address).await.unwrap();
    let head = format!("POST {CHAT_PATH} HTTP/1.1\r\nhost: localhost\r\n");
    let length = format!("content-length: {}\r\n\r\n", 2 * MIB);
    for _ in 0..3 {
        // Nothing of the body is there yet.
        client.write_all((head.clone() + &length).as_bytes()).await.unwrap();
        let refusal = answer(&mut client).await.unwrap();
        assert!(refusal.starts_with("HTTP/1.1 413 "), "{refusal}");
        client.write_all(&vec![b' '; 2 * MIB]).await.unwrap();
    }
    // Who asks first whether to send it is not asked for it.
    client.write_all((head + "expect: 100-continue\r\n" + &length).as_bytes()).await.unwrap();
    let refusal = answer(&mut client).await.unwrap();
    assert!(refusal.starts_with("HTTP/1.1 413 "), "{refusal}");
    assert_eq!(client.read(&mut [0; 10]).await.unwrap(), 0, "the connection is closed in place of a body");
    assert_eq!(mock.counts().requests, 0);
}
