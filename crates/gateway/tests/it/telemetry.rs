//! Traces: which one a provider is told of, and what a collector is sent.

mod collector;

use std::time::Duration;

use http::{HeaderMap, Request};
use http_body_util::Full;
use lockgate_mock::Mock;

use crate::house::{
    Answer, CHAT, CHAT_PATH, House, STREAM, UPSTREAM_KEY, eventually, lenient, mock, provider, read,
};
use collector::{Collector, Protocol, Seen, Span};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ASKER: &str = "b7ad6b7169203331";

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{ASKER}-{flags}")
}

async fn ask(house: &House, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post(house.url(path)).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(house.send(request.body(Full::from(body.to_owned())).unwrap()).await).await
}

fn told(mock: &Mock) -> HeaderMap {
    mock.ledger().pop().unwrap().headers.clone()
}

/// A request of each dialect for the model `fast`.
const ASKED: &[(&str, &str)] = &[
    (CHAT_PATH, CHAT),
    ("/v1/responses", r#"{"model":"fast","input":"hello"}"#),
    ("/v1/messages", r#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#),
    ("/v1beta/models/fast:generateContent", r#"{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}"#),
    ("/api/chat", r#"{"model":"fast","stream":false,"messages":[{"role":"user","content":"hello"}]}"#),
    ("/model/fast/converse", r#"{"messages":[{"role":"user","content":[{"text":"hello"}]}]}"#),
];

fn one(kind: &str, mock: &Mock, rest: &str) -> String {
    format!(
        "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n  a: {{ kind: {kind}, base_url: \"http://{}{}\", api_key: k }}\n\
         models:\n  fast: {{ targets: [a/gpt-4o-mini] }}\n{rest}",
        mock.addr(),
        if kind == "openai" { "/v1" } else { "" }
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clients_trace_reaches_providers_of_every_dialect() {
    let mock = lenient().await;
    for kind in ["openai", "anthropic"] {
        let house = House::new(&one(kind, &mock, "")).await;
        for (path, body) in ASKED {
            let parent = parent("01");
            let state = [("traceparent", &*parent), ("tracestate", "a=1"), ("tracestate", "b=2")];
            assert_eq!(ask(&house, path, body, &state).await.status, 200, "{path}");
            let told = told(&mock);
            assert_eq!(told.get("traceparent").unwrap(), &parent, "{kind} {path}");
            assert_eq!(
                told.get_all("tracestate").iter().collect::<Vec<_>>(),
                ["a=1", "b=2"],
                "{kind} {path}"
            );
        }
        ask(&house, CHAT_PATH, CHAT, &[("traceparent", "nonsense"), ("tracestate", "a=1")]).await;
        assert!(!told(&mock).contains_key("traceparent") && !told(&mock).contains_key("tracestate"));
    }
    let house = House::new(&one("openai", &mock, "telemetry: { propagate: false }\n")).await;
    ask(&house, CHAT_PATH, CHAT, &[("traceparent", &parent("01"))]).await;
    assert!(!told(&mock).contains_key("traceparent"));
}

fn telemetry(collector: &Collector, protocol: &str, rest: &str) -> String {
    let endpoint = format!("http://{}", collector.address);
    format!(
        "telemetry: {{ otlp: {{ endpoint: \"{endpoint}\", protocol: {protocol}, interval: 300ms, \
         headers: {{ x-collector-key: a-key-of-the-collector }} }}, service_name: quay{rest} }}\n"
    )
}

fn spans(seen: &[Seen]) -> Vec<Span> {
    seen.iter().filter(|seen| seen.is_traces()).flat_map(Seen::spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_a_span_with_one_for_each_attempt() {
    for (protocol, name) in [(Protocol::Http, "http"), (Protocol::Grpc, "grpc")] {
        let collector = Collector::start(protocol).await;
        let (failing, good) = (mock().await, mock().await);
        failing.cycle(vec![Some("500".parse().unwrap())]);
        let providers = [provider("a", &failing.base_url()), provider("b", &good.base_url())].concat();
        let house = House::new(&format!(
            "server: {{ listen: \"127.0.0.1:0\" }}\nproviders:\n{providers}models:\n  fast: {{ targets: [a/gpt-4o-mini], \
             fallback: [b/gpt-4o-mini] }}\nretry: {{ attempts: 2 }}\n{}",
            telemetry(&collector, name, "")
        ))
        .await;
        let answer =
            ask(&house, CHAT_PATH, STREAM, &[("traceparent", &parent("01")), ("tracestate", "a=1")]).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let found = eventually(|| {
            let spans = spans(&collector.seen());
            (!spans.is_empty()).then_some(spans)
        })
        .await;
        let attempts = house.records(1).await[0].attempts.len();
        assert_eq!(found.len(), attempts + 1, "{found:#?}");
        let (call, tries) = found.split_first().unwrap();
        assert_eq!((&*call.trace, &*call.parent, call.kind), (TRACE, ASKER, 2), "{call:#?}");
        assert_eq!((&*call.name, &*call.state, call.status), ("chat fast", "a=1", 0));
        let attribute = |span: &Span, name: &str| span.attributes.get(name).cloned().unwrap_or_default();
        for (key, expect) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "fast"),
            ("gen_ai.response.model", "gpt-4o-mini"),
            ("lockgate.deployment", "b/gpt-4o-mini#1"),
            ("lockgate.request.id", answer.header("x-request-id")),
            ("http.response.status_code", "200"),
            ("url.path", CHAT_PATH),
            ("lockgate.stream", "true"),
        ] {
            assert_eq!(attribute(call, key), expect, "{call:#?}");
        }
        assert!(attribute(call, "gen_ai.usage.input_tokens").parse::<u64>().unwrap() > 0);
        assert!(attribute(call, "gen_ai.usage.output_tokens").parse::<u64>().unwrap() > 0);
        // Each attempt has told its provider its own span.
        let told: Vec<String> = [&failing, &good]
            .iter()
            .flat_map(|mock| mock.ledger())
            .map(|entry| entry.headers["traceparent"].to_str().unwrap().to_owned())
            .collect();
        assert_eq!(told.len(), tries.len());
        for (span, told) in tries.iter().zip(told) {
            assert_eq!((&*span.trace, &span.parent, span.kind), (TRACE, &call.id, 3), "{span:#?}");
            assert_eq!(told, format!("00-{TRACE}-{}-01", span.id));
            assert!(call.start <= span.start && span.start <= span.end && span.end <= call.end, "{found:#?}");
        }
        let (last, failed) = tries.split_last().unwrap();
        assert_eq!((attribute(last, "error.type"), last.status), (String::new(), 0));
        for span in failed {
            assert_eq!((attribute(span, "error.type").as_str(), span.status), ("upstream_failed", 2));
        }

        let metrics = eventually(|| {
            let seen = collector.seen();
            let names: Vec<_> = seen.iter().rev().find(|seen| !seen.is_traces())?.metrics();
            names.iter().any(|name| name == "gen_ai.client.operation.duration").then_some(names)
        })
        .await;
        for name in [
            "gen_ai.client.token.usage",
            "gen_ai.server.request.duration",
            "lockgate_requests",
            "process_resident_memory_bytes",
        ] {
            assert!(metrics.iter().any(|known| known == name), "{name}: {metrics:?}");
        }
        for seen in collector.seen() {
            assert_eq!(seen.headers["x-collector-key"], "a-key-of-the-collector");
            assert_eq!(seen.service(), "quay");
            let text = String::from_utf8_lossy(&seen.body).into_owned();
            assert!(!text.contains(&*UPSTREAM_KEY) && !text.contains("hello"), "{text}");
        }
        assert!(house.serving.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_decides_whether_a_trace_is_kept() {
    let collector = Collector::start(Protocol::Http).await;
    let mock = lenient().await;
    let house = House::new(&one("openai", &mock, &telemetry(&collector, "http", ", sample: 0"))).await;
    // Not kept, and still one trace.
    ask(&house, CHAT_PATH, CHAT, &[("traceparent", &parent("00"))]).await;
    let passed = told(&mock)["traceparent"].to_str().unwrap().to_owned();
    assert!(passed.starts_with(&format!("00-{TRACE}-")) && passed.ends_with("-00"), "{passed}");
    assert!(!passed.contains(ASKER), "{passed}");
    // Begun here, and by its share not kept.
    ask(&house, CHAT_PATH, CHAT, &[]).await;
    assert!(told(&mock)["traceparent"].to_str().unwrap().ends_with("-00"));
    // Kept because the client says so.
    ask(&house, CHAT_PATH, CHAT, &[("traceparent", &parent("01"))]).await;
    // What is left is sent at the end.
    assert!(house.serving.stop().await);
    let found = spans(&collector.seen());
    assert_eq!(
        found.iter().map(|span| span.trace.as_str()).collect::<Vec<_>>(),
        [TRACE, TRACE],
        "{found:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_nothing() {
    let collector = Collector::start(Protocol::Http).await;
    let gone = telemetry(&collector, "http", "");
    drop(collector);
    let mock = lenient().await;
    let house = House::new(&one("openai", &mock, &gone)).await;
    for _ in 0..20 {
        let start = std::time::Instant::now();
        assert_eq!(ask(&house, CHAT_PATH, CHAT, &[]).await.status, 200);
        assert!(start.elapsed() < Duration::from_secs(3));
    }
    house.records(20).await;
    // Tried again for some seconds, then counted.
    for _ in 0..200 {
        let page = house.get("/metrics").await.text;
        if page.contains("lockgate_telemetry_spans_total{result=\"failed\"} 40") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{}", house.get("/metrics").await.text);
}
