//! HTTP/2 with clients: each request ends on its own, and the guards of HTTP/1 hold in their meaning.

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use lockgate_mock::Behaviour;
use lockgate_store::Ended;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Connection, Trust, at, chat, listening, narrow, tcp, tls, trust};
use crate::{
    house::{CHAT, House, STREAM, eventually, mock, read},
    tls::Authority,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_by_its_preface_where_there_is_no_tls() {
    let mock = mock().await;
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", "")).await;
    let mut client = Connection::http2(tcp(at(&house, 0)).await).await;
    for _ in 0..3 {
        let answer = client.asked(STREAM).await;
        assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    }
    assert_eq!(client.asked(CHAT).await.status, 200);
    let record = house.records(4).await.remove(0);
    assert!(record.peer.starts_with("127.0.0.1:"), "{record:?}");
    // One byte at a time is HTTP/1 as ever, also where it begins as the preface does.
    for first in ["POST", "PUT", "PRI"] {
        let mut slow = tcp(at(&house, 0)).await;
        slow.set_nodelay(true).unwrap();
        for byte in
            format!("{first} /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").bytes()
        {
            slow.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut text = String::new();
        slow.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 4"), "{first}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_gives_up_one_request_keeps_the_others() {
    let mock = mock().await;
    let between_events = Duration::from_millis(10);
    mock.set_behaviour(Behaviour { between_events, words: Some(100), ..Behaviour::default() });
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", "")).await;
    let mut client = Connection::http2(tcp(at(&house, 0)).await).await;
    let stays = client.chat(STREAM).await;
    let mut goes = client.chat(STREAM).await;
    goes.frame().await.unwrap().unwrap();
    drop(goes);
    eventually(|| (mock.counts().client_gone == 1).then_some(())).await;
    // One that has no answer yet, too.
    mock.cycle(vec![Some("silent".parse().unwrap())]);
    let request = chat(&client, CHAT);
    let waiting = client.send(request);
    assert!(tokio::time::timeout(Duration::from_millis(300), waiting).await.is_err());
    eventually(|| (mock.counts().client_gone == 2).then_some(())).await;
    assert!(read(stays).await.text.ends_with("data: [DONE]\n\n"));
    let records = house.records(3).await;
    let ended: Vec<_> = records.iter().map(|record| record.ended).collect();
    assert_eq!(ended, [Ended::ClientGone, Ended::ClientGone, Ended::Answered]);
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_it_finishes_what_runs_and_takes_nothing_new() {
    let mock = mock().await;
    let between_events = Duration::from_millis(30);
    mock.set_behaviour(Behaviour { between_events, words: Some(20), ..Behaviour::default() });
    let authority = Authority::new();
    let identity = authority.signed(&["localhost"], |_| ());
    let (cert, key) = (authority.write("c.pem", &identity.cert), authority.write("k.pem", &identity.key));
    let tls_of = format!("{{ address: \"127.0.0.1:0\", tls: {{ cert: {cert}, key: {key} }} }}");
    let house = House::new(&listening(&mock.base_url(), &format!("[127.0.0.1:0, {tls_of}]"), "")).await;
    let places = [at(&house, 0), at(&house, 1)];
    let mut plain = Connection::http2(tcp(places[0]).await).await;
    let mut over_tls = Connection::http2(tls(tcp(places[1]).await, &trust(&authority)).await.unwrap()).await;
    let answers = [plain.chat(STREAM).await, over_tls.chat(STREAM).await];
    let later = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let request = chat(&plain, CHAT);
        plain.send(request).await.is_err()
    };
    let [one, two] = answers;
    let (has_finished, is_refused, one, two) =
        tokio::join!(house.serving.stop(), later, read(one), read(two));
    assert!(has_finished && is_refused);
    for answer in [one, two] {
        assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    }
    for place in places {
        assert!(tokio::net::TcpStream::connect(place).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_given_up_and_those_beside_it_are_not() {
    let mock = mock().await;
    mock.set_behaviour(Behaviour { words: Some(5000), ..Behaviour::default() });
    let house = House::new(&listening(&mock.base_url(), "127.0.0.1:0", ", write_stall: 1s")).await;
    let mut client = Connection::windowed(tcp(at(&house, 0)).await, 16 * 1024).await;
    let ignored = client.chat(STREAM).await;
    // Read with pauses that are shorter than what is too long.
    let mut slow = client.chat(STREAM).await;
    let mut text = Vec::new();
    for pause in 0.. {
        if pause < 5 {
            tokio::time::sleep(Duration::from_millis(600)).await;
        }
        let Some(frame) = slow.frame().await else { break };
        text.extend_from_slice(&frame.unwrap().into_data().unwrap_or_default());
    }
    assert!(text.ends_with(b"data: [DONE]\n\n"));
    let records = house.records(2).await;
    assert_eq!((records[0].ended, records[1].ended), (Ended::ClientGone, Ended::Answered));
    let rest = ignored.into_body().collect().await;
    assert!(rest.is_err(), "what was given up never looks whole");
    assert_eq!(client.asked(CHAT).await.status, 200, "the connection goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_nobody_reads_is_closed_under_tls_too() {
    let mock = mock().await;
    mock.set_behaviour(Behaviour { words: Some(20_000), ..Behaviour::default() });
    let authority = Authority::new();
    let identity = authority.signed(&["localhost"], |_| ());
    let (cert, key) = (authority.write("c.pem", &identity.cert), authority.write("k.pem", &identity.key));
    let listen = format!("{{ address: \"127.0.0.1:0\", tls: {{ cert: {cert}, key: {key} }} }}");
    let house = House::new(&listening(&mock.base_url(), &listen, ", write_stall: 1s")).await;
    let http1 = Trust { offers: &[], ..trust(&authority) };
    let mut client = tls(narrow(at(&house, 0)).await, &http1).await.unwrap();
    let length = STREAM.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{STREAM}"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let record = house.records(1).await.remove(0);
    assert_eq!(record.ended, Ended::ClientGone);
    assert!(record.micros >= 1_000_000, "{record:?}");
    eventually(|| (mock.counts().client_gone == 1).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_and_guards_of_heads_hold() {
    let mock = mock().await;
    let yaml = listening(&mock.base_url(), "127.0.0.1:0", "");
    let house = House::new(&yaml).await;
    let mut client = Connection::http2(tcp(at(&house, 0)).await).await;
    let mut many = Request::get("http://localhost/health");
    for index in 0..150 {
        many = many.header(format!("x-{index}"), "1");
    }
    let answer = client.send(many.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let large = Request::get("http://localhost/health").header("x-large", "a".repeat(80_000));
    let answer = client.send(large.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    // A name that was rebound to this machine, as HTTP/2 says it; the header beside it does not count.
    let mut client = Connection::http2(tcp(at(&house, 0)).await).await;
    let rebound = Request::get("http://evil.test/v1/models").header("host", "localhost");
    let answer = read(client.send(rebound.body(Full::default()).unwrap()).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text);
    let local = Request::get("http://localhost/v1/models").body(Full::default()).unwrap();
    assert_eq!(client.send(local).await.unwrap().status(), StatusCode::OK);
}
