//! Limits by the minute and at once: who they stop, what is said of it, and in which words.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use lockgate_mock::{Behaviour, Mock};

use crate::house::{Answer, CHAT, CHAT_PATH, House, STREAM, config, eventually, mock, read};

const ALICE: &str = "sk-alice-0123456789";
const BOB: &str = "sk-bob-0123456789";
const MESSAGES: &str = "/v1/messages";
const MESSAGE: &str = r#"{"model":"fast","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#;

/// A gateway whose keys are Alice's, with these limits, and Bob's; `more` belongs to the `access`.
async fn house(mock: &Mock, alice: &str, more: &str) -> House {
    let access = format!(
        "access:\n  keys:\n    - {{ name: alice, key: {ALICE}{alice} }}\n    - {{ name: bob, key: {BOB} }}\n{more}"
    );
    House::new(&config(&[&mock.base_url()], &access)).await
}

async fn ask(house: &House, key: &str, path: &str, body: &'static str) -> Answer {
    let request = Request::post(house.url(path))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {key}"))
        .body(Full::new(Bytes::from_static(body.as_bytes())));
    read(house.send(request.unwrap()).await).await
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.header(name).parse().unwrap_or_else(|_| panic!("{name}: {:?}", answer.headers))
}

#[tokio::test]
async fn a_key_has_so_many_requests_a_minute_and_others_theirs() {
    let mock = mock().await;
    let house = house(&mock, ", rpm: 3", "").await;
    for left in [2, 1, 0] {
        let answer = ask(&house, ALICE, CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(number(&answer, "x-ratelimit-limit-requests"), 3);
        assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), left);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'), "{:?}", answer.headers);
        assert!(!answer.headers.contains_key("x-ratelimit-limit-tokens"), "the provider's are not passed on");
    }
    let answer = ask(&house, ALICE, CHAT_PATH, STREAM).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.text);
    let error = &answer.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&"rate_limit_error".into(), &"rate_limit_exceeded".into()));
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("the key `alice` is at its limit of 3 requests a minute: try again in "),
        "{message}"
    );
    assert!((1..=120).contains(&number(&answer, "retry-after")));
    assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), 0);
    assert!(!answer.headers.contains_key("x-should-retry"));
    let other = ask(&house, BOB, CHAT_PATH, CHAT).await;
    assert_eq!(other.status, StatusCode::OK);
    assert!(!other.headers.contains_key("x-ratelimit-limit-requests") || mock_says(&other));
    assert_eq!(mock.counts().requests, 4, "who is refused reaches nobody");
    house.serving.stop().await;
}

/// Whether the limits in an answer are the mock's own, which an unlimited caller may see.
fn mock_says(answer: &Answer) -> bool {
    number(answer, "x-ratelimit-limit-requests") != 3
}

