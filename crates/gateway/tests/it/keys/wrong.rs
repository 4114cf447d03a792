//! Wrong keys: where many come from there is a wait, and nowhere else.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Gate, message, named};
use crate::house::{ADMIN_KEY, Answer, CHAT, CHAT_PATH, read};

/// Asks from that address of this machine.
async fn from(gate: &Gate, address: &str, path: &str, header: (&str, &str)) -> Answer {
    let mut connector = HttpConnector::new();
    connector.set_local_address(Some(address.parse::<IpAddr>().unwrap()));
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let (method, body) = if path == CHAT_PATH { (Method::POST, CHAT) } else { (Method::GET, "") };
    let request = Request::builder().method(method).uri(gate.house.url(path)).header(header.0, header.1);
    let request = request.header("content-type", "application/json").body(Full::new(body.into())).unwrap();
    let response: Response<Incoming> = client.request(request).await.unwrap();
    read(response).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn guessing_client_keys_is_held_up_where_it_comes_from() {
    let gate = Gate::new().await;
    let (_, mine) = gate.create(named("mine")).await;
    let (_, fresh) = gate.create(named("fresh")).await;
    assert_eq!(gate.status(&mine).await, 200);
    let mut statuses = Vec::new();
    for guess in 0..130 {
        let answer = gate.chat(&format!("guess-number-{guess}")).await;
        statuses.push(answer.status.as_u16());
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait));
            assert!(message(&answer).contains("too many wrong API keys"), "{}", answer.text);
            break;
        }
    }
    assert_eq!(
        (statuses.iter().filter(|status| **status == 401).count() >= 100, statuses.last()),
        (true, Some(&429))
    );
    assert_eq!(gate.status(&mine).await, 200, "who was here before is not held up");
    let waits = gate.status(&fresh).await;
    assert!(waits == 429 || waits == 200, "{waits}: the wait may be over on a slow machine");
    assert_eq!(from(&gate, "127.0.0.2", CHAT_PATH, ("x-api-key", &fresh)).await.status, 200);
    crate::house::eventually_ok(|| async { gate.status(&fresh).await == 200 }).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn guessing_the_admin_key_is_held_up_where_it_comes_from() {
    let gate = Gate::new().await;
    let (_, client) = gate.create(named("client")).await;
    let path = "/admin/v1/keys";
    for _ in 0..20 {
        let known = from(&gate, "127.0.0.3", path, ("authorization", &format!("Bearer {client}"))).await;
        assert_eq!(known.status, 401, "a key of this gateway is no guess");
        assert_eq!(from(&gate, "127.0.0.3", path, ("accept", "*/*")).await.status, 401, "nor is none");
    }
    // One that is only shown again counts each time, too.
    let mut again = Vec::new();
    for _ in 0..10 {
        let answer = from(&gate, "127.0.0.5", path, ("x-admin-key", "the-same-wrong-key-again")).await;
        again.push(answer.status.as_u16());
    }
    assert!(again[..5].iter().all(|status| *status == 401) && again[5..].contains(&429), "{again:?}");
    let mut last = None;
    for guess in 0..8 {
        let answer =
            from(&gate, "127.0.0.3", path, ("x-admin-key", &format!("guess-of-16-letters-{guess}"))).await;
        let is_over = answer.status == 429;
        last = Some((guess, answer));
        if is_over {
            break;
        }
    }
    let (guess, answer) = last.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.json()["error"]["code"].as_str()),
        (429, Some("too_many_tries"))
    );
    assert!(guess >= 5 && answer.header("retry-after").parse::<u64>().is_ok_and(|wait| wait >= 1));
    assert_eq!(from(&gate, "127.0.0.4", path, ("x-admin-key", &ADMIN_KEY)).await.status, 200);
    let path = path.to_owned();
    crate::house::eventually_ok(|| async {
        from(&gate, "127.0.0.3", &path, ("x-admin-key", &ADMIN_KEY)).await.status == 200
    })
    .await;
}
