//! The admin API over the real thing: what it shows of deployments, what it changes about them, and for whom.

use std::time::Duration;

use http::{Method, Request};
use http_body_util::Full;
use lockgate_mock::{Behaviour, Fault, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{
    Answer, CHAT, CHAT_PATH, House, STREAM, UPSTREAM_KEY, config, eventually, loopback, mock, read, secret,
};

/// The name of the only deployment of [`config`] with one upstream, as it stands in a path.
const A: &str = "a%2Fgpt-4o-mini%231";
/// The second one.
const B: &str = "b%2Fgpt-4o-mini%231";

/// Asks the admin API, whose answers are JSON whatever they say.
async fn admin(house: &House, method: Method, path: &str, body: &str) -> (u16, Value) {
    let answer = house.ask(method, &format!("/admin/v1/{path}"), "application/json", body.to_owned()).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.header("x-request-id").starts_with("req_"));
    (answer.status.as_u16(), answer.json())
}

async fn get(house: &House, path: &str) -> Value {
    let (status, said) = admin(house, Method::GET, path, "").await;
    assert_eq!(status, 200, "{said}");
    said
}

async fn post(house: &House, path: &str, body: &str) -> Value {
    let (status, said) = admin(house, Method::POST, path, body).await;
    assert_eq!(status, 200, "{said}");
    said
}

