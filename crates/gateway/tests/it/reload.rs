//! Another config while requests are under way: they end by the one they began with, and what is known is kept.

mod file;
mod put;
mod storm;

use std::time::Duration;

use http::{Method, Request};
use http_body_util::Full;
use lockgate_mock::{Behaviour, Mock};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::house::{Answer, CHAT, CHAT_PATH, House, STREAM, config, mock, read, secret};

/// The first deployment of [`config`], as it stands in a path.
const A: &str = "deployments/a%2Fgpt-4o-mini%231";

async fn admin(house: &House, method: Method, path: &str) -> Value {
    let answer = house.ask(method, &format!("/admin/v1/{path}"), "application/json", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn state(house: &House, deployment: &str) -> Value {
    admin(house, Method::GET, deployment).await["state"].clone()
}

/// The deployment that answers a request for `fast`.
async fn who(house: &House) -> String {
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.header("x-lockgate-deployment").to_owned()
}

/// A config with one provider `p` that has these credentials, and `fast` there.
fn with_credentials(mock: &Mock, rows: &[&str], rest: &str) -> String {
    let rows: Vec<String> = rows.iter().map(|row| format!("{{ {row} }}")).collect();
    format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  p: {{ kind: openai, base_url: \"{}\", credentials: [{}] }}\nmodels:\n  fast: {{ targets: [p/gpt-4o-mini] }}\n{rest}",
        mock.base_url(),
        rows.join(", ")
    )
}

/// Begins a stream on which little comes at a time.
async fn begun(house: &House) -> http::Response<hyper::body::Incoming> {
    let request = Request::post(house.url(CHAT_PATH)).header("content-type", "application/json");
    house.send(request.body(Full::from(STREAM)).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_by_the_config_it_began_with() {
    let (a, b) = (mock().await, mock().await);
    let slow =
        Behaviour { between_events: Duration::from_millis(20), words: Some(20), ..Behaviour::default() };
    a.set_behaviour(slow);
    let house = House::new(&config(&[&a.base_url()], "")).await;
    let stream = begun(&house).await;
    // The provider of the stream is gone, and so is its model's name.
    house.apply(&config(&[&b.base_url()], "").replace("fast:", "other:"));
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 404, "nothing new comes by the old one");
    let answer = house.post(CHAT_PATH, CHAT.replace("fast", "other")).await;
    assert_eq!((answer.status.as_u16(), b.counts().requests), (200, 1));
    let answer = read(stream).await;
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    assert_eq!(a.counts().complete, 1);
    assert_eq!(house.records(3).await.len(), 3, "the record of each is written");
}

#[tokio::test]
async fn what_cannot_be_had_changes_nothing() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "");
    let house = House::new(&yaml).await;
    let broken = yaml.replace("api_key:", "tls: { ca_file: /none/of/this.pem }, api_key:");
    let broken = lockgate_config::parse("test.yaml", &broken, &|_| None).unwrap();
    let error = house.serving.apply(&broken).unwrap_err();
    assert!(error.to_string().contains("/none/of/this.pem"), "{error}");
    assert_eq!(who(&house).await, "a/gpt-4o-mini#1");
}

#[tokio::test]
async fn a_rest_outlives_a_change_of_something_else_and_not_a_change_of_the_key() {
    let (a, b) = (mock().await, mock().await);
    a.cycle(vec![Some("500".parse().unwrap())]);
    let rest = "health: { error_threshold: 1 }\nstrategy: priority\n";
    let yaml = config(&[&a.base_url(), &b.base_url()], rest);
    let house = House::new(&yaml).await;
    who(&house).await;
    assert_eq!(state(&house, A).await, "open");

    let heavier = yaml.replace("[a/gpt-4o-mini", "[{ target: a/gpt-4o-mini, weight: 3 }");
    house.apply(&heavier);
    let known = admin(&house, Method::GET, A).await;
    assert_eq!((&known["state"], &known["requests"]), (&json!("open"), &json!(1)), "{known}");
    house.apply(&heavier.replace("error_threshold: 1", "error_threshold: 3"));
    assert_eq!(state(&house, A).await, "open");

    // At another address, or by another key, it is another one.
    let key = secret("another key");
    let of_b = heavier.find("  b:").unwrap();
    let (first, second) = heavier.split_at(of_b);
    let at = first.find("api_key: ").unwrap() + "api_key: ".len();
    let end = at + first[at..].find(' ').unwrap();
    house.apply(&format!("{}{key}{}{second}", &first[..at], &first[end..]));
    let known = admin(&house, Method::GET, A).await;
    assert_eq!((&known["state"], &known["requests"]), (&json!("closed"), &json!(0)), "{known}");
}

#[tokio::test]
async fn what_the_operator_took_out_stays_out() {
    let (a, b) = (mock().await, mock().await);
    let yaml = config(&[&a.base_url(), &b.base_url()], "strategy: priority\n");
    let house = House::new(&yaml).await;
    admin(&house, Method::POST, &format!("{A}/drain")).await;
    house.apply(&yaml.replace("drain: 5s", "drain: 6s"));
    assert_eq!(state(&house, A).await, "drained");
    // A new key or another way is no word of the operator's about it.
    house.apply(&yaml.replacen("api_key: ", "api_key: new-", 1));
    assert_eq!(state(&house, A).await, "drained");
    house.apply(&yaml.replacen("api_key: ", "proxy: direct, api_key: new-", 1));
    assert_eq!(state(&house, A).await, "drained");
    admin(&house, Method::DELETE, &format!("{A}/drain")).await;
    house.apply(&yaml);
    assert_eq!(state(&house, A).await, "closed");
}

#[tokio::test]
async fn a_credential_is_known_by_its_key_whatever_its_number() {
    let mock = mock().await;
    let yaml = |rows: &[&str]| with_credentials(&mock, rows, "retry: { attempts: 1 }\n");
    let house = House::new(&yaml(&["api_key: k1", "api_key: k2", "api_key: k3"])).await;
    let named = |number: u32| format!("deployments/p%2Fgpt-4o-mini%23{number}");
    admin(&house, Method::POST, &format!("{}/drain", named(2))).await;
    house.apply(&yaml(&["api_key: k2", "api_key: k3"]));
    assert_eq!(
        (state(&house, &named(1)).await, state(&house, &named(2)).await),
        (json!("drained"), json!("closed"))
    );
    house.apply(&yaml(&["api_key: k4", "name: two, api_key: k2"]));
    let two = "deployments/p%2Fgpt-4o-mini%23two";
    assert_eq!(
        (state(&house, &named(1)).await, state(&house, two).await),
        (json!("closed"), json!("drained"))
    );
}

#[tokio::test]
async fn names_that_only_clients_use_keep_what_is_known_of_them() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "health: { error_threshold: 1 }\nretry: { attempts: 1 }\n");
    let house = House::new(&yaml).await;
    mock.script(["500".parse().unwrap()]);
    let ask = || house.post(CHAT_PATH, CHAT.replace("fast", "a/gpt-4.1"));
    assert_eq!(ask().await.status, 502);
    // Nobody asks for it between the two.
    house.apply(&yaml.replace("drain: 5s", "drain: 6s"));
    house.apply(&yaml);
    assert_eq!(ask().await.status, 503);
    assert_eq!(mock.counts().requests, 1);
}

