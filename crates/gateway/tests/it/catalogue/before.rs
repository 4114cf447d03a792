//! What goes wrong before the first byte: while one deployment is healthy, the client sees nothing of it.

use std::time::{Duration, Instant};

use lockgate_mock::{Behaviour, Door, Fault, Mock, Rule};
use lockgate_store::Ended;
use serde_json::json;

use super::{
    bench::{Bench, Got, PAIRS, PATIENT, TEXT, Way, all, behaviour, many, streams, talkative, ways},
    verdict::Verdict,
};
use crate::house::{House, UPSTREAM_KEY};

/// Asks often enough while `fault` befalls every request to the first deployment.
async fn unseen(bench: &Bench, fault: &str, asked: &[Way]) {
    let asked = many(asked);
    let count = asked.len();
    let got = bench.ask_all("both", asked).await;
    all(fault, got.iter().map(Got::is_whole));
    let met = bench.bad.counts().requests;
    assert!(met <= count as u64, "{fault}: {met} requests went to the faulty provider in {count} calls");
    let records = bench.house.records(count).await;
    assert_eq!(records.len(), count, "{fault}: one record for each request");
    assert!(records.iter().all(|record| record.ended == Ended::Answered), "{fault}");
}

/// Every one of these faults stays unseen.
async fn check(retry: &str, faults: &[&str], asked: &[Way]) {
    for fault in faults {
        let bench = Bench::new(retry).await;
        bench.always(fault);
        unseen(&bench, fault, asked).await;
        assert!(bench.bad.counts().requests > 0, "{fault}: the faulty provider was never asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f01_an_upstream_accepts_and_sends_nothing() {
    let limit = Duration::from_millis(800);
    for fault in ["silent", "headers", "stall:0"] {
        let bench = Bench::new("first_byte: 800ms, first_token: 800ms").await;
        bench.always(fault);
        let got = bench.ask_all("both", many(&streams())).await;
        all(fault, got.iter().map(Got::is_whole));
        // One late call says more of the machine than of the gateway.
        let mut took: Vec<_> = got.iter().map(|got| got.took).collect();
        took.sort();
        assert!(took[took.len() / 2] < limit + Duration::from_secs(1), "{fault}: {took:?}");
        assert!(bench.bad.counts().requests <= got.len() as u64, "{fault}: a silent one was asked twice");
        // Alone it is asked once, and the client is told in time.
        let alone = Bench::patient("first_byte: 800ms, first_token: 800ms").await;
        alone.always(fault);
        let got = alone.ask_all("alone", streams()).await;
        all(fault, got.iter().map(Got::is_clean_error));
        assert!(got.iter().all(|got| got.answer.status == 504), "{fault}: {:?}", got[0].answer);
        assert_eq!(alone.bad.counts().requests, got.len() as u64, "{fault}");
    }
    // An answer that is not streamed has a limit of its own.
    let whole: Vec<_> = ways().into_iter().filter(|way| !way.stream).collect();
    check("answer: 800ms", &["silent", "headers", "stall:20"], &whole).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f03_a_short_retry_after_is_waited_for_and_a_long_one_is_not() {
    let wait = Duration::from_millis(400);
    let alone = |way: Way| async move {
        let bench = Bench::new("").await;
        bench.bad.script(["429;retry-after=0.4".parse::<Fault>().unwrap()]);
        let got = bench.ask("alone", way).await;
        assert!((wait..wait * 8).contains(&got.took), "{way:?}: {:?}", got.took);
        assert_eq!(bench.bad.counts().requests, 2, "{way:?}");
        got.is_whole()
    };
    all("a short one", futures_util::future::join_all(ways().into_iter().map(alone)).await);

    let bench = Bench::new("").await;
    bench.always("429;retry-after=120");
    let start = Instant::now();
    unseen(&bench, "a long one", &ways()).await;
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // With nobody else, the client is told when to come back.
    let bench = Bench::new("").await;
    bench.always("429;retry-after=120");
    let got = bench.ask("alone", ways()[0]).await;
    assert_eq!(got.answer.status, 429);
    let wait = got.answer.header("retry-after").parse::<u64>().unwrap();
    assert!((120..150).contains(&wait), "{wait} s");
    got.is_clean_error().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_a_429_without_a_hint_is_backed_off_from() {
    check("", &["429", "429;retry-after=99999999999999999999", "429;retry-after=-1"], &ways()).await;
    // Google always says when.
    let silent = |way: &Way| way.upstream != "gemini";
    let alone = |way: Way| async move {
        let bench = Bench::new("").await;
        bench.always("429");
        let got = bench.ask("alone", way).await;
        assert!(got.took < Duration::from_secs(3), "{way:?}: {:?}", got.took);
        assert_eq!(got.answer.status, 429, "{way:?}");
        assert_eq!(got.answer.header("x-should-retry"), "false", "{way:?}");
        let at: Vec<_> = bench.bad.ledger().iter().map(|entry| entry.at).collect();
        assert_eq!(at.len(), 3, "{way:?}");
        got.is_clean_error().unwrap();
        at[1] - at[0]
    };
    let asked: Vec<_> = ways().into_iter().filter(silent).collect();
    let mut pauses = futures_util::future::join_all(asked.into_iter().map(alone)).await;
    pauses.sort();
    let spread = *pauses.last().unwrap() - pauses[0];
    assert!(spread > Duration::from_millis(20), "the pauses have no jitter: {pauses:?}");
    assert!(pauses[0] >= Duration::from_millis(20), "a failing provider is hammered: {pauses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f05_every_provider_s_way_to_say_when_is_understood() {
    /// One refusal and how long it makes the gateway wait: at least, and less than.
    async fn check(pair: (&'static str, &'static str), refusal: serde_json::Value, least: u64, less: u64) {
        let bench = Bench::new("").await;
        bench.bad.script([serde_json::from_value::<Fault>(refusal.clone()).unwrap()]);
        let way = Way { client: pair.0, upstream: pair.1, stream: true };
        let got = bench.ask("alone", way).await;
        got.is_whole().unwrap_or_else(|why| panic!("{refusal}: {why}"));
        let at: Vec<_> = bench.bad.ledger().iter().map(|entry| entry.at).collect();
        let waited = (at[1] - at[0]).as_millis();
        assert!((u128::from(least)..u128::from(less)).contains(&waited), "{refusal}: waited {waited} ms");
    }
    let headers =
        |name: &str, value: &str| json!({ "kind": "status", "status": 429, "headers": { name: value } });
    let hour = httpdate_like();
    let checks = [
        (PAIRS[0], headers("retry-after-ms", "300"), 300, 900),
        (PAIRS[0], headers("retry-after", "0.3"), 300, 900),
        // It is when the bucket is full again, not when the next request is taken.
        (PAIRS[0], headers("x-ratelimit-reset-requests", "6m0s"), 0, 300),
        (PAIRS[2], headers("anthropic-ratelimit-requests-reset", &hour), 0, 300),
        (PAIRS[3], json!({ "kind": "status", "status": 429, "retry_after": "0.345837906927s" }), 345, 900),
        (
            PAIRS[0],
            json!({ "kind": "status", "status": 429, "body": r#"{"error":{"message":"slow down","resets_in_seconds":0.3}}"# }),
            300,
            900,
        ),
        // What cannot be read is not there.
        (PAIRS[0], headers("retry-after", "soon"), 0, 300),
        (PAIRS[0], headers("retry-after", "-1"), 0, 300),
        (PAIRS[0], headers("retry-after", "NaN"), 0, 300),
    ];
    let checks = checks.into_iter().map(|(pair, refusal, least, less)| check(pair, refusal, least, less));
    futures_util::future::join_all(checks).await;
}

/// A point of time that is never soon.
fn httpdate_like() -> String {
    "2999-01-01T00:00:00Z".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn f07_an_overloaded_provider_is_left_alone() {
    for (fault, name) in
        [("529", "upstream_overloaded"), ("503", "upstream_overloaded"), ("429", "rate_limit")]
    {
        let bench = Bench::new("").await;
        bench.always(fault);
        unseen(&bench, fault, &ways()).await;
        // The two are told apart on record.
        let way = Way { client: "anthropic", upstream: "anthropic", stream: true };
        let bench = Bench::new("").await;
        bench.always(fault);
        bench.ask("alone", way).await.is_clean_error().unwrap();
        let record = bench.house.records(1).await.remove(0);
        let noted = record.attempts[0].fault.clone().unwrap_or_default();
        assert!(noted.starts_with(name), "{fault}: {noted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f08_an_error_inside_a_200_is_an_error() {
    let faults = [
        "error-in-200",
        "error-in-200;529",
        "error-in-200;429",
        "error:0",
        "error:0;503",
        "lifecycle",
        "lifecycle;529",
        "lifecycle;429",
        "lifecycle;500",
        "empty",
    ];
    check("", &faults, &ways()).await;
    for (fault, name) in [("error-in-200;529", "upstream_overloaded"), ("lifecycle;429", "rate_limit")] {
        let bench = Bench::new("").await;
        bench.always(fault);
        let way = Way { client: "anthropic", upstream: "anthropic", stream: true };
        bench.ask("both", way).await.is_whole().unwrap();
        let record = bench.house.records(1).await.remove(0);
        let noted = record.attempts[0].fault.clone().unwrap_or_default();
        assert!(noted.starts_with(name), "{fault} is on record as {noted}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f09_a_refused_key_is_rotated_away_from() {
    check("", &["401", "403", "quota"], &ways()).await;

    // Of two keys of one provider, the other one is asked, and the refused one once at most in each call.
    for fault in ["401", "403", "quota", "402"] {
        let mock = talkative().await;
        mock.rules(vec![Rule::new(fault.parse::<Fault>().unwrap()).of_key("revoked-key")]);
        let mut text = "server: { listen: \"127.0.0.1:0\" }\nproviders:\n".to_owned();
        for (kind, dialect) in [("openai", "openai-chat"), ("anthropic", "anthropic"), ("gemini", "gemini")] {
            text.push_str(&format!(
                "  at-{dialect}:\n    kind: {kind}\n    base_url: \"http://{}\"\n    speaks: [{dialect}]\n    \
                 credentials: [{{ api_key: revoked-key }}, {{ api_key: {} }}]\n",
                mock.addr(),
                &*UPSTREAM_KEY,
            ));
        }
        let models = ["openai-chat", "anthropic", "gemini"]
            .map(|dialect| format!("  both-{dialect}: {{ targets: [at-{dialect}/mock-1] }}\n"));
        let house = House::new(&(text + "models:\n" + &models.concat())).await;
        let bench = Bench { bad: mock, good: talkative().await, house };
        let asked: Vec<_> = ways().into_iter().filter(|way| way.upstream != "openai-responses").collect();
        let asked = many(&asked);
        let count = asked.len() as u64;
        let got = bench.ask_all("both", asked).await;
        all(fault, got.iter().map(Got::is_whole));
        let keys = bench.bad.keys();
        assert!(keys["revoked-key"] <= count, "{fault}: {keys:?} in {count} calls");
        assert_eq!(keys[&*UPSTREAM_KEY], count, "{fault}: {keys:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_what_is_the_prompt_s_fault_is_asked_about_once() {
    for (fault, words) in [
        ("context-length", ["context", "too long", "exceeds", "token"].as_slice()),
        ("content-filter", &["filter", "PROHIBITED_CONTENT", "blocked", "policy", "refusal"]),
    ] {
        let bench = Bench::new("").await;
        bench.always(fault);
        bench.good.rules(vec![Rule::new(fault.parse::<Fault>().unwrap())]);
        for way in ways() {
            let before = bench.bad.counts().requests + bench.good.counts().requests;
            let got = bench.ask("both", way).await;
            let asked = bench.bad.counts().requests + bench.good.counts().requests - before;
            assert_eq!(asked, 1, "{fault}, {way:?}");
            assert!(
                words.iter().any(|word| got.answer.text.contains(word)),
                "{fault}, {way:?}: {}",
                got.answer.text
            );
            // Google blocks a prompt with a 200.
            if !(fault == "content-filter" && way.upstream == "gemini") {
                assert_eq!(got.answer.status, 400, "{fault}, {way:?}");
                got.is_clean_error().unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_reset_before_the_head_is_tried_again() {
    check("", &["reset"], &ways()).await;
    let once = |way: Way| async move {
        let bench = Bench::new("").await;
        bench.bad.script([Fault::Reset]);
        let got = bench.ask("alone", way).await;
        assert_eq!(bench.bad.counts().requests, 2, "{way:?}");
        got.is_whole()
    };
    all("alone", futures_util::future::join_all(ways().into_iter().map(once)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_no_connection_can_be_made() {
    async fn check(bad: Mock, url: &str) {
        let bench = Bench::at(bad, url, "connect: 300ms", "", PATIENT).await;
        unseen(&bench, url, &ways()).await;
        let got = bench.ask("alone", ways()[0]).await;
        assert_eq!(got.answer.status, 502, "{url}: {}", got.answer.text);
        got.is_clean_error().unwrap();
    }
    for door in [Door::Refuse, Door::Reset] {
        let bad = talkative().await;
        bad.shut(door, Duration::from_secs(600)).await;
        let url = format!("http://{}", bad.addr());
        check(bad, &url).await;
    }
    check(talkative().await, "http://no-such-host.invalid").await;
    // TLS to a port that does not speak it.
    let plain = talkative().await;
    let url = format!("https://{}", plain.addr());
    check(plain, &url).await;
    let hole = BlackHole::new().await;
    check(talkative().await, &hole.url()).await;
    // The first address of the name refuses, the next one answers.
    let bad = talkative().await;
    let url = format!("http://localhost:{}", bad.addr().port());
    let bench = Bench::at(bad, &url, "", "", "").await;
    bench.ask("alone", ways()[0]).await.is_whole().unwrap();
}

/// A port that takes no more connections: whoever tries one more hears nothing.
struct BlackHole {
    listener: tokio::net::TcpListener,
    _waiting: Vec<tokio::net::TcpStream>,
}

impl BlackHole {
    async fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        // Nobody accepts them, so that the queue is full at the first that does not come about.
        for _ in 0..64 {
            let connect = tokio::net::TcpStream::connect(address);
            match tokio::time::timeout(Duration::from_millis(200), connect).await {
                Ok(stream) => waiting.push(stream.unwrap()),
                Err(_) => break,
            }
        }
        assert!(waiting.len() < 64, "the queue of a listener never fills here");
        Self { listener, _waiting: waiting }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_an_answer_in_the_wrong_form() {
    let faults = ["html", "html:200", "html:503", "type:text/html", "gzip", "gzip-unnamed", "gzip-claimed"];
    check("", &faults, &ways()).await;
    let whole: Vec<_> = ways().into_iter().filter(|way| !way.stream).collect();
    check("", &["length:+10", "length:-10", "no-end"], &whole).await;
    let bench = Bench::new("").await;
    for got in bench.ask_all("both", ways()).await {
        let headers = &got.answer.headers;
        for name in
            ["content-encoding", "connection", "keep-alive", "proxy-authenticate", "te", "trailer", "upgrade"]
        {
            assert!(!headers.contains_key(name), "{name}: {headers:?}");
        }
        if let Some(length) = headers.get("content-length") {
            assert_eq!(length.to_str().unwrap(), got.answer.text.len().to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_cut_body_is_no_answer() {
    let whole: Vec<_> = ways().into_iter().filter(|way| !way.stream).collect();
    check("", &["truncated", "malformed:1", "cut:1"], &whole).await;
    let bench = Bench::new("attempts: 1").await;
    bench.always("truncated");
    for got in bench.ask_all("alone", whole).await {
        assert_eq!(got.answer.status, 502, "{got:?}");
        got.is_clean_error().unwrap();
        assert!(matches!(&got.verdict, Verdict::Failed { text, .. } if text.len() < TEXT.len()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_comes_too_late_is_told_and_an_earlier_one_is_not() {
    const WITHIN: &str = "retry_on_failure_within: 2s, connect: 2500ms";
    for fault in ["503", "500", "429", "html", "reset"] {
        for (latency, is_told) in [(0, false), (2500, true)] {
            // To be late takes a while: two kinds are enough.
            if is_told && !["503", "html"].contains(&fault) {
                continue;
            }
            let bench = Bench::patient(WITHIN).await;
            bench.bad.set_behaviour(Behaviour { latency: Duration::from_millis(latency), ..behaviour() });
            bench.always(fault);
            let got = bench.ask_all("both", ways()).await;
            match is_told {
                true => all(fault, got.iter().map(Got::is_clean_error)),
                false => all(fault, got.iter().map(Got::is_whole)),
            }
            let asked = if is_told { 0 } else { got.len() as u64 };
            assert_eq!(bench.good.counts().requests, asked, "{fault} after {latency} ms");
            // Who asks for a pause is not asked by those that come behind.
            let met = bench.bad.counts().requests;
            let expected =
                if fault == "429" { 1..=got.len() as u64 } else { got.len() as u64..=got.len() as u64 };
            assert!(expected.contains(&met), "{fault} after {latency} ms: {met}");
        }
    }
    // What reached nobody may be tried elsewhere however long that took.
    let hole = BlackHole::new().await;
    let bench = Bench::at(talkative().await, &hole.url(), WITHIN, "", PATIENT).await;
    let got = bench.ask_all("both", ways()).await;
    all("a connection that does not come about", got.iter().map(Got::is_whole));
    assert!(got[0].took >= Duration::from_millis(2500), "{:?}", got[0].took);
}