#[tokio::test]
async fn each_dialect_says_it_in_its_own_words() {
    let mock = mock().await;
    let house = house(&mock, ", rpm: 1, tpm: 100000", "").await;
    let answer = ask(&house, ALICE, MESSAGES, MESSAGE).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(number(&answer, "anthropic-ratelimit-requests-limit"), 1);
    assert_eq!(number(&answer, "anthropic-ratelimit-requests-remaining"), 0);
    assert_eq!(number(&answer, "anthropic-ratelimit-tokens-limit"), 100_000);
    let left = number(&answer, "anthropic-ratelimit-tokens-remaining");
    assert!((99_000..100_000).contains(&left), "{left}");
    let reset = answer.header("anthropic-ratelimit-requests-reset");
    assert!(reset.ends_with('Z') && reset.contains('T'), "{reset}");
    let refused = ask(&house, ALICE, MESSAGES, MESSAGE).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    assert_eq!(number(&refused, "anthropic-ratelimit-requests-remaining"), 0);
    let gemini = ask(
        &house,
        ALICE,
        "/v1beta/models/fast:generateContent",
        r#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
    );
    let gemini = gemini.await;
    assert_eq!(gemini.json()["error"]["status"], "RESOURCE_EXHAUSTED", "{}", gemini.text);
    assert_eq!(number(&gemini, "x-ratelimit-remaining-requests"), 0);
    // Whatever else is wrong, and whatever is no call: the caller is told.
    let unknown = ask(&house, ALICE, CHAT_PATH, r#"{"model":"none","messages":[]}"#).await;
    assert_eq!((unknown.status, number(&unknown, "x-ratelimit-limit-requests")), (StatusCode::NOT_FOUND, 1));
    house.serving.stop().await;
}

#[tokio::test]
async fn tokens_are_counted_ahead_and_set_right() {
    let mock = mock().await;
    let house = house(&mock, ", tpm: 1000", "").await;
    let answer = ask(
        &house,
        ALICE,
        CHAT_PATH,
        r#"{"model":"fast","max_tokens":900,"messages":[{"role":"user","content":"hi"}]}"#,
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(number(&answer, "x-ratelimit-remaining-tokens") < 100, "what it asked for was counted");
    let usage = &answer.json()["usage"]["total_tokens"];
    let used = usage.as_u64().unwrap();
    let answer = ask(&house, ALICE, CHAT_PATH, CHAT).await;
    let left = number(&answer, "x-ratelimit-remaining-tokens");
    assert!((1000 - used - 60..1000 - used).contains(&left), "{left} of 1000 after {used}");
    house.serving.stop().await;
}

#[tokio::test]
async fn models_and_everybody_together_have_limits_too() {
    let mock = mock().await;
    let more = "  limits: { rpm: 4 }\n";
    let yaml = format!(
        "access:\n  keys:\n    - {{ name: alice, key: {ALICE}, rpm: 100 }}\n    - {{ name: bob, key: {BOB} }}\n{more}"
    );
    let yaml = config(&[&mock.base_url()], &yaml).replace(
        "gpt-4o-mini] }",
        "gpt-4o-mini], rpm: 2, aliases: [quick] }\n  other: { targets: [a/gpt-4o-mini] }",
    );
    let house = House::new(&yaml).await;
    let other = r#"{"model":"other","messages":[{"role":"user","content":"hello"}]}"#;
    let quick = r#"{"model":"quick","messages":[{"role":"user","content":"hello"}]}"#;
    assert_eq!(ask(&house, ALICE, CHAT_PATH, CHAT).await.status, 200);
    let second = ask(&house, BOB, CHAT_PATH, quick).await;
    assert_eq!((second.status, number(&second, "x-ratelimit-remaining-requests")), (StatusCode::OK, 0));
    let refused = ask(&house, ALICE, CHAT_PATH, CHAT).await;
    assert!(
        refused.text.contains("the model `fast` is at its limit of 2 requests a minute"),
        "{}",
        refused.text
    );
    assert_eq!(ask(&house, ALICE, CHAT_PATH, other).await.status, 200);
    assert_eq!(
        ask(&house, BOB, CHAT_PATH, other).await.status,
        200,
        "who is refused counts against nothing else"
    );
    let refused = ask(&house, BOB, CHAT_PATH, other).await;
    assert!(refused.text.contains("this gateway is at its limit of 4 requests a minute"), "{}", refused.text);
    house.serving.stop().await;
}

#[tokio::test]
async fn so_many_run_at_once() {
    let mock = mock().await;
    let slow = Behaviour { latency: Duration::from_millis(300), ..Behaviour::default() };
    mock.set_behaviour(slow);
    let house = house(&mock, ", max_concurrent: 2", "").await;
    let answers = join_all((0..6).map(|_| ask(&house, ALICE, CHAT_PATH, CHAT))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!((refused.len(), mock.counts().peak), (4, 2));
    assert!(refused[0].text.contains("limit of 2 requests at once"), "{}", refused[0].text);
    assert_eq!(refused[0].header("retry-after"), "1");
    // A place is free as soon as the last byte is there, answer after answer.
    mock.set_behaviour(Behaviour::default());
    house.apply(&config(
        &[&mock.base_url()],
        &format!("access: {{ keys: [{{ name: alice, key: {ALICE}, max_concurrent: 1 }}] }}"),
    ));
    for body in [CHAT, STREAM].repeat(20) {
        let answer = ask(&house, ALICE, CHAT_PATH, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    // So it is when a client goes away.
    mock.set_behaviour(Behaviour { latency: Duration::from_secs(30), ..Behaviour::default() });
    let gone = tokio::time::timeout(Duration::from_millis(100), ask(&house, ALICE, CHAT_PATH, CHAT)).await;
    assert!(gone.is_err());
    eventually(|| (mock.counts().in_flight == 0).then_some(())).await;
    mock.set_behaviour(Behaviour::default());
    assert_eq!(ask(&house, ALICE, CHAT_PATH, CHAT).await.status, 200);
    house.serving.stop().await;
}

#[tokio::test]
async fn a_reload_forgets_nothing_that_counts() {
    let mock = mock().await;
    let house = house(&mock, ", rpm: 2", "").await;
    for _ in 0..2 {
        assert_eq!(ask(&house, ALICE, CHAT_PATH, CHAT).await.status, 200);
    }
    let with = |rpm: u32| {
        config(
            &[&mock.base_url()],
            &format!("access: {{ keys: [{{ name: alice, key: {ALICE}, rpm: {rpm} }}] }}"),
        )
    };
    house.apply(&with(2));
    assert_eq!(ask(&house, ALICE, CHAT_PATH, CHAT).await.status, 429);
    house.apply(&with(3));
    let answer = ask(&house, ALICE, CHAT_PATH, CHAT).await;
    assert_eq!((answer.status, number(&answer, "x-ratelimit-remaining-requests")), (StatusCode::OK, 0));
    house.serving.stop().await;
}

#[tokio::test]
async fn beyond_all_that_may_be_under_way_the_rest_is_refused_at_once() {
    let mock = mock().await;
    mock.set_behaviour(Behaviour { latency: Duration::from_millis(300), ..Behaviour::default() });
    let most = |most: u32| {
        config(&[&mock.base_url()], "").replace("drain: 5s", &format!("drain: 5s, max_requests: {most}"))
    };
    let house = House::new(&most(2)).await;
    let asked = (0..6).map(|_| ask(&house, ALICE, MESSAGES, MESSAGE));
    let answers = join_all(asked).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert_eq!((refused.len(), mock.counts().peak), (4, 2));
    for answer in refused {
        assert_eq!(answer.json()["type"], "error", "as its client's dialect has it: {}", answer.text);
        assert!(answer.text.contains("`server.max_requests`"), "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.header("x-request-id").starts_with("req_"));
    }
    // Health is answered whatever is under way, and a place is free as soon as a call is over.
    assert_eq!(house.get("/health/ready").await.status, 200);
    house.apply(&most(1));
    for _ in 0..20 {
        assert_eq!(ask(&house, ALICE, MESSAGES, MESSAGE).await.status, 200);
    }
    house.serving.stop().await;
}
