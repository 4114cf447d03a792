//! What operators see of calls: the list, one call, calls as they end, the last minute, and what was used.

use std::{fmt::Write as _, path::Path, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::house::{ADMIN_KEY, Answer, CHAT, CHAT_PATH, House, STREAM, config, mock, read, secret};

/// A gateway with two client keys over one upstream that costs something, with a journal if there is a folder.
struct Seen {
    house: House,
    mock: lockgate_mock::Mock,
    alice: String,
    bob: String,
}

impl Seen {
    async fn new(folder: Option<&Path>) -> Self {
        let mock = mock().await;
        let (alice, bob) = (secret("alice"), secret("bob"));
        let mut text = config(&[&mock.base_url()], "");
        write!(
            text,
            "access:\n  admin_key: {}\n  keys:\n    - {{ name: alice, key: {alice}, tags: {{ team: search }} }}\n    \
             - {{ name: bob, key: {bob}, tags: {{ env: test, team: sales }} }}\n",
            *ADMIN_KEY
        )
        .unwrap();
        let house = match folder {
            Some(folder) => House::kept(&format!("{text}data_dir: {}\n", folder.display())).await,
            None => House::new(&text).await,
        };
        Self { house, mock, alice, bob }
    }

    async fn chat(&self, key: &str, body: &'static str) -> Answer {
        let request = Request::post(self.house.url(CHAT_PATH))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {key}"));
        read(self.house.send(request.body(Full::new(Bytes::from(body))).unwrap()).await).await
    }

    /// Two calls of alice's, one of bob's that fails, and returns their ids.
    async fn three_calls(&self) -> [String; 3] {
        let first = self.chat(&self.alice, CHAT).await;
        let second = self.chat(&self.alice, STREAM).await;
        self.mock.cycle(vec![Some("400".parse().unwrap())]);
        let third = self.chat(&self.bob, CHAT).await;
        self.mock.cycle(vec![]);
        assert_eq!((first.status.as_u16(), second.status.as_u16(), third.status.as_u16()), (200, 200, 400));
        [first, second, third].map(|answer| answer.header("x-request-id").to_owned())
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.house.ask(Method::GET, &format!("/admin/v1/{path}"), "", "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    }

    async fn refused(&self, path: &str) -> (u16, String, String) {
        let answer = self.house.ask(Method::GET, &format!("/admin/v1/{path}"), "", "").await;
        let said = answer.json();
        let text = |member: &str| said["error"][member].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), text("code"), text("message"))
    }

    /// Listens to calls.
    async fn listen(&self, query: &str, last: Option<&str>) -> Listening {
        let request = Request::get(self.house.url(&format!("/admin/v1/requests/live{query}")));
        let request = request.header("x-admin-key", &*ADMIN_KEY);
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        let answer = self.house.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"text/event-stream".parse().unwrap())
        );
        Listening { answer, text: String::new() }
    }
}

struct Listening {
    answer: Response<Incoming>,
    text: String,
}

impl Listening {
    /// The next event: its name, id and data.
    async fn event(&mut self) -> Option<(String, Option<String>, Value)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
                };
                if let Some(name) = field("event") {
                    return Some((name, field("id"), serde_json::from_str(&field("data")?).unwrap()));
                }
            }
            let frame = tokio::time::timeout(Duration::from_secs(30), self.answer.body_mut().frame()).await;
            let bytes = frame.unwrap()?.unwrap().into_data().unwrap_or_default();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The id of the next call.
    async fn call(&mut self) -> String {
        let (name, id, data) = self.event().await.unwrap();
        assert_eq!((name.as_str(), &data["id"]), ("call", &json!(id.clone().unwrap())));
        id.unwrap()
    }
}

fn ids(said: &Value) -> Vec<&str> {
    said["requests"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap()).collect()
}

