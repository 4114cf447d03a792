//! `/metrics`: what is counted, who may read it, and that nobody can make it grow.

use std::collections::BTreeMap;

use http::{Method, Request, StatusCode};
use http_body_util::Full;
use lockgate_mock::Behaviour;

use crate::house::{
    ADMIN_KEY, Answer, CHAT, CHAT_PATH, House, STREAM, config, lenient, mock, provider, read, secret,
};

/// Every series by its name and labels as they are written.
type Series = BTreeMap<String, f64>;

fn series(text: &str) -> Series {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    });
    parsed.collect()
}

async fn metrics(house: &House) -> Series {
    let answer = house.get("/metrics").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    series(&answer.text)
}

/// The sum of all series of that name that have all these labels.
#[track_caller]
fn sum(series: &Series, name: &str, labels: &[(&str, &str)]) -> f64 {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let is_of = |key: &str| {
        key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
            && labels.iter().all(|label| key.contains(label.as_str()))
    };
    series.iter().filter(|(key, _)| is_of(key)).map(|(_, value)| value).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_what_became_of_them() {
    let (first, second) = (mock().await, mock().await);
    first.cycle(vec![Some("500".parse().unwrap())]);
    second.set_behaviour(Behaviour { words: Some(5), ..Behaviour::default() });
    let providers = [provider("a", &first.base_url()), provider("b", &second.base_url())].concat();
    let house = House::new(&format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}models:\n  fast: {{ targets: [a/gpt-4o-mini], \
         fallback: [b/gpt-4o-mini], aliases: [quick, \"quick-*\"] }}\n"
    ))
    .await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    assert_eq!(house.post(CHAT_PATH, STREAM).await.status, 200);
    let quick = |name| CHAT.replace("fast", name);
    assert_eq!(house.post(CHAT_PATH, quick("quick")).await.status, 200);
    assert_eq!(house.post(CHAT_PATH, quick("quick-9")).await.status, 200);
    assert_eq!(house.post(CHAT_PATH, quick("unknown")).await.status, 404);
    assert_eq!(house.post("/v1/messages", "{").await.status, 400);
    assert_eq!(house.get("/v1/nothing").await.status, 404);
    house.records(6).await;

    let met = metrics(&house).await;
    let total = |name: &str, labels: &[(&str, &str)]| sum(&met, name, labels);
    let answered = [
        ("model", "fast"),
        ("deployment", "b/gpt-4o-mini#1"),
        ("operation", "chat"),
        ("dialect", "openai-chat"),
        ("status", "2xx"),
        ("ended", "answered"),
    ];
    assert_eq!(total("lockgate_requests_total", &answered), 4.0, "{met:#?}");
    let refused = [("model", "other"), ("deployment", "none"), ("status", "4xx"), ("ended", "refused")];
    assert_eq!(total("lockgate_requests_total", &refused), 3.0, "{met:#?}");
    assert_eq!(total("lockgate_refusals_total", &[("fault", "model_not_found")]), 1.0);
    assert_eq!(
        total("lockgate_attempts_total", &[("deployment", "b/gpt-4o-mini#1"), ("fault", "none")]),
        4.0
    );
    let failed =
        total("lockgate_attempts_total", &[("deployment", "a/gpt-4o-mini#1"), ("fault", "upstream_failed")]);
    assert!(failed >= 1.0, "{met:#?}");
    assert!(total("lockgate_second_tries_total", &[("model", "fast"), ("kind", "failover")]) >= 1.0);
    assert_eq!(total("lockgate_tokens_total", &[("model", "fast"), ("class", "output")]), 20.0, "{met:#?}");
    assert_eq!(total("lockgate_key_requests_total", &[("key", "none"), ("status", "2xx")]), 4.0);
    assert_eq!(total("lockgate_request_duration_seconds_count", &[("model", "fast")]), 4.0);
    for phase in ["receive", "plan", "translate", "relay", "upstream", "client"] {
        assert_eq!(total("lockgate_phase_microseconds_count", &[("phase", phase)]), 7.0, "{phase}");
    }
    assert_eq!(total("lockgate_overhead_microseconds_count", &[]), 7.0);
    assert!(total("lockgate_phase_microseconds_sum", &[("phase", "upstream")]) > 0.0);
    assert_eq!(total("lockgate_requests_in_flight", &[]), 0.0);
    assert_eq!(total("lockgate_streams_open", &[]), 0.0);
    assert!(total("lockgate_connections_open", &[]) >= 1.0);
    assert_eq!(total("lockgate_deployment_state", &[("deployment", "b/gpt-4o-mini#1")]), 1.0);
    assert!(total("process_resident_memory_bytes", &[]) > 1e6);

    // They go on counting under another config.
    let text = config(&[&second.base_url()], "").replace("\n  a:", "\n  b:").replace("a/gpt", "b/gpt");
    house.apply(&text);
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    house.records(7).await;
    let after = metrics(&house).await;
    assert_eq!(sum(&after, "lockgate_requests_total", &answered), 5.0);
    assert_eq!(sum(&after, "lockgate_requests_total", &refused), 3.0);
}

/// How many of each kind of made-up names are sent: `LOCKGATE_SERIES=100000` for all of them.
fn names() -> usize {
    std::env::var("LOCKGATE_SERIES").ok().and_then(|count| count.parse().ok()).unwrap_or(500)
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_names_add_no_series() {
    let upstream = lenient().await;
    let key = secret("client key");
    let yaml = config(
        &[&upstream.base_url()],
        &format!("access: {{ admin_key: {}, keys: [{{ name: k, key: {key} }}] }}\n", *ADMIN_KEY),
    );
    let house = House::new(&yaml).await;
    let ask = async |path: &str, key: &str, body: String| {
        let request = Request::post(house.url(path)).header("content-type", "application/json");
        let request = request.header("x-api-key", key).body(Full::new(body.into())).unwrap();
        read(house.send(request).await).await.status
    };
    let page = async || {
        let request = Request::get(house.url("/metrics")).header("x-admin-key", &*ADMIN_KEY);
        series(&read(house.send(request.body(Full::default()).unwrap()).await).await.text)
    };
    // A model that nobody has, one that only the provider may have, a path that nobody has, a key that nobody has.
    let storm = async |from: usize, to: usize| {
        for number in from..to {
            let unknown = ask(CHAT_PATH, &key, CHAT.replace("fast", &format!("m{number}"))).await;
            let passed = ask(CHAT_PATH, &key, CHAT.replace("fast", &format!("a/m{number}"))).await;
            let path = ask(&format!("/v1/x{number}"), &key, "{}".to_owned()).await;
            let stranger = ask(CHAT_PATH, &format!("k{number}"), CHAT.to_owned()).await;
            let in_path = ask(&format!("/model/m{number}/converse"), &key, "{}".to_owned()).await;
            let statuses = [unknown, passed, path, stranger, in_path].map(|status| status.as_u16());
            // A stranger has to wait after some keys.
            let is_expected = |stranger| statuses == [404, 200, 404, stranger, 404];
            assert!(is_expected(401) || is_expected(429), "{statuses:?}");
        }
    };
    storm(0, 2).await;
    // Who tries many keys has to wait, which is a series of its own.
    for number in 0..500 {
        if ask(CHAT_PATH, &format!("w{number}"), CHAT.to_owned()).await.as_u16() == 429 {
            break;
        }
    }
    let before = page().await;
    storm(2, names()).await;
    let after = page().await;
    let new: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert!(new.is_empty(), "{new:?}");
    assert_eq!(
        sum(&after, "lockgate_requests_total", &[("deployment", "a/other#1"), ("model", "other")]),
        names() as f64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_as_open_as_the_gateway() {
    let key = secret("client key");
    let keys = format!("keys: [{{ name: k, key: {key} }}]");
    let gate = async |server: &str, access: String| {
        let providers = provider("a", "http://127.0.0.1:9");
        let yaml = format!(
            "server: {{ listen: \"127.0.0.1:0\"{server} }}\naccess: {access}\nproviders:\n{providers}"
        );
        House::new(&yaml).await
    };
    let ask = async |house: &House, headers: &[(&str, &str)]| {
        let mut request = Request::get(house.url("/metrics"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(house.send(request.body(Full::default()).unwrap()).await).await
    };
    let status = async |house: &House, headers: &[(&str, &str)]| ask(house, headers).await.status.as_u16();
    let admin = [("authorization", &*format!("Bearer {}", *ADMIN_KEY))];

    // Who may call without a key may read them, but no page and nobody behind a proxy.
    let home = gate("", "{}".to_owned()).await;
    assert_eq!(status(&home, &[]).await, 200);
    assert_eq!(status(&home, &[("origin", "https://page.test")]).await, 404);
    assert_eq!(status(&home, &[("host", "rebound.test")]).await, 404);
    assert_eq!(status(&home, &[("x-forwarded-for", "192.0.2.1")]).await, 404);

    let guarded = gate("", format!("{{ admin_key: {}, {keys} }}", *ADMIN_KEY)).await;
    let refused = ask(&guarded, &[]).await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
    assert!(
        refused.text.contains("server.metrics: open") && !refused.text.contains("lockgate_"),
        "{refused:?}"
    );
    assert_eq!(status(&guarded, &[("x-api-key", &key)]).await, 401, "a client's key is none");
    assert_eq!(status(&guarded, &admin).await, 200);
    let posted: Answer = guarded.ask(Method::POST, "/metrics", "text/plain", "").await;
    assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, "GET, HEAD"));

    let without = gate("", format!("{{ {keys} }}")).await;
    assert_eq!(status(&without, &admin).await, 404);
    let open = gate(", metrics: open", format!("{{ {keys} }}")).await;
    assert_eq!(status(&open, &[("x-forwarded-for", "192.0.2.1")]).await, 200);
    let off = gate(", metrics: off", format!("{{ admin_key: {}, {keys} }}", *ADMIN_KEY)).await;
    assert_eq!(status(&off, &admin).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_formats_are_served() {
    let house = House::new(&config(&["http://127.0.0.1:9"], "")).await;
    let plain = house.get("/metrics").await;
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(plain.text.contains("# TYPE lockgate_config_reloads_total counter\n"), "{}", plain.text);
    let request =
        Request::get(house.url("/metrics")).header("accept", "application/openmetrics-text;version=1.0.0");
    let open = read(house.send(request.body(Full::default()).unwrap()).await).await;
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(open.text.contains("# TYPE lockgate_config_reloads counter\n"), "{}", open.text);
    assert!(open.text.ends_with("\n# EOF\n"), "{}", open.text);
}