#[tokio::test]
async fn limits_that_the_operator_gave_count_on() {
    let mock = mock().await;
    let yaml = |limit: &str| with_credentials(&mock, &[&format!("api_key: k1, {limit}")], "");
    let house = House::new(&yaml("rpm: 2")).await;
    who(&house).await;
    who(&house).await;
    house.apply(&yaml("rpm: 2, weight: 5"));
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 429);
    house.apply(&yaml("rpm: 3"));
    who(&house).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 429);
}

#[tokio::test]
async fn a_place_is_taken_until_the_request_of_the_older_config_is_over() {
    let mock = mock().await;
    let slow =
        Behaviour { between_events: Duration::from_millis(30), words: Some(20), ..Behaviour::default() };
    mock.set_behaviour(slow);
    let yaml = |limit: &str| with_credentials(&mock, &[&format!("api_key: k1, {limit}")], "");
    let house = House::new(&yaml("max_concurrent: 1")).await;
    let stream = begun(&house).await;
    house.apply(&yaml("max_concurrent: 1, weight: 5"));
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 429);
    read(stream).await;
    who(&house).await;
}

#[tokio::test]
async fn connections_are_kept_as_long_as_their_way_is_the_same() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "");
    let house = House::new(&yaml).await;
    for number in 1..6 {
        who(&house).await;
        house.apply(&yaml.replace("drain: 5s", &format!("drain: {number}m")));
    }
    assert_eq!(mock.counts().connections, 1);
    house.apply(&yaml.replace("api_key:", "proxy: direct, api_key:"));
    who(&house).await;
    assert_eq!(mock.counts().connections, 2);
}

