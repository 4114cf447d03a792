//! The same verdict in every carrier and every dialect, whatever the key is.

use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Gate, named};
use crate::{
    house::{Answer, read, secret},
    matrix::CLIENTS,
};

/// How a key is carried, by name.
const CARRIERS: &[&str] =
    &["Bearer", "bearer", "raw", "basic", "x-api-key", "x-goog-api-key", "api-key", "query"];

/// Asks as a client of that dialect does, with each of these keys in its carrier.
async fn ask(gate: &Gate, client: usize, keys: &[(&str, &str)]) -> Answer {
    let client = &CLIENTS[client];
    let mut path = client.path.replace("{model}", "fast");
    let mut request = Request::builder().method(Method::POST).header("content-type", "application/json");
    for (carrier, key) in keys {
        request = match *carrier {
            scheme @ ("Bearer" | "bearer") => request.header("authorization", format!("{scheme} {key}")),
            "raw" => request.header("authorization", *key),
            "basic" => {
                let pair = base64::Engine::encode(
                    &base64::engine::general_purpose::STANDARD,
                    format!("{}:{key}", if key.is_empty() { "" } else { "me" }),
                );
                request.header("authorization", format!("Basic {pair}"))
            }
            "query" => {
                path = format!("{path}?key={key}");
                request
            }
            header => request.header(header, *key),
        };
    }
    let body = client.body.replace("{model}", "fast");
    read(gate.house.send(request.uri(gate.house.url(&path)).body(Full::new(body.into())).unwrap()).await)
        .await
}

/// What a client reads of an answer, but for what is about the one call.
fn verdict(answer: &Answer) -> (u16, String) {
    let status = answer.status.as_u16();
    if status == 200 {
        return (status, String::new());
    }
    let mut said = answer.json();
    for member in ["request_id", "id"] {
        if let Some(members) = said.as_object_mut() {
            members.remove(member);
        }
    }
    (status, said.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_carrier_has_the_same_verdict_in_every_dialect() {
    let gate = Gate::with(
        1,
        &format!("keys: [{{ name: old, key: {}, expires: 2020-01-01 }}]", secret("client key")),
    )
    .await;
    let (_, good) = gate.create(named("alice")).await;
    let (_, other) = gate.create(json!({ "name": "bob", "models": ["none"] })).await;
    let (revoked_id, revoked) = gate.create(named("carol")).await;
    gate.ok(Method::DELETE, &format!("keys/{revoked_id}"), Value::Null).await;
    let (_, expired) = gate.create(json!({ "name": "dora", "expires": "2020-01-01" })).await;
    let wrong = secret("wrong client key");
    for (client, row) in CLIENTS.iter().enumerate() {
        for (what, key, status, expect) in [
            ("good", good.as_str(), 200, ""),
            ("wrong", &wrong, 401, "not known to this gateway"),
            ("cut", &good[..38], 401, "it is not whole"),
            ("expired", &expired, 401, "has expired, at 2020-01-01"),
            ("revoked", &revoked, 401, "was revoked"),
            ("of others", &other, 403, "may not use the model `fast`"),
            ("empty", "", 401, "no API key was sent"),
        ] {
            let first = verdict(&ask(&gate, client, &[(CARRIERS[0], key)]).await);
            assert_eq!(first.0, status, "{} {what}: {}", row.dialect, first.1);
            assert!(first.1.contains(expect), "{} {what}: {}", row.dialect, first.1);
            assert!(key.is_empty() || !first.1.contains(key), "{} {what}", row.dialect);
            for carrier in &CARRIERS[1..] {
                let same = verdict(&ask(&gate, client, &[(carrier, key)]).await);
                assert_eq!(same, first, "{} {what} {carrier}", row.dialect);
            }
        }
        assert_eq!(ask(&gate, client, &[]).await.status, 401, "{} without a key", row.dialect);
        // The first carrier that holds a key counts, right or wrong.
        for (keys, status) in [
            ([("x-api-key", good.as_str()), ("query", &wrong)], 200),
            ([("x-api-key", &wrong), ("query", &good)], 401),
            ([("x-goog-api-key", &wrong), ("Bearer", &good)], 200),
            ([("x-goog-api-key", &good), ("Bearer", &wrong)], 401),
            ([("x-goog-api-key", &good), ("Bearer", "")], 200),
            ([("api-key", &other), ("x-api-key", &good)], 200),
        ] {
            let answer = ask(&gate, client, &keys).await;
            assert_eq!(answer.status, status, "{} {:?}", row.dialect, keys.map(|(carrier, _)| carrier));
        }
    }
    // The admin key is no client's, and a client's opens no admin API.
    assert_eq!(gate.status(&crate::house::ADMIN_KEY).await, 401);
    let opened =
        gate.ask(Method::GET, "/admin/v1/keys", &[("authorization", &format!("Bearer {good}"))], "").await;
    assert_eq!(opened.status, 401);
    let sent = gate.mocks[0].ledger();
    assert!(!sent.is_empty());
    for entry in sent {
        let entry = format!("{entry:?}");
        for key in [&good, &wrong, &other] {
            assert!(!entry.contains(key.as_str()), "a client's key went to the provider: {entry}");
        }
    }
    for record in gate.house.journal.all() {
        let record = format!("{record:?}");
        assert!([&good, &wrong, &other, &revoked, &expired].iter().all(|key| !record.contains(key.as_str())));
    }
}
