//! Checks in the background: what they ask, what they learn, and that there are none unless somebody wants them.

use std::time::Duration;

use lockgate_mock::{Fault, Mock, Rule};
use serde_json::{Value, json};

use crate::house::{CHAT, CHAT_PATH, House, UPSTREAM_KEY, config, eventually, mock};

async fn state(house: &House, name: &str) -> Value {
    let answer = house.get(&format!("/admin/v1/deployments/{name}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Waits until a deployment is in that state; five seconds at most.
async fn becomes(house: &House, expect: &str) -> Value {
    for _ in 0..500 {
        let row = state(house, "a%2Fgpt-4o-mini%231").await;
        if row["state"] == expect {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not become {expect} within five seconds");
}

async fn asked(mock: &Mock, count: usize) {
    eventually(|| (mock.ledger().len() >= count).then_some(())).await;
}

#[tokio::test]
async fn without_a_word_about_checks_nothing_is_sent() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "health: { error_threshold: 2 }\n")).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!(mock.ledger().is_empty());
    assert_eq!(state(&house, "a%2Fgpt-4o-mini%231").await["requests"], 0);
}

#[tokio::test]
async fn a_call_opens_and_closes_a_deployment_that_no_client_asks() {
    let mock = mock().await;
    mock.rules(vec![Rule::new("500".parse().unwrap())]);
    let rest = "health: { interval: 100ms, check_model: gpt-4o, error_threshold: 2, max_cooldown: 1h }\n";
    let house = House::new(&config(&[&mock.base_url()], rest)).await;
    let open = becomes(&house, "open").await;
    assert_eq!(
        (&open["requests"], &open["in_flight"]),
        (&json!(0), &json!(0)),
        "no request of a client: {open}"
    );
    assert!(open["faults"]["upstream_failed"].as_u64().is_some_and(|count| count >= 2), "{open}");

    mock.rules(Vec::new());
    let closed = becomes(&house, "closed").await;
    assert_eq!(closed["consecutive"], 0, "{closed}");
    for entry in mock.ledger().iter().filter(|entry| entry.status != 0) {
        let sent: Value = serde_json::from_slice(&entry.body).unwrap();
        assert_eq!((entry.path.as_str(), entry.model.as_deref()), (CHAT_PATH, Some("gpt-4o")));
        assert_eq!(entry.key.as_deref(), Some(UPSTREAM_KEY.as_str()));
        assert_eq!(sent["max_completion_tokens"], 1, "{sent}");
    }
    assert!(house.journal.all().is_empty(), "checks are no calls of clients");
    assert_eq!(house.get("/admin/v1/gateway").await.json()["retries"]["fast"]["requests"], 0);
}

#[tokio::test]
async fn the_list_of_models_tells_of_the_credential_and_lets_one_request_try_the_model() {
    let mock = mock().await;
    mock.rules(vec![Rule::new("401".parse().unwrap())]);
    let rest = "health: { interval: 100ms, error_threshold: 2, max_cooldown: 1h }\n";
    let house = House::new(&config(&[&mock.base_url()], rest)).await;
    let cooling = becomes(&house, "cooling").await;
    assert_eq!(cooling["reason"], "upstream_key_refused");
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 503, "nobody is left to ask");

    mock.rules(Vec::new());
    // That the list comes proves nothing of the model: a request has to.
    becomes(&house, "half_open").await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    becomes(&house, "closed").await;
    assert!(mock.ledger().iter().filter(|entry| entry.path == "/v1/models").count() >= 2);
}

#[tokio::test]
async fn every_dialect_is_checked_in_its_own_words() {
    for (kind, model, end) in [
        ("anthropic", "claude-sonnet-4-5", "/v1/messages"),
        ("gemini", "gemini-2.5-flash", ":generateContent"),
        ("ollama", "llama3.2", "/api/chat"),
        ("bedrock", "us.anthropic.claude-haiku-4-5-20251001-v1:0", "/converse"),
    ] {
        let mock = mock().await;
        let yaml = format!(
            "server: {{ listen: \"127.0.0.1:0\" }}
providers: {{ a: {{ kind: {kind}, base_url: \"http://{}\", api_key: key-0123456789, credentials: [] }} }}
models: {{ fast: {{ targets: [\"a/{model}\"] }} }}
health: {{ interval: 100ms, method: call }}
",
            mock.addr()
        );
        let house = House::new(&yaml.replace(", credentials: []", "")).await;
        asked(&mock, 2).await;
        eventually(|| mock.ledger().iter().any(|entry| entry.status == 200).then_some(())).await;
        for entry in mock.ledger() {
            assert!(entry.path.ends_with(end), "{kind}: {}", entry.path);
            assert!(matches!(entry.status, 0 | 200), "{kind}: {} {:?}", entry.status, entry.body);
        }
        let rows = house.get("/admin/v1/deployments").await.json();
        assert_eq!(
            (&rows["deployments"][0]["state"], &rows["deployments"][0]["faults"]),
            (&json!("closed"), &json!({})),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_model_has_checks_of_its_own_and_a_deployment_is_checked_once() {
    let (a, b) = (mock().await, mock().await);
    let rest = "  other: { targets: [a/gpt-4o-mini], health: { interval: 300ms } }
  same: { targets: [a/gpt-4o-mini], aliases: [again], health: { interval: 400ms, method: call } }
";
    let begun = std::time::Instant::now();
    let house = House::new(&config(&[&a.base_url(), &b.base_url()], rest)).await;
    asked(&a, 3).await;
    assert!(
        begun.elapsed() >= Duration::from_millis(540),
        "two intervals, give or take a tenth: {:?}",
        begun.elapsed()
    );
    assert!(a.ledger().iter().all(|entry| entry.path == "/v1/models"), "the most watchful counts");
    assert!(b.ledger().is_empty());
    let drain = house.post("/admin/v1/deployments/a%2Fgpt-4o-mini%231/drain", "").await;
    assert_eq!(drain.status, 200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let count = a.ledger().len();
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert_eq!(a.ledger().len(), count, "what was taken out is left alone");
}

#[tokio::test]
async fn checks_are_bounded_in_number_and_end_with_the_gateway() {
    let mock = mock().await;
    mock.cycle(vec![Some(Fault::Silent)]);
    let targets: Vec<_> = (0..30).map(|number| format!("a/model-{number}")).collect();
    let rest = format!(
        "  many: {{ targets: [{}] }}\nhealth: {{ interval: 100ms, method: call }}\n",
        targets.join(", ")
    );
    let house = House::new(&config(&[&mock.base_url()], &rest)).await;
    asked(&mock, 8).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(mock.counts().peak, 8, "never more at once");
    let begun = std::time::Instant::now();
    assert!(house.serving.stop().await);
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits for a check: {:?}", begun.elapsed());
    eventually(|| (mock.counts().in_flight == 0).then_some(())).await;
    let count = mock.counts().requests;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(mock.counts().requests, count, "and none follows");
}

#[tokio::test]
async fn what_has_no_list_is_not_asked_for_one_and_limits_hold_for_checks_too() {
    let mock = mock().await;
    let host = format!("base_url: \"http://{}\"", mock.addr());
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}
providers: {{ a: {{ kind: bedrock, {host}, api_key: key-0123456789 }} }}
models: {{ fast: {{ targets: [a/amazon.nova-lite-v1] }} }}
health: {{ interval: 100ms }}
"
    ))
    .await;
    let path = "/admin/v1/deployments/a%2Famazon.nova-lite-v1%231";
    let answer = house.post(&format!("{path}/test"), "").await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("check by `call`"), "{}", answer.text);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(house.get(path).await.json()["faults"], json!({}), "nothing was asked, so nothing failed");
    assert!(mock.ledger().is_empty());

    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}
providers: {{ a: {{ kind: openai, base_url: \"{}\", credentials: [{{ api_key: key-0123456789, rpm: 2 }}] }} }}
models: {{ fast: {{ targets: [a/gpt-4o-mini] }} }}
health: {{ interval: 100ms, method: call }}
",
        mock.base_url()
    ))
    .await;
    asked(&mock, 2).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(mock.ledger().len(), 2, "as many as the credential may be asked for in a minute");
    assert_eq!(house.get("/admin/v1/explain?model=fast").await.json()["deployments"][0]["reason"], "full");
}
