//! Everything there is to see at one moment, in the order of the table.

use std::{collections::BTreeMap, sync::Arc, time::UNIX_EPOCH};

use lockgate_routing::State;

use super::{
    Metrics, bounds,
    cells::{Buckets, Counter, Histogram, Words},
    family::{self, FAMILIES, Family},
    meters::{CLASSES, Pair, SecondTry},
    process::Process,
};
use crate::{
    Setup,
    alerts::{Alerts, SinkState},
    clock,
    data_path::Phase,
    reload,
    store::Standing,
};

/// The states in which a deployment can be.
const STATES: [State; 5] = [State::Closed, State::Open, State::Cooling, State::HalfOpen, State::Drained];

/// A value, as its cell has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Of a counter, in its cell's unit.
    Count(u64),
    /// Of a gauge, in the unit that is shown.
    Gauge(f64),
    /// Of a histogram, in its cell's unit.
    Buckets(Buckets),
}

/// The values of one metric, by their labels.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) family: &'static Family,
    pub(crate) points: Vec<(Vec<String>, Value)>,
}

/// All that is gathered so far.
struct Basket(Vec<Gathered>);

impl Basket {
    fn new() -> Self {
        Self(FAMILIES.iter().map(|family| Gathered { family, points: Vec::new() }).collect())
    }

    fn put(&mut self, family: &'static Family, labels: &[&str], value: Value) {
        if let Some(gathered) = self.0.iter_mut().find(|gathered| gathered.family.name == family.name) {
            gathered.points.push((labels.iter().map(|label| (*label).to_owned()).collect(), value));
        }
    }

    /// A counter, if it counted anything.
    fn count(&mut self, family: &'static Family, labels: &[&str], count: u64) {
        if count > 0 {
            self.put(family, labels, Value::Count(count));
        }
    }

    fn words(&mut self, family: &'static Family, words: &Words<Counter>) {
        for (word, count) in words.all() {
            self.count(family, &[word], count.now());
        }
    }

    fn buckets(&mut self, family: &'static Family, labels: &[&str], histogram: &Histogram) {
        let buckets = histogram.read();
        if buckets.count() > 0 {
            self.put(family, labels, Value::Buckets(buckets));
        }
    }

    fn gauge(&mut self, family: &'static Family, labels: &[&str], value: f64) {
        self.put(family, labels, Value::Gauge(value));
    }

    /// All of it, each metric's values in the order of their labels.
    fn sorted(mut self) -> Vec<Gathered> {
        for gathered in &mut self.0 {
            gathered.points.sort_by(|a, b| a.0.cmp(&b.0));
        }
        self.0
    }
}

/// What there is to see of the gateway that `setup` counts for.
pub(crate) fn now(setup: &Setup) -> Vec<Gathered> {
    let mut basket = Basket::new();
    let metrics = &setup.gateway.metrics;
    metrics.calls(&mut basket);
    metrics.keys(&mut basket);
    metrics.work(&mut basket);
    gateway(setup, &mut basket);
    deployments(setup, &mut basket);
    process(metrics, &mut basket);
    basket.sorted()
}

impl Metrics {
    /// All that was counted together.
    pub(crate) fn pairs(&self) -> Vec<Arc<Pair>> {
        self.models.all().iter().flat_map(|model| model.pairs()).collect()
    }

    fn calls(&self, basket: &mut Basket) {
        let (mut attempts, mut broken) = (BTreeMap::new(), BTreeMap::new());
        let mut took: BTreeMap<Arc<str>, Buckets> = BTreeMap::new();
        for pair in self.pairs() {
            let deployment = &pair.deployment.name;
            let labels = [&*pair.model, &**deployment, pair.operation];
            for (dialect, status, ended, count) in pair.requests() {
                let labels = [labels[0], labels[1], labels[2], dialect, status, ended];
                basket.count(family::REQUESTS, &labels, count);
            }
            basket.buckets(family::DURATION, &labels, &pair.duration);
            basket.buckets(family::FIRST_TOKEN, &labels, &pair.first_token);
            basket.buckets(family::OUTPUT_TOKEN, &labels, &pair.output_token);
            for (class, count) in CLASSES.into_iter().zip(pair.tokens()) {
                basket.count(family::TOKENS, &[labels[0], labels[1], labels[2], class], count);
            }
            basket.count(family::COST, &labels, pair.cost.now());
            basket.count(family::UNPRICED, &labels, pair.unpriced.now());
            basket.count(family::LOSSY, &labels, pair.lossy.now());
            for (fault, tries) in pair.attempts.all() {
                let tries = tries.read();
                *attempts.entry((Arc::clone(deployment), fault)).or_default() += tries.count();
                let none = || Buckets::none(bounds::DURATION);
                took.entry(Arc::clone(deployment)).or_insert_with(none).add(&tries);
            }
            for (fault, count) in pair.broken.all() {
                *broken.entry((Arc::clone(deployment), fault)).or_default() += count.now();
            }
        }
        for (family, counts) in [(family::ATTEMPTS, attempts), (family::BROKEN, broken)] {
            for ((deployment, fault), count) in counts {
                basket.count(family, &[&deployment, fault], count);
            }
        }
        for (deployment, buckets) in took {
            basket.put(family::ATTEMPT_DURATION, &[&deployment], Value::Buckets(buckets));
        }
        for model in self.models.all() {
            for (how, name) in SecondTry::ALL {
                basket.count(family::SECOND_TRIES, &[&model.name, name], model.second_tries(how));
            }
        }
        basket.words(family::REFUSALS, &self.refusals);
        basket.words(family::REJECTIONS, &self.rejections);
    }