/// The list of calls and each of them, wherever they are kept.
async fn check_the_list(seen: &Seen, source: &str) {
    let [first, second, third] = seen.three_calls().await;
    let all = seen.get("requests").await;
    assert_eq!((&all["source"], ids(&all)), (&json!(source), vec![&*third, &second, &first]));
    let failed = &all["requests"][0];
    assert_eq!(
        (&failed["key"], &failed["model"], &failed["status"], &failed["ended"]),
        (&json!("bob"), &json!("fast"), &json!(400), &json!("refused")),
        "{failed}"
    );
    assert!(failed["error"].as_str().is_some_and(|text| !text.is_empty()), "{failed}");
    let whole = &all["requests"][2];
    assert_eq!(
        (&whole["ended"], &whole["error"], &whole["stream"]),
        (&json!("answered"), &Value::Null, &json!(false))
    );
    assert_eq!(whole["tags"], json!(["team:search"]));
    assert!(whole["tokens"]["output"].as_u64().unwrap() > 0 && whole["took_ms"].as_f64().unwrap() > 0.0);
    for (query, expect) in [
        ("key=alice", vec![&*second, &first]),
        ("model=fast&status=4xx", vec![&*third]),
        ("status=200", vec![&*second, &first]),
        ("ended=refused&tag=team:sales", vec![&*third]),
        ("text=completions%20alice", vec![&*second, &first]),
        (&format!("text={first}"), vec![&*first]),
        ("key=nobody", vec![]),
        ("from=1h", vec![&*third, &second, &first]),
        ("to=1h", vec![]),
    ] {
        assert_eq!(ids(&seen.get(&format!("requests?{query}")).await), expect, "{query}");
    }
    // Page by page, each once.
    let (mut found, mut before) = (Vec::new(), String::new());
    for _ in 0..4 {
        let page = seen.get(&format!("requests?limit=2{before}")).await;
        found.extend(ids(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(found, [&*third, &second, &first]);

    let one = seen.get(&format!("requests/{third}")).await;
    assert_eq!((&one["id"], &one["status"], &one["attempts"]), (&json!(third), &json!(400), &json!(1)));
    assert_eq!(one["tries"][0]["deployment"], "a/gpt-4o-mini#1");
    assert!(one["tries"][0]["fault"].is_string() && one["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(seen.refused("requests/req_none").await.1, "unknown_request");
    for (query, words) in [
        ("status=teapot", "`4xx`"),
        ("ended=answred", "did you mean `answered`?"),
        ("limit=0", "from 1 to 1000"),
        ("modell=fast", "did you mean `model`?"),
    ] {
        let (status, _, message) = seen.refused(&format!("requests?{query}")).await;
        assert!(status == 400 && message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn calls_are_listed_from_the_journal() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::new(Some(folder.path())).await;
    check_the_list(&seen, "journal").await;
    assert!(seen.refused("requests?before=x").await.2.contains("`before` is what a page has"));
}

#[tokio::test]
async fn without_a_journal_the_last_calls_are_listed() {
    let seen = Seen::new(None).await;
    check_the_list(&seen, "memory").await;
    let (status, code, message) = seen.refused("usage").await;
    assert_eq!((status, code.as_str()), (404, "no_journal"));
    assert!(message.contains("`log.journal`"), "{message}");
}

#[tokio::test]
async fn usage_is_told_by_any_of_its_dimensions() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::new(Some(folder.path())).await;
    let calls = seen.three_calls().await;
    let rows = |said: &Value| -> Vec<(String, u64, u64)> {
        let rows = said["rows"].as_array().unwrap().iter();
        let text = |row: &Value| {
            row["of"]
                .as_object()
                .unwrap()
                .values()
                .map(|name| name.as_str().unwrap())
                .collect::<Vec<_>>()
                .join("/")
        };
        rows.map(|row| (text(row), row["calls"].as_u64().unwrap(), row["errors"].as_u64().unwrap())).collect()
    };
    let row = |of: &str, calls: u64, errors: u64| (of.to_owned(), calls, errors);
    for (query, expect) in [
        ("", vec![row("", 3, 1)]),
        ("by=key", vec![row("alice", 2, 0), row("bob", 1, 1)]),
        ("by=tag:team", vec![row("sales", 1, 1), row("search", 2, 0)]),
        ("by=tag:env,key", vec![row("alice/", 2, 0), row("bob/test", 1, 1)]),
        ("by=key&model=none", vec![]),
        ("by=model&key=alice", vec![row("fast", 2, 0)]),
        ("by=key&tag=env:test&step=minute", vec![row("bob", 1, 1)]),
        ("from=1h&to=30m", vec![]),
    ] {
        let said = seen.get(&format!("usage?{query}")).await;
        let mut found = rows(&said);
        // Between two calls a minute may begin.
        found.sort();
        assert_eq!(found, expect, "{query}: {said}");
    }
    let tokens = |call: &Value| call["tokens"]["output"].as_u64().unwrap_or(0);
    let mut output = 0;
    for id in &calls {
        output += tokens(&seen.get(&format!("requests/{id}")).await);
    }
    let said = seen.get("usage?step=day&by=deployment&limit=1").await;
    assert_eq!((&said["total"]["output"], &said["step"]), (&json!(output), &json!("day")));
    assert!(said["rows"][0]["at"].as_str().unwrap().ends_with("T00:00:00.000Z"), "{said}");
    let (_, _, message) = seen.refused("usage?by=kay").await;
    assert!(message.contains("did you mean `key`?"), "{message}");
}

#[tokio::test]
async fn calls_are_told_of_as_they_end_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    for folder in [Some(folder.path()), None] {
        let seen = Seen::new(folder).await;
        let before = seen.chat(&seen.alice, CHAT).await;
        let mut all = seen.listen("", None).await;
        let mut of_bob = seen.listen("?key=bob&status=4xx", None).await;
        let [first, second, third] = seen.three_calls().await;
        for id in [&first, &second, &third] {
            assert_eq!(all.call().await, **id);
        }
        assert_eq!(of_bob.call().await, third);

        // Who was away gets what it missed first, and then what comes, each once.
        let mut again = seen.listen("", Some(&first)).await;
        assert_eq!([again.call().await, again.call().await], [second.clone(), third.clone()]);
        let next = seen.chat(&seen.alice, CHAT).await;
        assert_eq!(again.call().await, next.header("x-request-id"));
        let mut of_alice = seen.listen("?key=alice", Some(before.header("x-request-id"))).await;
        assert_eq!([of_alice.call().await, of_alice.call().await], [first, second]);
        let mut lost = seen.listen("?key=nobody", Some("req_none")).await;
        assert_eq!(lost.event().await.unwrap(), ("missed".to_owned(), None, json!({ "count": null })));

        // A gateway that drains does not wait for those who listen.
        let stopped = tokio::time::timeout(Duration::from_secs(20), seen.house.serving.stop());
        let (stopped, told) = tokio::join!(stopped, async {
            let told = all.event().await.map(|(name, ..)| name);
            (told, all.event().await.map(|(name, ..)| name), all.event().await.is_none())
        });
        assert!(stopped.unwrap());
        assert_eq!(told, (Some("call".to_owned()), Some("end".to_owned()), true));
    }
}

#[tokio::test]
async fn only_so_many_listen_at_once() {
    let seen = Seen::new(None).await;
    let mut listening = Vec::new();
    for _ in 0..32 {
        listening.push(seen.listen("", None).await);
    }
    assert_eq!(seen.refused("requests/live").await.1, "too_many_listeners");
    drop(listening.split_off(1));
    // Places are given back when the gateway sees that the clients are gone.
    for _ in 0..500 {
        let request =
            Request::get(seen.house.url("/admin/v1/requests/live")).header("x-admin-key", &*ADMIN_KEY);
        let answer = seen.house.send(request.body(Full::default()).unwrap()).await;
        if answer.status() == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("places were not given back within five seconds");
}

#[tokio::test]
async fn the_last_minute_is_in_figures() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::new(Some(folder.path())).await;
    let [.., third] = seen.three_calls().await;
    let stats = seen.get("stats").await;
    assert_eq!((&stats["all"]["requests"], &stats["all"]["errors"]), (&json!(3), &json!(1)), "{stats}");
    assert!(
        stats["all"]["took_ms"]["p50"].as_f64().unwrap() <= stats["all"]["took_ms"]["p99"].as_f64().unwrap()
    );
    assert!(stats["all"]["output_per_second"].as_f64().unwrap() > 0.0);
    let seconds = stats["seconds"].as_u64().unwrap();
    assert!((1..=60).contains(&seconds) && stats["each"].as_array().unwrap().len() as u64 == seconds);
    let deployment = &stats["deployments"][0];
    assert_eq!(
        (&deployment["name"], &deployment["requests"], &deployment["condition"]["state"]),
        (&json!("a/gpt-4o-mini#1"), &json!(3), &json!("closed"))
    );
    assert_eq!(stats["errors"][0]["id"], json!(third));

    let health = seen.get("health").await;
    assert_eq!((&health["status"], &health["warnings"]), (&json!("ok"), &json!([])), "{health}");
    assert_eq!(health["deployments"], json!({ "closed": 1 }));
    assert!(health["journal"]["bytes"].as_u64().unwrap() > 0 && health["journal"]["error"].is_null());
    assert_eq!(health["projections"][0]["name"], "ledger");
}

#[tokio::test]
async fn short_forms_say_the_same_and_need_the_same_key() {
    let seen = Seen::new(None).await;
    seen.three_calls().await;
    let get = async |path: &str| seen.house.ask(Method::GET, path, "", "").await;
    let models = get("/admin/models").await.json();
    assert_eq!(models["models"][0]["name"], "fast");
    assert_eq!(
        models["models"][0]["deployments"],
        json!([{ "name": "a/gpt-4o-mini#1", "list": "targets", "tier": 0, "state": "closed" }])
    );
    let providers = get("/api/providers").await.json();
    let provider = &providers["providers"][0];
    assert_eq!(
        (&provider["name"], &provider["healthy"], &provider["requests"]),
        (&json!("a"), &json!(true), &json!(3)),
        "{provider}"
    );
    let system = get("/api/system-info").await.json();
    assert_eq!((&system["name"], &system["models"]), (&json!("lockgate"), &json!(1)), "{system}");
    let metrics = get("/admin/metrics").await;
    assert!(
        metrics.header("content-type").starts_with("text/plain") && metrics.text.contains("# TYPE "),
        "{}",
        metrics.text
    );
    for path in [
        "/admin/models",
        "/admin/config",
        "/admin/metrics",
        "/api/providers",
        "/api/config",
        "/api/system-info",
    ] {
        let request =
            Request::get(seen.house.url(path)).header("authorization", format!("Bearer {}", seen.alice));
        let answer = read(seen.house.send(request.body(Full::default()).unwrap()).await).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (401, "no-store"), "{path}");
    }
}
