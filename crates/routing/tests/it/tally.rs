//! What happened in a simulated fleet, and the figures of it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
    time::Duration,
};

use lockgate_protocol::ir::FaultKind;

use crate::fleet::Micros;

/// One request that reached an upstream's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    pub(crate) at: Micros,
    pub(crate) deployment: usize,
    /// Which of its call's attempts, from nought.
    pub(crate) number: u32,
    pub(crate) is_probe: bool,
    pub(crate) is_good: bool,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Answered { deployment: usize },
    Failed { kind: FaultKind },
    Refused { is_limited: bool, soonest: Option<Duration> },
}

#[derive(Debug)]
pub(crate) struct Tally {
    deployments: usize,
    pub(crate) attempts: Vec<Attempt>,
    /// When the call came, what became of it, how long that took.
    pub(crate) ends: Vec<(Micros, End, Micros)>,
}

impl Tally {
    pub(crate) fn new(deployments: usize) -> Self {
        Self { deployments, attempts: Vec::new(), ends: Vec::new() }
    }

    /// The attempts that began in that time, in seconds.
    pub(crate) fn attempts(&self, time: Range<f64>) -> impl Iterator<Item = &Attempt> + Clone {
        self.attempts.iter().filter(move |attempt| time.contains(&(attempt.at as f64 / 1e6)))
    }

    /// The calls that came in that time, in seconds.
    pub(crate) fn calls(&self, time: Range<f64>) -> impl Iterator<Item = &(Micros, End, Micros)> + Clone {
        self.ends.iter().filter(move |(at, _, _)| time.contains(&(*at as f64 / 1e6)))
    }

    /// The calls of that time that were not answered.
    pub(crate) fn lost(&self, time: Range<f64>) -> usize {
        self.calls(time).filter(|(_, end, _)| !matches!(end, End::Answered { .. })).count()
    }

    /// The part of the attempts of that time that each deployment got.
    pub(crate) fn shares(&self, time: Range<f64>) -> Vec<f64> {
        let mut counts = vec![0usize; self.deployments];
        self.attempts(time).for_each(|attempt| counts[attempt.deployment] += 1);
        let sum: usize = counts.iter().sum();
        counts.iter().map(|count| *count as f64 / sum.max(1) as f64).collect()
    }

    /// Most attempts that began within one second of that time.
    pub(crate) fn busiest_second(&self, time: Range<f64>) -> usize {
        let mut seconds = std::collections::BTreeMap::new();
        self.attempts(time).for_each(|attempt| *seconds.entry(attempt.at / 1_000_000).or_insert(0) += 1);
        seconds.into_values().max().unwrap_or(0)
    }

    /// The same for the same course of events.
    pub(crate) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.attempts.hash(&mut hasher);
        self.ends.hash(&mut hasher);
        hasher.finish()
    }
}
