//! Every path of the OpenAI family leads where it should.

use http::Method;

use crate::house::{House, config, lenient, mock};

#[tokio::test]
async fn each_endpoint_is_answered_by_the_strict_mock() {
    let mock = mock().await;
    let models = "  old: { targets: [a/gpt-3.5-turbo-instruct] }\n  embed: { targets: [a/text-embedding-3-small] }\n  image: { targets: [a/gpt-image-1] }\n  \
                  voice: { targets: [a/tts-1] }\n  moderate: { targets: [a/omni-moderation-latest] }\n  rerank: { targets: [a/rerank-1] }\n";
    let house = House::new(&config(&[&mock.base_url()], models)).await;
    for (path, body) in [
        ("/v1/completions", r#"{"model":"old","prompt":"x"}"#),
        ("/v1/completions", r#"{"model":"old","prompt":"x","stream":true}"#),
        ("/v1/responses", r#"{"model":"fast","input":"x"}"#),
        ("/v1/responses", r#"{"model":"fast","input":"x","stream":true}"#),
        ("/v1/embeddings", r#"{"model":"embed","input":["a","b"]}"#),
        ("/v1/images/generations", r#"{"model":"image","prompt":"a lock"}"#),
        ("/v1/audio/speech", r#"{"model":"voice","input":"x","voice":"alloy"}"#),
        ("/v1/moderations", r#"{"model":"moderate","input":"x"}"#),
        ("/v1/rerank", r#"{"model":"rerank","query":"q","documents":["a","b"]}"#),
    ] {
        let answer = house.post(path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        let entry = mock.ledger().pop().unwrap();
        assert_eq!((entry.path.as_str(), entry.status), (path, 200));
    }
}

#[tokio::test]
async fn models_in_paths_and_endpoints_nobody_knows() {
    let mock = lenient().await;
    let rest = "  org/name: { targets: [a/gpt-4o] }\n";
    let house = House::new(&config(&[&mock.base_url()], rest)).await;
    let chat = r#"{"messages":[{"role":"user","content":"x"}]}"#;
    for (method, path, body, upstream, model) in [
        (Method::POST, "/v1/models/fast/chat/completions", chat, "/v1/chat/completions", Some("gpt-4o-mini")),
        (Method::POST, "/v1/fast/chat/completions", chat, "/v1/chat/completions", Some("gpt-4o-mini")),
        (Method::POST, "/v1/org/name/chat/completions", chat, "/v1/chat/completions", Some("gpt-4o")),
        (Method::POST, "/v1/org%2Fname/chat/completions", chat, "/v1/chat/completions", Some("gpt-4o")),
        (Method::POST, "/v1/a/gpt-4o/chat/completions", chat, "/v1/chat/completions", Some("gpt-4o")),
        (Method::GET, "/v1/fast/files/abc?limit=2", "", "/v1/files/abc?limit=2", None),
        (Method::POST, "/v1/score", r#"{"model":"fast","x":1}"#, "/v1/score", Some("gpt-4o-mini")),
        (Method::POST, "/v1/x/y/z", r#"{"x":1,"model":"fast"}"#, "/v1/x/y/z", Some("gpt-4o-mini")),
    ] {
        house.ask(method, path, "application/json", body).await;
        let entry = mock.ledger().pop().unwrap_or_else(|| panic!("{path} did not reach the provider"));
        assert_eq!(entry.path, upstream, "{path}");
        let body: serde_json::Value = serde_json::from_slice(&entry.body).unwrap_or_default();
        assert_eq!(body["model"].as_str(), model, "{path}");
    }
}

#[tokio::test]
async fn a_path_cannot_leave_the_provider_s_own() {
    let mock = lenient().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    for path in [
        "/v1/fast/../../secret",
        "/v1/fast/a//b",
        "/v1/fast/%2e%2e/x",
        "/v1/fast/a%2f..%2fb",
        "/v1/fast/a\\b",
        "/v1/fast/%00",
    ] {
        // A client library would tidy the path up, so the request is written by hand.
        let answer = by_hand(&house, path).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    assert_eq!(mock.counts().requests, 0);
}

async fn by_hand(house: &House, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(house.serving.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
