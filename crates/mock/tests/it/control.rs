//! The control surface, and what the ledger keeps.

use lockgate_mock::Ended;
use serde_json::{Value, json};

use crate::wire::{chat, mock, request, send, ten_words};

#[tokio::test]
async fn steering_over_http() {
    let mock = mock(ten_words()).await;
    let ask = async |method: &str, path: &str, body: Value| {
        let seen = send(&mock, &request(method, path, &body.to_string())).await;
        (seen.status, serde_json::from_slice::<Value>(&seen.body).unwrap())
    };
    let script = json!(["429", null, "ok", { "kind": "status", "status": 503 }]);
    assert_eq!(ask("POST", "/_mock/script", script).await, (200, json!({ "queued": 4 })));
    for status in [429, 200, 200, 503, 200] {
        assert_eq!(send(&mock, &chat(false)).await.status, status);
    }
    let (_, ledger) = ask("GET", "/_mock/ledger", Value::Null).await;
    assert_eq!(ledger.as_array().unwrap().len(), 5);
    assert_eq!(ledger[0]["fault"], "429");
    assert_eq!(ledger[1]["ended"], "complete");
    assert_eq!(ledger[1]["model"], "mock-1");
    assert_eq!(ledger[1]["headers"]["authorization"], "Bearer sk-1");
    assert!(ledger[1]["body"].as_str().unwrap().starts_with(r#"{"model":"mock-1""#));
    let (_, counts) = ask("GET", "/_mock/counts", Value::Null).await;
    assert_eq!((&counts["requests"], &counts["faulted"]), (&json!(5), &json!(2)));

    assert_eq!(ask("PUT", "/_mock/behaviour", json!({ "answer": "aye" })).await.0, 200);
    assert!(send(&mock, &chat(false)).await.text().contains(r#""content":"aye""#));
    assert_eq!(ask("POST", "/_mock/cycle", json!(["500"])).await.0, 200);
    assert_eq!(send(&mock, &chat(false)).await.status, 500);
    assert_eq!(ask("POST", "/_mock/reset", Value::Null).await.0, 200);
    assert_eq!(send(&mock, &chat(false)).await.status, 200);
    assert_eq!(mock.counts().requests, 1);

    let (status, why) = ask("POST", "/_mock/script", json!(["banana"])).await;
    assert_eq!(status, 400);
    assert!(why["error"].as_str().unwrap().starts_with("`banana` is no fault"), "{why}");
    assert_eq!(ask("PUT", "/_mock/behaviour", json!({ "latency": "soon" })).await.0, 400);
    assert_eq!(ask("GET", "/_mock/else", Value::Null).await.0, 404);
    mock.stop().await;
}

#[tokio::test]
async fn rules_over_http() {
    let mock = mock(ten_words()).await;
    let ask = async |method: &str, path: &str, body: Value| {
        let seen = send(&mock, &request(method, path, &body.to_string())).await;
        (seen.status, serde_json::from_slice::<Value>(&seen.body).unwrap())
    };
    let rules = json!([
        { "fault": "429", "key": "sk-2" },
        { "fault": "503;retry-after=2", "for": "200ms" },
        { "fault": "500", "every": 2, "next": 4 },
    ]);
    assert_eq!(ask("PUT", "/_mock/rules", rules.clone()).await, (200, json!({ "rules": 3 })));
    assert_eq!(ask("GET", "/_mock/rules", Value::Null).await.1[0]["key"], "sk-2");
    let other = chat(false).replace("sk-1", "sk-2");
    assert_eq!(send(&mock, &other).await.status, 429);
    assert_eq!(send(&mock, &chat(false)).await.status, 503);
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(send(&mock, &chat(false)).await.status);
    }
    assert_eq!(statuses, [200, 500, 200, 500, 200, 200]);
    let (_, counts) = ask("GET", "/_mock/counts", Value::Null).await;
    assert_eq!(counts["keys"], json!({ "sk-1": 7, "sk-2": 1 }));
    assert_eq!(counts["peak"], 1);
    let (_, ledger) = ask("GET", "/_mock/ledger", Value::Null).await;
    assert_eq!(ledger[0]["key"], "sk-2");
    assert!(mock.ledger()[2].at >= std::time::Duration::from_millis(250));
    assert_eq!(ask("PUT", "/_mock/rules", json!([{ "fault": "banana" }])).await.0, 400);
    assert_eq!(ask("PUT", "/_mock/door", json!({ "door": "ajar" })).await.0, 400);
    mock.stop().await;
}

#[tokio::test]
async fn limits_are_said_as_they_are_set() {
    let mock = mock(ten_words()).await;
    let limit = json!({ "requests": { "limit": 100, "remaining": 3, "reset": "6m" }, "tokens": { "limit": 9, "remaining": 0, "reset": "12ms" } });
    mock.set_behaviour(serde_json::from_value(json!({ "rate_limit": limit })).unwrap());
    let head = send(&mock, &chat(false)).await.head;
    for line in [
        "x-ratelimit-remaining-requests: 3",
        "x-ratelimit-reset-requests: 6m0s",
        "x-ratelimit-reset-tokens: 12ms",
    ] {
        assert!(head.contains(line), "{line}: {head}");
    }
    let asked = crate::wire::request_with(
        "POST",
        "/v1/messages",
        "x-api-key: sk-1\r\nanthropic-version: 2023-06-01",
        r#"{"model":"mock-1","max_tokens":100,"messages":[{"role":"user","content":"x"}]}"#,
    );
    let head = send(&mock, &asked).await.head;
    assert!(head.contains("anthropic-ratelimit-requests-remaining: 3"), "{head}");
    assert!(head.contains("anthropic-ratelimit-tokens-reset: 20"), "{head}");
    mock.stop().await;
}

#[tokio::test]
async fn connections_are_kept_and_counted() {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    let mock = mock(ten_words()).await;
    let mut socket = TcpStream::connect(mock.addr()).await.unwrap();
    for _ in 0..3 {
        socket.write_all(chat(false).replace("connection: close\r\n", "").as_bytes()).await.unwrap();
        let mut buffer = [0; 8192];
        let mut seen = 0;
        while !buffer[..seen].ends_with(b"}") {
            seen += socket.read(&mut buffer[seen..]).await.unwrap();
        }
    }
    let counts = mock.counts();
    assert_eq!((counts.connections, counts.requests, mock.open_connections()), (1, 3, 1));
    assert!(mock.ledger().iter().all(|entry| entry.ended == Ended::Complete));
    assert_eq!(mock.base_url(), format!("http://{}/v1", mock.addr()));
    mock.stop().await;
}

#[tokio::test]
async fn stopping_closes_the_port() {
    let mock = mock(ten_words()).await;
    let addr = mock.addr();
    mock.stop().await;
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
