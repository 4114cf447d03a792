//! Budgets: what is kept aside, what is spent, what is given back.

mod ledger;
mod names;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::Full;
use lockgate_gateway::Store;
use lockgate_mock::{Behaviour, Fault, Mock};
use lockgate_store::{CallRecord, Ended, Price};
use lockgate_testkit::mutate::Dice;

use crate::house::{
    Answer, CHAT, CHAT_PATH, House, STREAM, config, eventually, loopback, mock, read_what_comes, tell,
};

const ALICE: &str = "sk-alice-0123456789";
/// A token in is a dollar, one out ten: a request of so many bytes may take a third of that in, and ten out.
const PRICES: &str = "prices: { \"*/*\": { input: 1000000, output: 10000000 } }\n";
const MICROS: u64 = 1_000_000;

/// A config with Alice's budget.
fn with(upstreams: &[&Mock], budget: &str) -> String {
    let urls: Vec<String> = upstreams.iter().map(|mock| mock.base_url()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let access = format!("access: {{ keys: [{{ name: alice, key: {ALICE}, budget: {budget} }}] }}\n");
    config(&urls, &format!("{access}{PRICES}health: {{ error_threshold: 1000 }}\n"))
}

fn request(house: &House, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(house.url(CHAT_PATH))
        .header("content-type", "application/json")
        .header("x-api-key", ALICE)
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

async fn ask(house: &House, body: &'static str) -> Answer {
    read_what_comes(house.send(request(house, body)).await).await.0
}

/// What is on record as spent, in micro-dollars.
fn spent(records: &[CallRecord]) -> u64 {
    records.iter().filter_map(|record| record.cost).sum()
}

/// How often a test asks, where the variable does not say more.
fn many(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[tokio::test]
async fn a_budget_that_is_spent_is_refused_with_when_and_why() {
    let mock = mock().await;
    let house = House::new(&with(&[&mock], "{ usd: 1, per: month }")).await;
    assert_eq!(ask(&house, CHAT).await.status, StatusCode::OK, "there is something left");
    let refused = ask(&house, CHAT).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let error = refused.json()["error"].clone();
    assert_eq!(error["type"], "insufficient_quota");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("the key `alice` has spent its budget of $1 a month: try again in "),
        "{message}"
    );
    assert_eq!(refused.header("x-should-retry"), "false");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=31 * 86_400).contains(&wait), "{wait}");
    assert_eq!(mock.counts().requests, 1);
    let records = house.records(2).await;
    assert_eq!((records[1].status, records[1].cost, records[1].attempts.len()), (429, None, 0));
    house.serving.stop().await;
}

#[tokio::test]
async fn money_is_not_spent_where_nobody_knows_how_much() {
    let (known, unknown) = (mock().await, mock().await);
    let yaml = with(&[&unknown, &known], "{ usd: 1000000, per: day }").replace("kind: openai", "kind: vllm");
    let house = House::new(&yaml.replace("\"*/*\"", "\"b/*\"")).await;
    assert_eq!(ask(&house, CHAT).await.status, StatusCode::OK);
    assert_eq!((known.counts().requests, unknown.counts().requests), (1, 0), "only who has a price is asked");
    house.apply(&yaml.replace("\"*/*\"", "\"c/*\""));
    let refused = ask(&house, STREAM).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text);
    assert!(refused.text.contains("`prices`") && refused.text.contains("`fast`"), "{}", refused.text);
    house.apply(&yaml.replace("\"*/*\"", "\"c/*\"").replace("usd: 1000000", "tokens: 1000000"));
    assert_eq!(ask(&house, CHAT).await.status, StatusCode::OK, "tokens can be counted without a price");
    let record = house.records(3).await.remove(2);
    assert_eq!((record.price, record.cost), (Price::Unknown, None));
    house.serving.stop().await;
}

