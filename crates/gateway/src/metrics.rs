//! Metrics: what is counted of calls, and what can be read off the gateway at any time.
//!
//! Own cells rather than a crate's: their labels are closed sets that are known before a call comes, so that its cells are
//! found once and added to without hashing, locking or allocating, which registries that take any label cannot promise. They
//! outlive reloads.

mod bounds;
mod call;
mod cells;
mod family;
mod gather;
mod meters;
mod page;
mod process;
mod register;
mod text;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use lockgate_protocol::{dialect::Dialect, ir::FaultKind};
use lockgate_store::{CallRecord, Price};

use crate::{
    clock,
    data_path::{Phase, Phases},
    tally::Tally,
};
use cells::{Histogram, Words};
use meters::{KeyMeter, Outcome};
use register::Register;

pub(crate) use call::{CallMeter, GIVEN_UP};
pub(crate) use cells::{Buckets, Counter};
pub(crate) use family::Kind;
pub(crate) use gather::{Gathered, Value, now as gathered};
pub(crate) use meters::{DeploymentMeter, ModelMeter, OwnMeter, Pair, SecondTry};
pub(crate) use page::{answer, claims, page};

/// Most models that are told apart.
const MODELS: usize = 2_000;
/// Most deployments that are told apart.
const DEPLOYMENTS: usize = 5_000;
/// Most client keys that are told apart.
const KEYS: usize = 1_000;

/// All that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) models: Register<ModelMeter>,
    pub(crate) deployments: Register<DeploymentMeter>,
    keys: Register<KeyMeter>,
    no_deployment: Arc<DeploymentMeter>,
    no_key: Arc<KeyMeter>,
    overhead: Histogram,
    phases: [Histogram; Phase::ALL.len()],
    refusals: Words<Counter>,
    rejections: Words<Counter>,
    spans: Words<Counter>,
    /// Answers that are passing in pieces.
    pub(crate) streams: Tally,
    /// When counting began.
    since: SystemTime,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            models: Register::of_models(MODELS),
            deployments: Register::of_deployments(DEPLOYMENTS),
            keys: Register::of_keys(KEYS),
            no_deployment: Arc::new(DeploymentMeter::nobody()),
            no_key: Arc::new(KeyMeter::nobody()),
            overhead: Histogram::new(bounds::WORK),
            phases: [(); Phase::ALL.len()].map(|()| Histogram::new(bounds::WORK)),
            refusals: Words::default(),
            rejections: Words::default(),
            spans: Words::default(),
            streams: Tally::default(),
            since: clock::wall(),
        }
    }
}

impl Metrics {
    /// A request was answered with an error.
    pub(crate) fn refused(&self, kind: FaultKind) {
        self.refusals.of(kind.name(), Counter::default).add(1);
    }

    /// A request was refused because of a limit of that kind.
    pub(crate) fn limited(&self, limit: &'static str) {
        self.rejections.of(limit, Counter::default).add(1);
    }

    /// That became of so many spans for a collector.
    pub(crate) fn spans(&self, result: &'static str, count: u64) {
        self.spans.of(result, Counter::default).add(count);
    }

    /// When counting began.
    pub(crate) fn since(&self) -> SystemTime {
        self.since
    }

    /// The meter of the key that called; `own` is where it is kept.
    fn key(&self, caller: Option<(&OwnMeter, &str)>) -> Arc<KeyMeter> {
        match caller {
            Some((own, name)) => Arc::clone(own.get_or_init(|| self.keys.key(name))),
            None => Arc::clone(&self.no_key),
        }
    }

    /// A call has ended as `record` says.
    pub(crate) fn settled(
        &self,
        meter: &CallMeter,
        record: &CallRecord,
        dialect: &'static dyn Dialect,
        phases: &Phases,
        caller: Option<(&OwnMeter, &str)>,
        now: Instant,
    ) {
        let CallRecord { status, ended, micros, .. } = *record;
        let pair = meter.pair(&self.models.other, &self.no_deployment);
        pair.request(Outcome { dialect, status, ended });
        pair.duration.record(micros);
        meter.has_answered(&pair, ended, now);
        let key = self.key(caller);
        key.request(status);
        if let Some(first) = record.first_token_micros {
            pair.first_token.record(first);
        }
        if let Some(used) = &record.usage {
            pair.used(used);
            key.used(used);
            if let Some(first) = record.first_token_micros
                && record.stream
                && used.output > 1
            {
                pair.output_token.record(micros.saturating_sub(first) / (used.output - 1));
            }
        }
        if let Some(cost) = record.cost {
            pair.cost.add(cost);
            key.cost.add(cost);
        }
        pair.unpriced.add(u64::from(record.price == Price::Unknown));
        pair.lossy.add(u64::from(!record.losses.is_empty()));
        self.overhead.record(record.overhead_micros);
        for (cell, (phase, _)) in self.phases.iter().zip(Phase::ALL) {
            cell.record(u64::try_from(phases.spent(phase).as_micros()).unwrap_or(u64::MAX));
        }
    }
}