async fn ask_with(house: &House, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(house.url(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(house.send(request.body(Full::default()).unwrap()).await).await
}

#[tokio::test]
async fn faults_open_a_breaker_that_the_operator_sees_and_resets() {
    let mock = mock().await;
    mock.cycle(vec![Some("500".parse().unwrap())]);
    let house =
        House::new(&config(&[&mock.base_url()], "health: { error_threshold: 3 }\nretry: { attempts: 1 }\n"))
            .await;
    let fresh = get(&house, &format!("deployments/{A}")).await;
    assert_eq!((&fresh["state"], &fresh["reason"]), (&json!("closed"), &Value::Null));
    assert_eq!(fresh["serves"], json!([{ "model": "fast", "list": "targets", "tier": 0 }]));
    assert_eq!((&fresh["provider"], &fresh["credential"]), (&json!("a"), &json!("1")));

    for _ in 0..3 {
        assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 502);
    }
    let all = get(&house, "deployments").await;
    let [row] = all["deployments"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!(row["name"], "a/gpt-4o-mini#1");
    assert_eq!((&row["state"], &row["reason"]), (&json!("open"), &json!("open")));
    assert_eq!(row["faults"], json!({ "upstream_failed": 3 }));
    assert_eq!((&row["requests"], &row["answered"], &row["opened"]), (&json!(3), &json!(0), &json!(1)));
    assert!(row["until_ms"].as_u64().is_some_and(|until| until > 0 && until <= 400_000), "{row}");
    assert!(row["until"].as_str().is_some_and(|until| until.ends_with('Z')), "{row}");
    let plan = get(&house, "explain?model=fast").await;
    let place = &plan["deployments"][0];
    assert_eq!((&place["order"], &place["state"]), (&Value::Null, &json!("open")), "{plan}");

    mock.cycle(vec![]);
    let after = post(&house, &format!("deployments/{A}/reset"), "").await;
    assert_eq!((&after["state"], &after["until_ms"]), (&json!("closed"), &Value::Null));
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    let after = get(&house, &format!("deployments/{A}")).await;
    assert_eq!((&after["answered"], &after["consecutive"]), (&json!(1), &json!(0)), "{after}");
    assert!(after["first_token_ms"].as_f64().is_some_and(|mean| mean > 0.0), "{after}");
    assert_eq!(house.records(4).await.len(), 4, "what operators ask is no call of a client");
}

#[tokio::test]
async fn a_drained_deployment_is_asked_no_more_and_finishes_what_it_has() {
    let slow =
        Behaviour { between_events: Duration::from_millis(40), words: Some(20), ..Behaviour::default() };
    let settings = Settings { behaviour: slow, keep_bodies: true, ..Settings::default() };
    let a = lockgate_mock::start(loopback(), settings).await.unwrap();
    let b = mock().await;
    let house = House::new(&config(&[&a.base_url(), &b.base_url()], "strategy: fill_first\n")).await;
    let running = house.post(CHAT_PATH, STREAM);
    let draining = async {
        eventually(|| (a.counts().in_flight == 1).then_some(())).await;
        let under_way = eventually_shown(&house, "in_flight", &json!(1)).await;
        assert_eq!(under_way["state"], "closed");
        assert_eq!(get(&house, "gateway").await["calls"], 1);
        let drained = post(&house, &format!("deployments/{A}/drain"), "").await;
        assert_eq!((&drained["state"], &drained["in_flight"]), (&json!("drained"), &json!(1)));
        for _ in 0..3 {
            let answer = house.post(CHAT_PATH, CHAT).await;
            assert_eq!(answer.header("x-lockgate-deployment"), "b/gpt-4o-mini#1");
        }
    };
    let (answer, ()) = tokio::join!(running, draining);
    assert_eq!(answer.header("x-lockgate-deployment"), "a/gpt-4o-mini#1");
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    assert_eq!(a.counts().requests, 1);

    for (method, body) in [(Method::DELETE, ""), (Method::POST, r#"{"on":false}"#)] {
        post(&house, &format!("deployments/{A}/drain"), r#"{"on":true}"#).await;
        // Only who took it out puts it in again.
        assert_eq!(post(&house, &format!("deployments/{A}/reset"), "").await["state"], "drained");
        let (status, back) = admin(&house, method, &format!("deployments/{A}/drain"), body).await;
        assert_eq!((status, &back["state"]), (200, &json!("closed")));
    }
    assert_eq!(house.post(CHAT_PATH, CHAT).await.header("x-lockgate-deployment"), "a/gpt-4o-mini#1");
    post(&house, &format!("deployments/{A}/drain"), "").await;
    post(&house, &format!("deployments/{B}/drain"), "").await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 503);
}

/// The first deployment, once its `member` is `value`.
async fn eventually_shown(house: &House, member: &str, value: &Value) -> Value {
    for _ in 0..500 {
        let row = get(house, &format!("deployments/{A}")).await;
        if row[member] == *value {
            return row;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{member} did not become {value} within five seconds");
}

#[tokio::test]
async fn a_test_asks_once_and_tells_what_came() {
    let mock = mock().await;
    let house =
        House::new(&config(&[&mock.base_url()], "health: { check_model: gpt-4o, interval: 1h }\n")).await;
    let path = format!("deployments/{A}/test");
    for (body, method, model, asked) in [
        ("", "models", Value::Null, "/v1/models"),
        (r#"{"method":"models"}"#, "models", Value::Null, "/v1/models"),
        (r#"{"method":"call"}"#, "call", json!("gpt-4o"), "/v1/chat/completions"),
    ] {
        let said = post(&house, &path, body).await;
        assert_eq!(
            (&said["ok"], &said["method"], &said["model"]),
            (&json!(true), &json!(method), &model),
            "{said}"
        );
        assert!(said["took_ms"].as_f64().is_some_and(|took| took > 0.0), "{said}");
        assert_eq!((&said["fault"], &said["state"]), (&Value::Null, &json!("closed")));
        assert_eq!(mock.ledger().last().unwrap().path, asked);
    }
    let call = mock.ledger().pop().unwrap();
    assert_eq!((call.model.as_deref(), call.key.as_deref()), (Some("gpt-4o"), Some(UPSTREAM_KEY.as_str())));
    assert_eq!(call.usage.map(|usage| usage.output), Some(1), "one token");
    assert_eq!(mock.counts().requests, 3);

    mock.script(["500", "503"].map(|fault| fault.parse::<Fault>().unwrap()));
    let said = post(&house, &path, r#"{"method":"call"}"#).await;
    assert_eq!((&said["ok"], &said["fault"]["kind"]), (&json!(false), &json!("upstream_failed")));
    let said = post(&house, &path, "").await;
    assert_eq!((&said["ok"], &said["fault"]["kind"]), (&json!(false), &json!("upstream_overloaded")));
    assert_eq!(said["consecutive"], 2, "what a test finds is learned: {said}");
    assert!(house.journal.all().is_empty(), "no call of a client");

    for (body, words) in [
        (r#"{"method":"ping"}"#, "unknown variant `ping`"),
        (r#"{"how":"call"}"#, "unknown field `how`"),
        ("models", "the body is not what this takes"),
    ] {
        let (status, said) = admin(&house, Method::POST, &path, body).await;
        assert_eq!((status, &said["error"]["code"]), (400, &json!("bad_request")));
        assert!(said["error"]["message"].as_str().unwrap().contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_refused_key_is_told_of_and_not_shown() {
    let mock = mock().await;
    let key = secret("refused key");
    let key = format!("bad{key}");
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ a: {{ kind: openai, base_url: \"{}\", api_key: {key} }} }}\n\
         models: {{ fast: {{ targets: [a/gpt-4o-mini] }} }}\n",
        mock.base_url()
    );
    let house = House::new(&yaml).await;
    for method in ["models", "call"] {
        let said =
            post(&house, &format!("deployments/{A}/test"), &format!(r#"{{"method":"{method}"}}"#)).await;
        assert_eq!(
            (&said["ok"], &said["fault"]["kind"]),
            (&json!(false), &json!("upstream_key_refused")),
            "{said}"
        );
        assert_eq!((&said["state"], &said["reason"]), (&json!("cooling"), &json!("upstream_key_refused")));
        let text = said.to_string();
        assert!(
            key.as_bytes().windows(8).all(|part| !text.contains(std::str::from_utf8(part).unwrap())),
            "{text}"
        );
    }
    assert!(get(&house, "deployments").await.to_string().len() > 100);
}

#[tokio::test]
async fn the_plan_is_explained() {
    let (a, b, c) = (mock().await, mock().await, mock().await);
    let rest = "  spread:
    targets: [{ target: a/gpt-4o-mini, weight: 3 }, b/gpt-4o-mini]
    fallback: [c/gpt-4o]
    on_context_length: [c/gpt-4o-long]
    retry: { attempts: 2, timeout: 90s }
    health: { interval: 1h }
access: { admin_key: admin-key-0123456789, keys: [{ name: alice, key: client-key-0123456789, models: [fast] }] }
";
    let house = House::new(&config(&[&a.base_url(), &b.base_url(), &c.base_url()], rest)).await;
    let explain = async |query: &str| {
        let answer = ask_with(
            &house,
            Method::GET,
            &format!("/admin/v1/explain?{query}"),
            &[("x-admin-key", "admin-key-0123456789")],
        )
        .await;
        (answer.status.as_u16(), answer.json())
    };
    let (status, said) = explain("model=spread&key=alice").await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(
        (&said["model"], &said["live"], &said["strategy"]),
        (&json!("spread"), &json!(true), &json!("round_robin"))
    );
    assert_eq!(said["key"], json!({ "name": "alice", "may_use": false }));
    assert_eq!((&said["limits"]["attempts"], &said["limits"]["timeout_ms"]), (&json!(2), &json!(90_000)));
    assert_eq!(
        (&said["limits"]["check_every_ms"], &said["limits"]["check_method"]),
        (&json!(3_600_000), &json!("models"))
    );
    let rows: Vec<_> = said["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let list = row["list"].as_str().unwrap();
            (
                row["order"].as_u64(),
                row["name"].as_str().unwrap(),
                list,
                row["tier"].as_u64().unwrap(),
                row["share"].as_f64(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (Some(1), "a/gpt-4o-mini#1", "targets", 0, Some(0.75)),
            (Some(2), "b/gpt-4o-mini#1", "targets", 0, Some(0.25)),
            (Some(3), "c/gpt-4o#1", "targets", 1, Some(1.0)),
            (Some(1), "c/gpt-4o-long#1", "on_context_length", 0, Some(1.0)),
        ]
    );
    assert_eq!(explain("model=fast&key=alice").await.1["key"]["may_use"], true);
    for (query, status, code, words) in [
        ("model=spraed", 404, "model_not_found", "did you mean `spread`"),
        ("model=fast&key=bob", 404, "unknown_key", "`bob`"),
        ("", 400, "bad_request", "`model` is missing"),
        ("key=alice", 400, "bad_request", "`model` is missing"),
    ] {
        let (got, said) = explain(query).await;
        assert_eq!((got, said["error"]["code"].as_str().unwrap()), (status, code), "{said}");
        assert!(said["error"]["message"].as_str().unwrap().contains(words), "{said}");
    }
    // Whoever rests comes behind those that may be asked, with the reason.
    let drain = "/admin/v1/deployments/a%2Fgpt-4o-mini%231/drain";
    ask_with(&house, Method::POST, drain, &[("x-admin-key", "admin-key-0123456789")]).await;
    let (_, said) = explain("model=spread").await;
    let rows = &said["deployments"];
    assert_eq!((&rows[0]["name"], &rows[0]["share"]), (&json!("b/gpt-4o-mini#1"), &json!(1.0)));
    assert_eq!((&rows[1]["order"], &rows[1]["reason"]), (&Value::Null, &json!("drained")));
    assert_eq!(
        a.counts().requests + b.counts().requests + c.counts().requests,
        0,
        "a question costs nothing"
    );
}

#[tokio::test]
async fn what_only_clients_name_is_there_too_and_known_by_one_health() {
    let mock = mock().await;
    let yaml = format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders: {{ a: {{ kind: openai, base_url: \"{}\", api_key: {} }} }}\n",
        mock.base_url(),
        &*UPSTREAM_KEY
    );
    let house = House::new(&yaml).await;
    assert_eq!(get(&house, "deployments").await, json!({ "deployments": [] }));
    for name in ["a/gpt-4o-mini", "gpt-4o-mini"] {
        assert_eq!(house.post(CHAT_PATH, CHAT.replace("fast", name)).await.status, 200);
    }
    let row = get(&house, &format!("deployments/{A}")).await;
    let models: Vec<_> = row["serves"].as_array().unwrap().iter().map(|row| &row["model"]).collect();
    assert_eq!(models, ["a/gpt-4o-mini", "gpt-4o-mini"]);
    assert_eq!(row["requests"], 2, "one deployment, whatever name it was asked by: {row}");
    post(&house, &format!("deployments/{A}/drain"), "").await;
    for name in ["a/gpt-4o-mini", "gpt-4o-mini"] {
        assert_eq!(house.post(CHAT_PATH, CHAT.replace("fast", name)).await.status, 503);
    }
}

#[tokio::test]
async fn what_runs_is_counted_and_nothing_is_left_of_it() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    for _ in 0..5 {
        assert_eq!(house.post(CHAT_PATH, STREAM).await.status, 200);
    }
    let said = get(&house, "gateway").await;
    assert_eq!(
        (&said["calls"], &said["attempts"], &said["draining"]),
        (&json!(0), &json!(0), &json!(false)),
        "{said}"
    );
    let retries = &said["retries"]["fast"];
    assert_eq!(
        (&retries["requests"], &retries["retries"], &retries["refused"]),
        (&json!(5), &json!(0), &json!(0))
    );
    assert!(retries["left"].as_u64().unwrap() > 0);
    let connections = said["connections"].as_u64().unwrap();
    assert!((1..=5).contains(&connections), "{said}");
    assert!(said["tasks"].as_u64().unwrap() > connections, "{said}");
    assert_eq!(said["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn only_the_admin_key_opens() {
    let mock = mock().await;
    let (admin_key, client_key) = (secret("admin key"), secret("client key"));
    let access = format!("access: {{ admin_key: {admin_key}, keys: [{{ name: a, key: {client_key} }}] }}\n");
    let house = House::new(&config(&[&mock.base_url()], &access)).await;
    let (bearer, client) = (format!("Bearer {admin_key}"), format!("Bearer {client_key}"));
    let paths = ["deployments", "gateway", "explain?model=fast", "nothing", "deployments/x/reset", ""];
    for (place, path) in paths.into_iter().enumerate() {
        let path = format!("/admin/v1/{path}");
        let mut refusals = Vec::new();
        // Four wrong keys are borne with; one that is none or a client's is no guess.
        let wrong = if place < 4 { "wrong" } else { "" };
        for headers in [
            vec![],
            vec![("authorization", client.as_str())],
            vec![("x-admin-key", client_key.as_str())],
            vec![("x-api-key", admin_key.as_str())],
            vec![("x-admin-key", wrong), ("authorization", bearer.as_str())],
        ] {
            let answer = ask_with(&house, Method::GET, &path, &headers).await;
            assert_eq!(answer.status, 401, "{path} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            refusals.push(answer.text);
        }
        assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]), "the same whatever was wrong");
        for headers in [[("authorization", bearer.as_str())], [("x-admin-key", admin_key.as_str())]] {
            let answer = ask_with(&house, Method::GET, &path, &headers).await;
            assert!(!matches!(answer.status.as_u16(), 401 | 403), "{path}: {}", answer.text);
        }
    }
    // The admin key is no client's key.
    let answer = ask_with(&house, Method::GET, "/v1/models", &[("authorization", &bearer)]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test]
async fn without_an_admin_key_there_is_no_admin_api() {
    let mock = mock().await;
    for access in ["{ keys: [{ name: a, key: client-key-0123456789 }] }", "{ open: true }", "{}"] {
        let house = House::new(&config(&[&mock.base_url()], &format!("access: {access}\n"))).await;
        for headers in
            [vec![], vec![("authorization", "Bearer client-key-0123456789")], vec![("x-admin-key", "")]]
        {
            for path in ["deployments", "nothing", ""] {
                let answer = ask_with(&house, Method::GET, &format!("/admin/v1/{path}"), &headers).await;
                assert_eq!(answer.status, 404, "{access} {headers:?}");
                assert!(answer.text.contains("set `access.admin_key`"), "{}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_told_apart() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    let (status, said) = admin(&house, Method::GET, "nothing", "").await;
    assert_eq!((status, &said["error"]["code"]), (404, &json!("unknown_path")));
    let paths = said["error"]["paths"].as_array().unwrap();
    assert!(paths.contains(&json!("POST /admin/v1/deployments/{name}/reset")), "{said}");
    let answer = house.ask(Method::PUT, "/admin/v1/deployments", "application/json", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET"));
    let (status, said) = admin(&house, Method::POST, "deployments/a%2Fnone%231/reset", "").await;
    assert_eq!((status, &said["error"]["code"]), (404, &json!("unknown_deployment")));
    let (status, said) =
        admin(&house, Method::POST, &format!("deployments/{A}/drain"), &"x".repeat(2 << 20)).await;
    assert_eq!((status, &said["error"]["code"]), (413, &json!("body_too_large")));
    for (query, words) in [
        ("modle=fast", "no parameter `modle`: did you mean `model`?"),
        ("model=fast&model=fast", "`model` is there twice"),
        ("model=%ff", "is not text"),
    ] {
        let (status, said) = admin(&house, Method::GET, &format!("explain?{query}"), "").await;
        assert_eq!((status, &said["error"]["code"]), (400, &json!("bad_request")));
        assert!(said["error"]["message"].as_str().unwrap().contains(words), "{said}");
    }
}

#[tokio::test]
async fn programs_on_this_machine_need_no_key_where_the_config_says_so() {
    let mock = mock().await;
    let listen = "[127.0.0.1:0, { address: \"127.0.0.1:0\", proxy_protocol: true }]";
    let text = config(&[&mock.base_url()], "access: { admin: loopback }\n");
    let house = House::new(&text.replace("\"127.0.0.1:0\"", listen)).await;
    let path = "/admin/v1/gateway";
    for (headers, expect) in [
        (vec![], 200),
        (vec![("host", "evil.test")], 403),
        (vec![("origin", "https://evil.test")], 403),
        (vec![("x-forwarded-for", "9.9.9.9")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
    ] {
        let answer = ask_with(&house, Method::GET, path, &headers).await;
        assert_eq!(answer.status, expect, "{headers:?}: {}", answer.text);
    }
    // A balancer on this machine says who asks.
    let balanced = house.serving.places()[1].address.ip().unwrap();
    for (line, expect) in [
        ("PROXY TCP4 127.0.0.1 127.0.0.1 1 2", "200"),
        ("PROXY TCP4 9.9.9.9 127.0.0.1 1 2", "404"),
        ("PROXY UNKNOWN", "404"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(balanced).await.unwrap();
        let request =
            format!("{line}\r\nGET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {expect} ")), "{line}: {answer}");
    }
}