/// Asks so many times at once and checks that the budget was overspent by one reservation at most, and that none is left.
async fn overspend(mocks: &[&Mock], bodies: &[&'static str], count: usize) -> Vec<CallRecord> {
    let house = House::new(&with(mocks, "{ usd: 100000, per: total }")).await;
    let first = ask(&house, bodies[0]).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let one = spent(&house.records(1).await);
    // Enough for a hundred like the first.
    let most = 100 * one;
    let dollars = |micros: u64| format!("{}.{:06}", micros / MICROS, micros % MICROS);
    house.apply(&with(mocks, &format!("{{ usd: {}, per: total }}", dollars(most))));
    let bodies = bodies.iter().copied().cycle().take(count);
    let answers: Vec<Answer> =
        stream::iter(bodies).map(|body| ask(&house, body)).buffer_unordered(count).collect().await;
    assert!(answers.iter().all(|answer| [200, 429, 502, 503].contains(&answer.status.as_u16())));
    let records = house.records(count + 1).await;
    // The longest body is 94 bytes, 32 tokens in; eight out at most.
    let reservation = (32 + 8 * 10) * MICROS;
    let total = spent(&records);
    tell(&format!(
        "{count} at once: {} of {} spent, a call is {}",
        dollars(total),
        dollars(most),
        dollars(one)
    ));
    assert!(total < most + reservation, "{total} of {most}");
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(served > 5, "{served} were served");
    // As long as there is a cent that is not kept, somebody can have it.
    house.apply(&with(mocks, &format!("{{ usd: {}, per: total }}", dollars(total + 1))));
    mocks.iter().for_each(|mock| mock.script([]));
    let last = ask(&house, CHAT).await;
    assert_ne!(last.status, StatusCode::TOO_MANY_REQUESTS, "a reservation is left: {}", last.text);
    house.serving.stop().await;
    records
}

const SHORT: &str = r#"{"model":"fast","max_tokens":8,"messages":[{"role":"user","content":"hello"}]}"#;
const SHORT_STREAM: &str =
    r#"{"model":"fast","max_tokens":8,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_overspend_by_one_reservation_at_most() {
    let count = many("LOCKGATE_BUDGET_CALLS", 300);
    let mock = mock().await;
    overspend(&[&mock], &[SHORT], count).await;
    overspend(&[&mock], &[SHORT_STREAM], count).await;
    mock.set_behaviour(Behaviour { latency: Duration::from_millis(100), ..Behaviour::default() });
    overspend(&[&mock], &[SHORT, SHORT_STREAM], count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_many_whose_providers_fail() {
    let count = many("LOCKGATE_BUDGET_CALLS", 300);
    let (bad, good) = (mock().await, mock().await);
    let faults = ["500", "429", "reset", "cut:3", "error-in-200", "truncated"];
    let faults: Vec<Option<Fault>> =
        std::iter::once(None).chain(faults.iter().map(|fault| Some(fault.parse().unwrap()))).collect();
    bad.cycle(faults);
    good.set_behaviour(Behaviour { latency: Duration::from_millis(20), ..Behaviour::default() });
    overspend(&[&bad, &good], &[SHORT, SHORT_STREAM], count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_leaves_nothing_kept() {
    let mock = mock().await;
    let house = House::new(&with(&[&mock], "{ tokens: 100000, per: total }")).await;
    let pace =
        Behaviour { between_events: Duration::from_millis(20), words: Some(400), ..Behaviour::default() };
    // Before anything is there, and in the middle.
    for (behaviour, patience) in
        [(Behaviour { latency: Duration::from_secs(30), ..pace.clone() }, 50), (pace.clone(), 300)]
    {
        mock.set_behaviour(behaviour);
        let gone =
            (0..20).map(|_| tokio::time::timeout(Duration::from_millis(patience), ask(&house, STREAM)));
        futures_util::future::join_all(gone).await;
    }
    let records = house.records(40).await;
    assert!(records.iter().all(|record| record.ended == Ended::ClientGone));
    let tokens = |record: &CallRecord| record.usage.map_or(0, |usage| usage.input + usage.output);
    let used: u64 = records.iter().map(tokens).sum();
    assert!(used > 0 && records.iter().any(|record| record.usage.is_none()), "{records:?}");
    let is_exact = with(&[&mock], &format!("{{ tokens: {}, per: total }}", used + 1));
    house.apply(&is_exact);
    mock.set_behaviour(Behaviour::default());
    assert_eq!(ask(&house, CHAT).await.status, StatusCode::OK, "one token is left that nobody keeps");
    assert_eq!(ask(&house, CHAT).await.status, StatusCode::TOO_MANY_REQUESTS);
    house.serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_stays_spent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock().await;
    let yaml = |budget: &str| format!("{}data_dir: {}\n", with(&[&mock], budget), folder.path().display());
    let start = async |budget: &str| {
        let config = lockgate_config::parse("test.yaml", &yaml(budget), &|_| None).unwrap();
        let serving = lockgate_gateway::start(&config, Store::open(&config).unwrap()).await.unwrap();
        House::around(serving)
    };
    let before = start("{ usd: 1000, per: month }").await;
    let mut used = 0;
    for _ in 0..3 {
        let answer = ask(&before, CHAT).await;
        used += answer.json()["usage"]["total_tokens"].as_u64().unwrap();
    }
    before.serving.stop().await;
    for (per, rolling) in [("hour", true), ("day", true), ("week", false), ("month", true), ("total", false)]
    {
        let budget = |tokens: u64| match rolling {
            true => format!("{{ tokens: {tokens}, per: {per}, rolling: true }}"),
            false => format!("{{ tokens: {tokens}, per: {per} }}"),
        };
        let after = start(&budget(used)).await;
        let refused = ask(&after, CHAT).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{per}: {}", refused.text);
        // A budget that is made later knows of it too.
        after
            .serving
            .apply(&lockgate_config::parse("test.yaml", &yaml(&budget(used + 1)), &|_| None).unwrap())
            .unwrap();
        let answer = ask(&after, CHAT).await;
        assert_eq!(answer.status, StatusCode::OK, "{per}: {}", answer.text);
        used += answer.json()["usage"]["total_tokens"].as_u64().unwrap();
        assert_eq!(ask(&after, CHAT).await.status, StatusCode::TOO_MANY_REQUESTS, "{per}");
        after.serving.stop().await;
    }
}
