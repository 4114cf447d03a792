//! All deployments of a model are out at once, and come back.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use lockgate_mock::{Door, Entry, Fault, Rule};

use super::{
    Counters, Upstream, Wrong, busiest, counters, form, is_long,
    load::{Shot, Shots, fire},
    ms, quantile, upstream,
};
use crate::house::{House, config};

/// How long an upstream takes for an answer, errors included.
const LATENCY: Duration = Duration::from_millis(20);
/// The shortest time between two tries of the last one of a pool.
const PACE: Duration = Duration::from_millis(800);
/// By when all must be back.
const BACK: Duration = Duration::from_secs(30);

/// A way to be out.
struct Kind {
    name: &'static str,
    /// None if nobody listens.
    fault: Option<&'static str>,
    /// How long a request to it takes to fail.
    fails_after: Duration,
}

fn kinds() -> [Kind; 4] {
    let kind = |name, fault, fails_after| Kind { name, fault, fails_after };
    [
        kind("503", Some("503"), LATENCY),
        kind("refused", None, Duration::ZERO),
        kind("silent", Some("silent"), patience()),
        kind("429", Some("429"), LATENCY),
    ]
}

/// How long a silent deployment is waited for.
fn patience() -> Duration {
    form(Duration::from_millis(500), Duration::from_secs(2))
}

