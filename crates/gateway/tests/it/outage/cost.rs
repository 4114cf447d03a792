//! R4: what a failover costs the client in time.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use lockgate_mock::{Door, Fault, Rule};

use super::{Lag, Upstream, Wrong, form, ms, quantile, upstream};
use crate::{
    catalogue::bench::PATIENT,
    house::{CHAT, CHAT_PATH, House, STREAM, UPSTREAM_KEY, config},
};

const LATENCY: Duration = Duration::from_millis(20);
/// Requests to each model: what its budget of retries has at the start is enough for them.
const EACH: usize = 50;
/// What a failover may take beside the attempt that failed.
const COST: Duration = Duration::from_millis(50);

/// An error, and how long it takes to come.
const FAULTS: &[(&str, Duration)] = &[
    ("500", LATENCY),
    ("503", LATENCY),
    ("html", LATENCY),
    ("error-in-200", LATENCY),
    ("reset", Duration::ZERO),
    ("refused", Duration::ZERO),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_costs_the_attempt_that_failed_and_little_more() {
    let rows: Vec<_> =
        stream::iter(FAULTS).map(|(fault, failed)| added(fault, *failed)).buffered(3).collect().await;
    let mut table = format!(
        "{:14} {:>5}   {:>7} {:>7}   {:>7} {:>7}   {:>9} {:>7}  ms\n",
        "fault", "n", "p50", "p99", "p50", "p99", "added p99", "limit"
    );
    let mut wrong = Wrong::default();
    for (line, is_wrong) in rows {
        table.push_str(&line);
        wrong.0.extend(is_wrong.0);
    }
    wrong.judge(&table);
}

/// The time of requests that meet the fault and are answered by another, beside those that meet none.
async fn added(fault: &str, failed: Duration) -> (String, Wrong) {
    let (bad, good) = (upstream(LATENCY).await, upstream(LATENCY).await);
    let models = form(4, 10);
    let mut text = format!("server: {{ listen: \"127.0.0.1:0\" }}\n{PATIENT}providers:\n");
    for (name, Upstream { mock, .. }) in [("bad", &bad), ("good", &good)] {
        let (url, key) = (mock.base_url(), &*UPSTREAM_KEY);
        writeln!(text, "  {name}: {{ kind: openai, base_url: \"{url}\", api_key: {key} }}").unwrap();
    }
    text.push_str("models:\n  well: { targets: [good/gpt-4o-mini] }\n");
    for number in 0..models {
        writeln!(text, "  m{number}: {{ targets: [bad/gpt-4o-mini], fallback: [good/gpt-4o-mini] }}")
            .unwrap();
    }
    let house = House::new(&text).await;
    match fault {
        "refused" => bad.mock.shut(Door::Refuse, Duration::from_secs(3600)).await,
        fault => bad.mock.rules(vec![Rule::new(fault.parse::<Fault>().unwrap())]),
    }
    let lag = Lag::new();
    let mut wrong = Wrong::default();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for request in 0..models * EACH {
        // One after the other, so that what else the machine does befalls both alike.
        for (model, times) in [("well".to_owned(), &mut without), (format!("m{}", request / EACH), &mut with)]
        {
            let start = Instant::now();
            let answer = house.post(CHAT_PATH, CHAT.replace("fast", &model)).await;
            times.push(start.elapsed());
            wrong.unless(answer.status == 200, fault, || format!("{answer:?}"));
        }
    }
    let met = house.journal.all().iter().filter(|record| record.attempts.len() == 2).count();
    wrong.unless(met == with.len(), fault, || format!("only {met} of {} have met it", with.len()));
    let p99 = |times: &[Duration]| quantile(times.iter().copied(), 0.99);
    let p50 = |times: &[Duration]| quantile(times.iter().copied(), 0.5);
    let added = p99(&with).saturating_sub(p99(&without));
    let limit = COST + failed + lag.p99();
    wrong.unless(added <= limit, fault, || format!("it adds {added:?}, more than {limit:?}"));
    let line = format!(
        "{fault:14} {:>5}   {:>7} {:>7}   {:>7} {:>7}   {:>9} {:>7}\n",
        with.len(),
        ms(p50(&without)),
        ms(p99(&without)),
        ms(p50(&with)),
        ms(p99(&with)),
        ms(added),
        ms(limit)
    );
    (line, wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_deployment_costs_its_limit_once() {
    let limit = Duration::from_secs(form(1, 10));
    let retry = format!("retry: {{ first_byte: {0}s, answer: {0}s }}\n{PATIENT}", limit.as_secs());
    let mut wrong = Wrong::default();
    let mut table = format!("silent for {limit:?}, then another answers:");
    for (form, body) in [("whole", CHAT), ("stream", STREAM)] {
        let (silent, good) = (upstream(LATENCY).await, upstream(LATENCY).await);
        silent.mock.rules(vec![Rule::new(Fault::Silent)]);
        let urls = [silent.mock.base_url(), good.mock.base_url()];
        let sections = format!("{retry}strategy: fill_first\n");
        let house = House::new(&config(&[&urls[0], &urls[1]], &sections)).await;
        let start = Instant::now();
        let answer = house.post(CHAT_PATH, body).await;
        let took = start.elapsed();
        wrong.unless(answer.status == 200, form, || format!("{answer:?}"));
        let most = limit + Duration::from_secs(1);
        wrong.unless(took >= limit && took <= most, form, || format!("{took:?} for {limit:?}"));
        let asked = silent.mock.counts().requests;
        wrong.unless(asked == 1, form, || format!("the silent one was asked {asked} times"));
        write!(table, " {form} {} ms", ms(took)).unwrap();
    }
    wrong.judge(&table);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_down_the_error_follows_the_last_attempt() {
    let mut wrong = Wrong::default();
    let mut table = "all down, from the end of the last attempt to the error, ms:".to_owned();
    for deployments in [1, 3] {
        let mut upstreams = Vec::new();
        for _ in 0..deployments {
            let upstream = upstream(LATENCY).await;
            upstream.mock.rules(vec![Rule::new(Fault::status(503))]);
            upstreams.push(upstream);
        }
        let urls: Vec<_> = upstreams.iter().map(|upstream| upstream.mock.base_url()).collect();
        let urls: Vec<_> = urls.iter().map(String::as_str).collect();
        let house = House::new(&config(&urls, PATIENT)).await;
        let (lag, mut after) = (Lag::new(), Vec::new());
        for _ in 0..form(20, 45) {
            let answer = house.post(CHAT_PATH, CHAT).await;
            let told = Instant::now();
            wrong.unless(answer.status.is_server_error(), deployments, || format!("{answer:?}"));
            let attempts = answer.header("x-lockgate-attempts");
            wrong.unless(attempts == "3", deployments, || format!("{attempts} attempts"));
            let last = |upstream: &Upstream| Some(upstream.since + upstream.mock.ledger().last()?.at);
            let last = upstreams.iter().filter_map(last).max().unwrap();
            after.push(told.saturating_duration_since(last + LATENCY));
        }
        let at = |part| quantile(after.iter().copied(), part);
        let limit = COST + lag.p99();
        wrong.unless(at(0.9) <= limit, deployments, || format!("the error comes {:?} later", at(0.9)));
        let times = [0.5, 0.9, 1.0].map(|part| ms(at(part))).join("/");
        write!(table, " {deployments} deployments p50/p90/max {times};").unwrap();
    }
    wrong.judge(&table);
}
