//! Every mistake of a client is answered in its dialect, with words that help.

use http::{Method, Request};
use http_body_util::Full;
use lockgate_mock::Mock;

use crate::{
    house::{Answer, CHAT, CHAT_PATH, House, STREAM, UPSTREAM_KEY, config, mock, read, secret},
    raw::Raw,
};

const JSON: &str = "application/json";

#[tokio::test]
async fn mistakes_and_their_answers() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "").replace("drain: 5s", "max_body: 1KiB")).await;
    let long = "x".repeat(2000);
    let deep = format!("{{\"model\":\"fast\",\"a\":{}", "[".repeat(200));
    let mut report = String::new();
    for (method, path, content_type, body) in [
        (Method::POST, CHAT_PATH, JSON, "{"),
        (Method::POST, CHAT_PATH, JSON, "[]"),
        (Method::POST, CHAT_PATH, JSON, ""),
        (Method::POST, CHAT_PATH, JSON, r#"{"messages":[]}"#),
        (Method::POST, CHAT_PATH, JSON, r#"{"model":null}"#),
        (Method::POST, CHAT_PATH, JSON, r#"{"model":"fast","model":"slow"}"#),
        (Method::POST, CHAT_PATH, JSON, r#"{"model":"fats","messages":[]}"#),
        (Method::POST, CHAT_PATH, JSON, r#"{"model":"no-such-thing","messages":[]}"#),
        (Method::POST, CHAT_PATH, JSON, &deep),
        (Method::POST, CHAT_PATH, JSON, &long),
        (Method::POST, CHAT_PATH, "application/x-www-form-urlencoded", CHAT),
        (Method::POST, "/v1/audio/transcriptions", "multipart/form-data", "x"),
        (Method::POST, "/v1/audio/transcriptions", "multipart/form-data; boundary=B", "x"),
        (Method::GET, CHAT_PATH, JSON, ""),
        (Method::POST, "/v1/files", JSON, r#"{"purpose":"batch"}"#),
        (Method::GET, "/nowhere", JSON, ""),
        (Method::DELETE, "/health", JSON, ""),
    ] {
        let answer = house.ask(method.clone(), path, content_type, body.to_owned()).await;
        let shown: String = body.chars().take(40).collect();
        report.push_str(&format!(
            "{method} {path} {content_type} {shown}\n  {} {}\n",
            answer.status.as_u16(),
            answer.text
        ));
    }
    insta::assert_snapshot!(report);
    assert_eq!(mock.counts().requests, 0, "none of it reached the provider");
}

async fn with_headers(house: &House, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(house.url(CHAT_PATH)).header("content-type", JSON);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(house.send(request.body(Full::from(CHAT)).unwrap()).await).await
}

#[tokio::test]
async fn callers_without_rights() {
    let mock = mock().await;
    let client_key = secret("client key");
    let keys = format!("access: {{ keys: [{{ name: alice, key: {client_key}, models: [slow] }}] }}\n");
    let house = House::new(&config(&[&mock.base_url()], &keys)).await;
    let bearer = format!("Bearer {client_key}");
    let own_key = [("authorization", bearer.as_str())];
    let open = House::new(&config(&[&mock.base_url()], "")).await;
    let mut report = String::new();
    for (house, headers) in [
        (&house, [].as_slice()),
        (&house, &[("authorization", "Bearer wrong")]),
        (&house, &own_key),
        (&open, &[("origin", "https://evil.test")]),
        (&open, &[("host", "evil.test")]),
        (&open, &[("content-encoding", "gzip")]),
    ] {
        let answer = with_headers(house, headers).await;
        report.push_str(&format!("{headers:?}\n  {} {}\n", answer.status.as_u16(), answer.text));
    }
    insta::assert_snapshot!(report.replace(&client_key, "client-key-0123456789"));
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_with_and_without_a_declared_length() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "").replace("drain: 5s", "max_body: 1MiB")).await;
    let body = format!("{{\"model\":\"fast\",\"x\":\"{}\"}}", "x".repeat((1 << 20) + 100));
    assert_eq!(house.post(CHAT_PATH, body.clone()).await.status, 413);

    let pieces = futures_util::stream::iter(
        body.as_bytes()
            .chunks(10_000)
            .map(|piece| {
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(bytes::Bytes::copy_from_slice(
                    piece,
                )))
            })
            .collect::<Vec<_>>(),
    );
    let client =
        hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
    let request = Request::post(house.url(CHAT_PATH)).header("content-type", JSON);
    let answer =
        client.request(request.body(http_body_util::StreamBody::new(pieces)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(mock.counts().requests, 0);
}

/// A provider's refusal in the client's dialect, whatever the provider's is.
#[tokio::test]
async fn a_refusal_is_said_in_the_clients_dialect() {
    async fn check(mock: &Mock, house: &House, path: &str, body: &'static str, expected: &str) {
        mock.script(["400".parse::<lockgate_mock::Fault>().unwrap()]);
        let answer = house.ask(Method::POST, path, JSON, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.text.starts_with(expected), "{path}: {}", answer.text);
    }
    let mock = mock().await;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: openai, base_url: \"{}\", api_key: k }}\n\
         models:\n  m: {{ targets: [a/gpt-4o-mini] }}\n",
        mock.base_url()
    );
    let house = House::new(&yaml).await;
    let gemini = r#"{"contents":[{"role":"user","parts":[{"text":"x"}]}]}"#;
    check(&mock, &house, "/v1beta/models/m:generateContent", gemini, r#"{"error":{"code":400,"#).await;
    let anthropic = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    check(
        &mock,
        &house,
        "/v1/messages",
        anthropic,
        r#"{"type":"error","error":{"type":"invalid_request_error""#,
    )
    .await;
    let ollama = r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"x"}]}"#;
    check(&mock, &house, "/api/chat", ollama, r#"{"error":""#).await;
    let bedrock = r#"{"messages":[{"role":"user","content":[{"text":"x"}]}]}"#;
    check(&mock, &house, "/model/m/converse", bedrock, r#"{"message":""#).await;
    // In its own dialect the provider's bytes stay what they are.
    let chat = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    check(&mock, &house, "/v1/chat/completions", chat, r#"{"error":{"#).await;
}

#[tokio::test]
async fn a_provider_that_repeats_a_key_is_not_repeated() {
    // Keys of no known form: of letters, of digits and dashes. Each is repeated in an error that only the log is to read
    // and in one that goes to the client.
    for key in [
        secret("upstream key").trim_start_matches("sk-").to_owned(),
        secret("upstream key").replace("sk-", "7-"),
    ] {
        for (status, kind) in
            [("401 Unauthorized", "authentication_error"), ("400 Bad Request", "invalid_request_error")]
        {
            let body = format!(
                r#"{{"error":{{"message":"hello {key}, you are unknown","type":"{kind}","param":"{key}","code":"{key}"}}}}"#
            );
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            );
            let upstream = Raw::start(format!("{head}connection: close\r\n\r\n{body}")).await;
            let yaml = config(&[&upstream.base_url()], "").replace(&*UPSTREAM_KEY, &key);
            let house = House::new(&yaml).await;
            let answer = house.post(CHAT_PATH, CHAT).await;
            assert!(
                answer.status.as_u16() >= 400 && !answer.text.contains(&key),
                "{status}: {}",
                answer.text
            );
            let record = house.records(1).await.remove(0);
            let record = serde_json::to_string(&record).unwrap();
            assert!(record.contains("hello [redacted]") && !record.contains(&key), "{status}: {record}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_repeats_a_key_in_its_error_is_not_repeated() {
    let key = secret("upstream key").replace("sk-", "7-");
    let piece = r#"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"ahoi"}}]}"#;
    let error = format!(r#"{{"error":{{"message":"hello {key}, you are unknown","type":"server_error"}}}}"#);
    let begun = Raw::ok("text/event-stream", None, format!("data: {piece}\n\n").as_bytes());
    let upstream = Raw::paced(vec![begun, format!("data: {error}\n\n").into_bytes()]).await;
    let yaml = config(&[&upstream.base_url()], "").replace(&*UPSTREAM_KEY, &key);
    let house = House::new(&yaml).await;
    let answer = house.post(CHAT_PATH, STREAM).await;
    assert!(answer.text.contains("ahoi") && !answer.text.contains(&key), "{}", answer.text);
    let record = serde_json::to_string(&house.records(1).await.remove(0)).unwrap();
    assert!(record.contains("hello [redacted]") && !record.contains(&key), "{record}");
}