#[tokio::test]
async fn the_budget_of_retries_is_the_same_one() {
    let mock = mock().await;
    mock.cycle(vec![Some("500".parse().unwrap())]);
    let yaml = config(&[&mock.base_url()], "retry: { attempts: 2 }\n");
    let house = House::new(&yaml).await;
    house.post(CHAT_PATH, CHAT).await;
    let retries = |said: &Value| said["retries"]["fast"]["retries"].clone();
    assert_eq!(retries(&admin(&house, Method::GET, "gateway").await), 1);
    house.apply(&yaml.replace("drain: 5s", "drain: 6s"));
    assert_eq!(retries(&admin(&house, Method::GET, "gateway").await), 1);
}

#[tokio::test]
async fn a_conversation_that_a_provider_keeps_goes_on_there_while_its_key_is_there() {
    let (a, b) = (mock().await, mock().await);
    let yaml = config(&[&a.base_url(), &b.base_url()], "");
    let house = House::new(&yaml).await;
    let create = async |previous: Option<&str>| -> Answer {
        let body = json!({ "model": "fast", "input": "x", "previous_response_id": previous });
        house.post("/v1/responses", body.to_string()).await
    };
    let first = create(None).await;
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let there = first.header("x-lockgate-deployment").to_owned();
    for number in 1..4 {
        house.apply(&yaml.replace("drain: 5s", &format!("drain: {number}m")));
        let next = create(Some(&id)).await;
        assert_eq!(
            (next.status.as_u16(), next.header("x-lockgate-deployment")),
            (200, &*there),
            "{}",
            next.text
        );
        // The mock keeps nothing, but it is asked.
        let before = a.counts().requests + b.counts().requests;
        assert_eq!(house.get(&format!("/v1/responses/{id}")).await.status, 404);
        assert_eq!(a.counts().requests + b.counts().requests, before + 1);
    }
    // A key that was taken out of the config is used for nothing any more.
    house.apply(&yaml.replace("api_key: ", "api_key: new-"));
    let requests = || a.counts().requests + b.counts().requests;
    let before = requests();
    assert!(create(Some(&id)).await.status.is_client_error());
    assert!(house.get(&format!("/v1/responses/{id}")).await.status.is_client_error());
    assert_eq!(requests(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_stays_is_not_touched() {
    let mock = mock().await;
    let yaml = config(&[&mock.base_url()], "");
    let house = House::new(&yaml).await;
    let mut client = TcpStream::connect(house.serving.address).await.unwrap();
    for number in 1..4 {
        house.apply(&yaml.replace("drain: 5s", &format!("drain: {number}m")));
        client.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut begin = [0; 15];
        client.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200 OK");
        let mut rest = [0; 4096];
        let _ = client.read(&mut rest).await.unwrap();
        // Another client comes in by the same door.
        TcpStream::connect(house.serving.address).await.unwrap();
    }
}

#[tokio::test]
async fn who_is_let_in_changes_with_the_config() {
    let mock = mock().await;
    let (old, new) = (secret("old client key"), secret("new client key"));
    let yaml = |key: &str| {
        config(&[&mock.base_url()], &format!("access: {{ keys: [{{ name: a, key: {key} }}] }}\n"))
    };
    let house = House::new(&yaml(&old)).await;
    let ask = async |key: &str| {
        let request = Request::post(house.url(CHAT_PATH))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"));
        read(house.send(request.body(Full::from(CHAT)).unwrap()).await).await.status.as_u16()
    };
    assert_eq!((ask(&old).await, ask(&new).await), (200, 401));
    house.apply(&yaml(&new));
    assert_eq!((ask(&old).await, ask(&new).await), (401, 200), "on the same connections, too");
}
