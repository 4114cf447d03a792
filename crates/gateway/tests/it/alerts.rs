//! Operators are told: of what, how often, and without anybody who waits for it.

mod forms;
mod post_office;
mod receiver;

use std::time::{Duration, Instant};

use http::Method;
use lockgate_mock::Mock;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::house::{CHAT, CHAT_PATH, House, config, file_text, loopback, mock, secret};
use receiver::Receiver;

const A: &str = "a/gpt-4o-mini#1";

/// A gateway whose webhook is `receiver`, with whatever else there is to say of alerts and of all else.
async fn house(mocks: &[&Mock], receiver: &Receiver, alerts: &str, rest: &str) -> House {
    let urls: Vec<String> = mocks.iter().map(|mock| mock.base_url()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let url = receiver.url(&format!("/hook?key={}", secret("webhook")));
    let rest = format!("alerts: {{ webhook: \"{url}\"{alerts} }}\nretry: {{ attempts: 1 }}\n{rest}");
    House::new(&config(&urls, &rest)).await
}

fn fails(mock: &Mock, fault: &str) {
    mock.cycle(vec![Some(fault.parse().unwrap())]);
}

async fn asked(house: &House, times: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..times {
        statuses.push(house.post(CHAT_PATH, CHAT).await.status.as_u16());
    }
    statuses
}

async fn alerts(house: &House) -> Value {
    house.get("/admin/v1/alerts").await.json()
}

async fn reset(house: &House) {
    let path = "/admin/v1/deployments/a%2Fgpt-4o-mini%231/reset";
    assert_eq!(house.ask(Method::POST, path, "application/json", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_told_of_once_and_when_it_is_back() {
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let house = house(&[&mock], &receiver, "", "health: { error_threshold: 3 }\n").await;
    fails(&mock, "500");
    asked(&house, 3).await;
    let told = receiver.told(&format!("deployment raised {A}")).await;
    assert!(told["text"].as_str().unwrap().contains("500"), "{told}");
    for _ in 0..3 {
        reset(&house).await;
        asked(&house, 3).await;
    }
    mock.cycle(Vec::new());
    reset(&house).await;
    assert_eq!(asked(&house, 2).await, [200, 200]);
    receiver.told(&format!("deployment resolved {A}")).await;
    let expected = ["deployment raised ", "deployment resolved "].map(|front| format!("{front}{A}"));
    assert_eq!(receiver.lines(), expected, "once each");

    let said = alerts(&house).await;
    let kept: Vec<_> = said["alerts"].as_array().unwrap().iter().map(|alert| &alert["status"]).collect();
    assert_eq!(kept, ["resolved", "raised"]);
    let sink = &said["sinks"][0];
    assert_eq!((&sink["name"], &sink["sent"], &sink["failed"]), (&json!("webhook"), &json!(2), &json!(0)));
    let met = house.get("/metrics").await.text;
    for line in [
        r#"lockgate_alerts_total{kind="deployment",status="raised"} 1"#,
        r#"lockgate_alerts_total{kind="deployment",status="resolved"} 1"#,
        r#"lockgate_alert_deliveries_total{sink="webhook",result="told"} 2"#,
        r#"lockgate_alert_deliveries_total{sink="webhook",result="failed"} 0"#,
        r#"lockgate_alert_deliveries_total{sink="webhook",result="dropped"} 0"#,
        r#"lockgate_alerts_waiting{sink="webhook"} 0"#,
    ] {
        assert!(met.lines().any(|found| found == line), "{line}: {met}");
    }
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_must_do_something_about_is_told_of_the_credential() {
    for (fault, kind) in [("401", "key_fault"), ("403", "key_fault"), ("quota", "quota")] {
        let (mock, receiver) = (mock().await, Receiver::saying("").await);
        let house = house(&[&mock], &receiver, "", "").await;
        fails(&mock, fault);
        asked(&house, 1).await;
        receiver.told(&format!("{kind} raised a#1")).await;
        mock.cycle(Vec::new());
        reset(&house).await;
        assert_eq!(asked(&house, 1).await, [200]);
        receiver.told(&format!("{kind} resolved a#1")).await;
        assert_eq!(receiver.lines().len(), 2, "{fault}: {:?}", receiver.lines());
        house.serving.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_failures_are_one_message_and_one_when_they_end() {
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let rate = ", error_rate: { share: 0.5, window: 3s, least: 5 }, slack: \"http://127.0.0.1:1/\"";
    let house = house(&[&mock], &receiver, rate, "health: { error_threshold: 1000 }\n").await;
    fails(&mock, "500");
    // What clients do wrong is no failure of ours.
    let none = r#"{"model":"none","messages":[]}"#;
    for _ in 0..30 {
        assert_eq!(house.post(CHAT_PATH, none).await.status, 404);
    }
    assert!(asked(&house, 10).await.iter().all(|status| *status >= 500));
    receiver.told("error_rate raised all calls").await;
    receiver.told("error_rate raised fast").await;
    assert_eq!(receiver.sent().len(), 1, "what comes together is told together");
    let first = &receiver.sent()[0].json();
    assert_eq!(first["title"], "Lockgate: 2 alerts (2 many calls fail)");
    mock.cycle(Vec::new());
    asked(&house, 5).await;
    receiver.told("error_rate resolved all calls").await;
    receiver.told("error_rate resolved fast").await;
    assert_eq!(receiver.lines().len(), 4, "{:?}", receiver.lines());
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_are_told_of_what_they_asked_for() {
    let (mock, all, some) = (mock().await, Receiver::saying("").await, Receiver::saying("").await);
    let more = format!(", slack: {{ url: \"{}\", kinds: [budget_spent, disk] }}", some.url("/s"));
    let house = house(&[&mock], &all, &more, "").await;
    fails(&mock, "401");
    asked(&house, 1).await;
    all.told("key_fault raised a#1").await;
    house.serving.stop().await;
    assert!(some.sent().is_empty(), "{:?}", some.sent());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_not_taken_is_sent_again() {
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let house = house(&[&mock], &receiver, "", "").await;
    receiver.answers(&[(503, "later")]);
    fails(&mock, "401");
    asked(&house, 1).await;
    let sent = receiver.messages(2).await;
    assert_eq!(sent[0].json()["id"], sent[1].json()["id"], "the same message");
    eventually_sent(&house, 1).await;
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_receivers_do_not_take_and_have_no_room_for_is_counted() {
    // It takes connections and never says a word.
    let silent = TcpListener::bind(loopback()).await.unwrap();
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let more = format!(", slack: \"http://{}/s\", cooldown: 1ms", silent.local_addr().unwrap());
    let house = house(&[&mock], &receiver, &more, "").await;
    receiver.answers(&[(403, "not you")]);
    let counted = async |sink: &str, result: &str| {
        let met = house.get("/metrics").await.text;
        let front = format!(r#"lockgate_alert_deliveries_total{{sink="{sink}",result="{result}"}} "#);
        met.lines().find_map(|line| line.strip_prefix(&front)?.parse::<u64>().ok()).unwrap()
    };
    // As long as one message is not answered, more come than can wait.
    for _ in 0..1000 {
        fails(&mock, "401");
        asked(&house, 1).await;
        mock.cycle(Vec::new());
        reset(&house).await;
        asked(&house, 1).await;
        if counted("slack", "dropped").await > 0 && counted("webhook", "failed").await > 0 {
            break;
        }
    }
    assert!(counted("slack", "dropped").await > 0 && counted("webhook", "failed").await > 0);
    assert_eq!(counted("slack", "told").await, 0);
    // They go on counting under another config.
    house.apply(&config(&[&mock.base_url()], "alerts: { cooldown: 1s }\n"));
    assert!(counted("slack", "dropped").await > 0);
    house.serving.stop().await;
}

/// Waits until the first receiver has taken so many messages.
async fn eventually_sent(house: &House, count: u64) -> Value {
    let mut last = Value::Null;
    for _ in 0..1000 {
        last = alerts(house).await;
        if last["sinks"][0]["sent"] == count {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_silent_keeps_nobody_waiting() {
    // It takes connections and never says a word.
    let silent = TcpListener::bind(loopback()).await.unwrap();
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let more =
        format!(", slack: \"http://{}/s\", wecom: \"http://127.0.0.1:1/\"", silent.local_addr().unwrap());
    let house = house(&[&mock], &receiver, &more, "health: { error_threshold: 1 }\n").await;
    fails(&mock, "500");
    asked(&house, 1).await;
    receiver.told(&format!("deployment raised {A}")).await;
    mock.cycle(Vec::new());
    reset(&house).await;
    let since = Instant::now();
    assert!(asked(&house, 20).await.iter().all(|status| *status == 200));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    receiver.told(&format!("deployment resolved {A}")).await;
    let since = Instant::now();
    house.serving.stop().await;
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_at_the_end() {
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let house = house(&[&mock], &receiver, "", "").await;
    fails(&mock, "401");
    asked(&house, 1).await;
    house.serving.stop().await;
    assert_eq!(receiver.lines(), ["key_fault raised a#1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_is_refused_is_told_and_one_that_is_taken_again() {
    let (mock, receiver) = (mock().await, Receiver::saying("").await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockgate.yaml");
    let url = receiver.url(&format!("/hook/{}", secret("webhook")));
    let good = file_text(&config(&[&mock.base_url()], &format!("alerts: {{ webhook: \"{url}\" }}\n")));
    std::fs::write(&file, &good).unwrap();
    let house = House::of_file(&file).await;
    std::fs::write(&file, format!("{good}strategy: sideways\n")).unwrap();
    let subject = file.display().to_string();
    let told = receiver.told(&format!("reload raised {subject}")).await;
    assert!(told["text"].as_str().unwrap().contains("strategy"), "{told}");
    std::fs::write(&file, format!("{good}strategy: random\n")).unwrap();
    receiver.told(&format!("reload resolved {subject}")).await;
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_config_has_its_own_receivers() {
    let (mock, one, other) = (mock().await, Receiver::saying("").await, Receiver::saying("").await);
    let house = house(&[&mock], &one, "", "").await;
    fails(&mock, "401");
    asked(&house, 1).await;
    // What waits goes to whom it was for.
    let rest =
        format!("alerts: {{ cooldown: 1ms, slack: \"{}\" }}\nretry: {{ attempts: 1 }}\n", other.url("/s"));
    house.apply(&config(&[&mock.base_url()], &rest));
    one.told("key_fault raised a#1").await;
    reset(&house).await;
    asked(&house, 1).await;
    let sent = other.messages(1).await;
    assert!(sent[0].json()["text"].as_str().unwrap().contains("a#1"), "{:?}", sent[0]);
    let names = alerts(&house).await["sinks"][0]["name"].clone();
    assert_eq!(names, "slack");
    house.serving.stop().await;
    assert_eq!(one.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_cannot_be_are_said_at_the_start() {
    let mock = mock().await;
    let rest = "alerts: { webhook: { name: pager, url: \"https://h.example/\", ca_file: /no/such.pem } }\n";
    let config = lockgate_config::parse("test.yaml", &config(&[&mock.base_url()], rest), &|_| None).unwrap();
    let why = lockgate_gateway::check(&config).unwrap_err().to_string();
    assert!(why.starts_with("alerts `pager`: ") && why.contains("/no/such.pem"), "{why}");
    let rest = "alerts: { email: { smtp: mail.example.com, from: \"a b\", to: [x@example.com] } }\n";
    let config =
        lockgate_config::parse("test.yaml", &crate::house::config(&[&mock.base_url()], rest), &|_| None)
            .unwrap();
    let why = lockgate_gateway::check(&config).unwrap_err().to_string();
    assert!(why.starts_with("alerts `email`: `from`: `a b` is no mail address"), "{why}");
}