/// Requests a second. In the short form all outages happen beside each other.
fn rate() -> u32 {
    form(60, 500)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_not_multiplied_and_its_end_is_found() {
    let kinds = kinds();
    let runs = kinds.iter().flat_map(|kind| [2, 3].map(|deployments| run(kind, deployments)));
    let at_once = if is_long() { 1 } else { kinds.len() * 2 };
    let rows: Vec<_> = stream::iter(runs).buffered(at_once).collect().await;
    let mut table = format!(
        "{} requests a second, ms\n{:10} {:>8} {:>8} {:>8} {:>6}   {:>6} {:>6} {:>6}   {:>7} {:>8} {:>6} {:>6} {:>8}\n",
        rate(),
        "outage",
        "clients",
        "upstream",
        "limit",
        "probes",
        "p50",
        "p99",
        "max",
        "back s",
        "all back",
        "herd",
        "normal",
        "late p99"
    );
    let mut wrong = Wrong::default();
    for (line, row) in rows {
        table.push_str(&line);
        wrong.0.extend(row.0);
    }
    wrong.judge(&table);
}

/// When what happened, and the counters then.
struct Outage {
    out: Instant,
    /// Every breaker is open.
    closed: Instant,
    back: Instant,
    at_out: Vec<Counters>,
    at_closed: Vec<Counters>,
    at_back: Vec<Counters>,
}

/// Healthy, out and healthy again.
async fn script(house: &House, upstreams: &[Upstream], kind: &Kind) -> Outage {
    tokio::time::sleep(form(Duration::from_secs(1), Duration::from_secs(3))).await;
    let lasts = form(Duration::from_secs(4), Duration::from_secs(45));
    let at_out = counters(house).await;
    let out = Instant::now();
    for Upstream { mock, .. } in upstreams {
        match kind.fault {
            Some(fault) => mock.rules(vec![Rule::new(fault.parse::<Fault>().unwrap())]),
            None => mock.shut(Door::Refuse, lasts * 2).await,
        }
    }
    tokio::time::sleep(kind.fails_after + Duration::from_millis(700)).await;
    let closed = Instant::now();
    let at_closed = counters(house).await;
    tokio::time::sleep_until((out + lasts).into()).await;
    let at_back = counters(house).await;
    let complete: Vec<_> = upstreams.iter().map(|upstream| upstream.mock.counts().complete).collect();
    let back = Instant::now();
    for Upstream { mock, .. } in upstreams {
        match kind.fault {
            Some(_) => mock.rules(Vec::new()),
            None => mock.shut(Door::Open, Duration::ZERO).await,
        }
    }
    let is_back = || {
        upstreams.iter().zip(&complete).all(|(upstream, before)| upstream.mock.counts().complete > *before)
    };
    while !is_back() && back.elapsed() < BACK * 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    Outage { out, closed, back, at_out, at_closed, at_back }
}

/// One outage: its row, and what is wrong.
async fn run(kind: &Kind, deployments: usize) -> (String, Wrong) {
    let mut upstreams = Vec::new();
    for _ in 0..deployments {
        upstreams.push(upstream(LATENCY).await);
    }
    let urls: Vec<_> = upstreams.iter().map(|upstream| upstream.mock.base_url()).collect();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    let retry = format!("retry: {{ answer: {}ms }}\n", patience().as_millis());
    let house = House::new(&config(&urls, &retry)).await;
    let (shots, outage) = fire(&house, rate(), script(&house, &upstreams, kind)).await;
    let ledgers: Vec<_> = upstreams.iter().map(Seen::of).collect();
    judged(&format!("{} x{deployments}", kind.name), kind, &shots, &outage, &ledgers)
}

/// When an upstream was asked, and when it gave its answers.
struct Seen {
    asked: Vec<Instant>,
    answered: Vec<Instant>,
}

impl Seen {
    fn of(upstream: &Upstream) -> Self {
        let ledger = upstream.mock.ledger();
        let at = |entry: &Entry| upstream.since + entry.at;
        let whole = ledger.iter().filter(|entry| entry.status == 200 && entry.fault.is_none());
        Self { asked: ledger.iter().map(at).collect(), answered: whole.map(at).collect() }
    }

    fn between(&self, from: Instant, to: Instant) -> impl Iterator<Item = Instant> {
        self.asked.iter().copied().filter(move |at| (from..to).contains(at))
    }
}

fn judged(name: &str, kind: &Kind, shots: &Shots, outage: &Outage, ledgers: &[Seen]) -> (String, Wrong) {
    let Outage { out, closed, back, at_out, at_closed, at_back } = outage;
    let (out, closed, back) = (*out, *closed, *back);
    let mut wrong = Wrong::default();

    // Nobody is left without an answer.
    let lost = shots.all.iter().filter(|shot| shot.answer.is_none()).count();
    wrong.unless(lost == 0, name, || format!("{lost} of {} have no answer", shots.all.len()));

    // The outage is not multiplied: by what the upstreams saw, and by what the gateway tried where nobody listened.
    let clients = shots.between(out, back).count();
    let seen: usize = ledgers.iter().map(|seen| seen.between(out, back).count()).sum();
    let tried = sum(at_back, |now| now.requests) - sum(at_out, |then| then.requests);
    let upstream = seen.max(usize::try_from(tried).unwrap());
    let limit = clients * 12 / 10 + 10 * (back - out).as_secs() as usize;
    wrong.unless(upstream <= limit, name, || format!("{clients} requests became {upstream}"));

    // Once closed, each deployment is tried by one at a time, and by nobody else.
    let probes = sum(at_back, |now| now.probes) - sum(at_closed, |then| then.probes);
    let requests = sum(at_back, |now| now.requests) - sum(at_closed, |then| then.requests);
    let most = ledgers.len() as u64 * ((back - closed).as_millis() / PACE.as_millis() + 1) as u64;
    wrong.unless(probes > 0 && probes <= most, name, || format!("{probes} probes, at most {most}"));
    // One may begin between the reading of the two counters.
    wrong.unless(requests.abs_diff(probes) <= 1, name, || {
        format!("{requests} requests while closed, {probes} probes")
    });
    for seen in ledgers {
        let asked: Vec<_> = seen.between(closed, back).collect();
        let together = asked.windows(2).find(|pair| pair[1] - pair[0] < kind.fails_after);
        wrong.unless(together.is_none(), name, || "two probes at once".to_owned());
    }

    // Whoever is not a probe is told at once.
    let told: Vec<&Shot> = shots.between(closed, back).collect();
    let (quick, probing): (Vec<&Shot>, Vec<&Shot>) =
        told.iter().copied().partition(|shot| shot.answer.is_some_and(|answer| answer.attempts == 0));
    let is_answered = |shot: &&&Shot| {
        shot.answer.is_some_and(|answer| answer.status == 200) && shots.since + shot.at + shot.took < back
    };
    let answered = told.iter().filter(is_answered).count();
    wrong.unless(answered == 0, name, || format!("{answered} answered by nobody"));
    wrong.unless(probing.len() as u64 <= probes + 1, name, || {
        format!("{} of {} were no quick errors, {probes} probes", probing.len(), told.len())
    });
    let took = |part| quantile(quick.iter().map(|shot| shot.took), part);
    let late = shots.lateness();
    wrong.unless(took(0.99) <= Duration::from_millis(50) + late, name, || {
        format!("an error takes {:?} while requests leave {late:?} late", took(0.99))
    });

    // The end is found, and is no beginning.
    let bad = |shot: &&Shot| shot.answer.is_none_or(|answer| answer.status != 200);
    let last_error = shots.between(back, back + BACK * 10).filter(bad).last();
    let recovered = last_error.map_or(Duration::ZERO, |shot| shots.since + shot.at - back);
    let first = |seen: &Seen| seen.answered.iter().find(|at| **at >= back).map(|at| *at - back);
    let all_back = ledgers.iter().map(|seen| first(seen).unwrap_or(Duration::MAX)).max().unwrap();
    wrong.unless(recovered <= BACK, name, || format!("an error {recovered:?} after the return"));
    wrong.unless(all_back <= BACK, name, || format!("all were asked again after {all_back:?}"));
    let since = |at: Instant| at - back;
    let herd = busiest(ledgers.iter().flat_map(|seen| seen.between(back, back + BACK * 10).map(since)));
    let normal = shots.normal(rate());
    wrong.unless(herd <= 2 * normal, name, || format!("a herd of {herd}, where {normal} are normal"));

    let mut line = format!("{name:10} {clients:>8} {upstream:>8} {limit:>8} {probes:>6}");
    write!(line, "   {:>6} {:>6} {:>6}", ms(took(0.5)), ms(took(0.99)), ms(took(1.0))).unwrap();
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    write!(
        line,
        "   {:>7} {:>8} {herd:>6} {normal:>6} {:>8}",
        seconds(recovered),
        seconds(all_back),
        ms(late)
    )
    .unwrap();
    line.push('\n');
    (line, wrong)
}

fn sum(counters: &[Counters], of: impl Fn(&Counters) -> u64) -> u64 {
    counters.iter().map(of).sum()
}