    fn keys(&self, basket: &mut Basket) {
        for key in self.keys.all().iter().chain([&self.no_key]) {
            for (status, count) in key.requests() {
                basket.count(family::KEY_REQUESTS, &[&key.name, status], count);
            }
            for (class, count) in CLASSES.into_iter().zip(key.tokens()) {
                basket.count(family::KEY_TOKENS, &[&key.name, class], count);
            }
            basket.count(family::KEY_COST, &[&key.name], key.cost.now());
        }
    }

    fn work(&self, basket: &mut Basket) {
        basket.put(family::OVERHEAD, &[], Value::Buckets(self.overhead.read()));
        for (cell, (_, phase)) in self.phases.iter().zip(Phase::ALL) {
            basket.put(family::PHASES, &[phase], Value::Buckets(cell.read()));
        }
    }
}

fn gateway(setup: &Setup, basket: &mut Basket) {
    let gateway = &setup.gateway;
    let metrics = &gateway.metrics;
    basket.gauge(family::IN_FLIGHT, &[], gateway.calls.now() as f64);
    basket.gauge(family::STREAMS, &[], metrics.streams.now() as f64);
    basket.gauge(family::CONNECTIONS, &[], gateway.connections.now() as f64);
    basket.gauge(family::TASKS, &[], gateway.tasks.len() as f64);
    basket.gauge(family::BODIES, &[], gateway.room.held() as f64);
    basket.gauge(family::BODY_BUDGET, &[], gateway.room.most() as f64);
    basket.put(family::JOURNAL_RECORDS, &[], Value::Count(metrics.overhead.read().count()));
    if let Some(standing) = gateway.store.standing() {
        journal(&standing, basket);
    }
    alerts(&gateway.alerts, basket);
    basket.words(family::SPANS, &metrics.spans);
    let reload::Standing { since, reloads, refusals, .. } = gateway.reloads.standing();
    basket.put(family::RELOADS, &["taken"], Value::Count(reloads));
    basket.put(family::RELOADS, &["refused"], Value::Count(refusals));
    basket.gauge(family::CONFIG_SINCE, &[], seconds(since));
}

/// What operators were told, and what became of it.
fn alerts(alerts: &Alerts, basket: &mut Basket) {
    for (kind, status, count) in alerts.counts().alerts() {
        basket.count(family::ALERTS, &[kind.name(), status.name()], count);
    }
    // Nought is shown as well: whoever watches for failures sees that there are none.
    for (sink, results) in alerts.counts().sinks() {
        for (result, count) in results {
            basket.put(family::ALERT_DELIVERIES, &[&sink, result], Value::Count(count));
        }
    }
    for SinkState { name, waiting, .. } in alerts.sinks() {
        basket.gauge(family::ALERTS_WAITING, &[&name], waiting as f64);
    }
}

/// How the journal is, and what is made of it.
fn journal(Standing { journal, projections }: &Standing, basket: &mut Basket) {
    basket.gauge(family::JOURNAL_WAITING, &[], journal.waiting as f64);
    basket.gauge(family::JOURNAL_STUCK, &[], journal.stuck_seconds as f64);
    basket.put(family::JOURNAL_LOST, &[], Value::Count(journal.lost));
    basket.put(family::JOURNAL_FAILED_SYNCS, &[], Value::Count(journal.failed_syncs));
    basket.gauge(family::JOURNAL_BYTES, &[], journal.bytes as f64);
    for projection in projections {
        basket.gauge(family::BEHIND, &[projection.name], projection.behind_lines as f64);
        basket.gauge(family::BEHIND_FOR, &[projection.name], projection.behind_seconds as f64);
        basket.put(family::PROJECTION_FAILURES, &[projection.name], Value::Count(projection.failures));
    }
}

/// How the deployments of the config are.
fn deployments(setup: &Setup, basket: &mut Basket) {
    let now = clock::now();
    let mut seen: BTreeMap<&str, ()> = BTreeMap::new();
    for (_, model) in setup.fleet.configured() {
        for deployment in &model.deployments {
            let name = &*deployment.meter.name;
            if deployment.meter.is_nobody() || seen.insert(name, ()).is_some() {
                continue;
            }
            let status = deployment.health.status(now);
            for state in STATES {
                let is_in = f64::from(u8::from(state == status.state));
                basket.gauge(family::STATES, &[name, state.name()], is_in);
            }
            basket.gauge(family::DEPLOYMENT_IN_FLIGHT, &[name], deployment.health.in_flight() as f64);
        }
    }
}

fn process(metrics: &Metrics, basket: &mut Basket) {
    let Process { resident, virtual_memory, cpu_micros, open_files, most_files } = Process::now();
    let gauges = [
        (family::RESIDENT, resident),
        (family::VIRTUAL, virtual_memory),
        (family::OPEN_FILES, open_files),
        (family::MOST_FILES, most_files),
    ];
    for (family, value) in gauges {
        if let Some(value) = value {
            basket.gauge(family, &[], value as f64);
        }
    }
    if let Some(micros) = cpu_micros {
        basket.put(family::CPU, &[], Value::Count(micros));
    }
    basket.gauge(family::STARTED, &[], seconds(metrics.since));
    basket.gauge(family::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
}

fn seconds(at: std::time::SystemTime) -> f64 {
    at.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
