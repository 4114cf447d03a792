//! Claude at Bedrock in its maker's own dialect: InvokeModel, where the client speaks it, and Converse for all others.

use lockgate_mock::Mock;

use crate::house::{Answer, House, mock};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

async fn house(mock: &Mock) -> House {
    House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  aws: {{ kind: bedrock, region: us-east-1, base_url: \"http://{}\", api_key: k }}\nmodels:\n  claude: {{ targets: [\"aws/{CLAUDE}\"] }}\n  nova: {{ targets: [\"aws/amazon.nova-lite-v1:0\"] }}\n",
        mock.addr()
    ))
    .await
}

fn body(model: &str, more: &str) -> String {
    format!(r#"{{"model":"{model}","max_tokens":50,"messages":[{{"role":"user","content":"hello"}}]{more}}}"#)
}

async fn ask(house: &House, path: &str, body: String) -> Answer {
    let request = http::Request::post(house.url(path))
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "context-1m-2025-08-07,unknown-beta-2020-01-01")
        .header("x-api-key", "whatever");
    let request = request.body(http_body_util::Full::from(bytes::Bytes::from(body))).unwrap();
    crate::house::read(house.send(request).await).await
}

#[tokio::test]
async fn a_client_of_the_makers_dialect_is_passed_through() {
    let mock = mock().await;
    let house = house(&mock).await;
    let whole = ask(&house, "/v1/messages", body("claude", r#","thinking":{"type":"disabled"}"#)).await;
    assert_eq!(whole.status, 200, "{}", whole.text);
    assert_eq!(whole.json()["type"], "message");
    assert!(whole.header("x-lockgate-loss").contains("unknown-beta"), "{:?}", whole.headers);
    let sent = mock.ledger().pop().unwrap();
    assert!(sent.path.ends_with("/invoke"), "{}", sent.path);
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        r#"{"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["context-1m-2025-08-07"],"max_tokens":50,"messages":[{"role":"user","content":"hello"}],"thinking":{"type":"disabled"}}"#
    );

    let stream = ask(&house, "/v1/messages", body("claude", r#","stream":true"#)).await;
    assert_eq!(stream.status, 200, "{}", stream.text);
    assert!(stream.header("content-type").starts_with("text/event-stream"));
    assert!(stream.text.starts_with("event: message_start\ndata: {"), "{}", stream.text);
    assert!(stream.text.contains("event: message_stop\n"), "{}", stream.text);
    assert!(mock.ledger().pop().unwrap().path.ends_with("/invoke-with-response-stream"));
    let records = house.records(2).await;
    assert!(records.iter().all(|record| record.usage.as_ref().is_some_and(|usage| usage.output > 0)));

    let count = ask(&house, "/v1/messages/count_tokens", body("claude", "")).await;
    assert_eq!(count.status, 200, "{}", count.text);
    assert!(count.json()["input_tokens"].as_u64().unwrap() > 0);
    assert!(mock.ledger().pop().unwrap().path.ends_with("/count-tokens"));
}

#[tokio::test]
async fn everybody_else_and_every_other_model_goes_by_converse() {
    let mock = mock().await;
    let house = house(&mock).await;
    let chat =
        |model: &str| format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hello"}}]}}"#);
    for (path, body) in [
        ("/v1/chat/completions", chat("claude")),
        ("/v1/chat/completions", chat("nova")),
        ("/v1/messages", body("nova", "")),
    ] {
        let answer = ask(&house, path, body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert!(mock.ledger().pop().unwrap().path.ends_with("/converse"), "{path}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_or_fails_never_looks_whole() {
    let mock = mock().await;
    let house = house(&mock).await;
    for fault in ["cut:3", "error:3"] {
        mock.cycle(vec![Some(fault.parse().unwrap())]);
        let answer = ask(&house, "/v1/messages", body("claude", r#","stream":true"#)).await;
        assert!(!answer.text.contains("message_stop"), "{fault}: {}", answer.text);
        assert!(answer.text.contains("event: error\n"), "{fault}: {}", answer.text);
    }
}
