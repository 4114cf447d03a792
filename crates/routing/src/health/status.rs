//! What can be told of a deployment: for the operator's pages, metrics and `explain`.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use crate::health::{Blocked, Health, Why, lock, rest::Gate};

/// In which state a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It takes requests.
    Closed,
    /// It failed too often in a row and takes none.
    Open,
    /// It, or its credential, is left alone for a time.
    Cooling,
    /// Its rest is over: one request tries it.
    HalfOpen,
    /// The operator took it out.
    Drained,
}

impl State {
    /// The name in status and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Cooling => "cooling",
            Self::HalfOpen => "half_open",
            Self::Drained => "drained",
        }
    }
}

/// All that is known of a deployment at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Its state.
    pub state: State,
    /// Why it rests or is tried; none while it is closed.
    pub why: Option<Why>,
    /// How long it still rests, where that is known.
    pub until: Option<Duration>,
    /// Requests that took part.
    pub requests: u64,
    /// Those that were answered whole.
    pub answered: u64,
    /// Faults by [`lockgate_protocol::ir::FaultKind::name`], those that happened.
    pub faults: Vec<(&'static str, u64)>,
    /// Requests under way.
    pub in_flight: usize,
    /// Faults in a row that count for the breaker.
    pub consecutive: usize,
    /// Mean time to the first token.
    pub first_token: Option<Duration>,
    /// The smaller part left of the provider's limits, `0.0..=1.0`.
    pub headroom: Option<f64>,
    /// How often its breaker opened.
    pub opened: u64,
    /// Requests that tried it after a rest.
    pub probes: u64,
}

impl Health {
    /// All that is known at `now`.
    pub fn status(&self, now: Instant) -> Status {
        let blocked = self.blocked(now);
        let record = self.record();
        let half_open = {
            let account = self.account.rests();
            let tried = [&record.rests, &account].into_iter().find(|rests| rests.gate(now) == Gate::Probe);
            tried.and_then(|rests| rests.rest().map(|rest| rest.why))
        };
        let state = match blocked {
            Some(Blocked { why: Why::Drained, .. }) => State::Drained,
            Some(Blocked { is_tried: true, .. }) => State::HalfOpen,
            Some(Blocked { why: Why::Open, .. }) => State::Open,
            Some(_) => State::Cooling,
            None if half_open.is_some() => State::HalfOpen,
            None => State::Closed,
        };
        let mean = lock(&self.latency).mean();
        Status {
            state,
            why: blocked.map(|blocked| blocked.why).or(half_open),
            until: blocked
                .and_then(|blocked| blocked.until)
                .map(|until| until.saturating_duration_since(now)),
            requests: self.requests.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            faults: record.faults.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            in_flight: self.in_flight(),
            consecutive: record.breaker.run(),
            first_token: mean.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
            headroom: lock(&self.quota).headroom(now),
            opened: record.opened,
            probes: record.probes,
        }
    }
}
