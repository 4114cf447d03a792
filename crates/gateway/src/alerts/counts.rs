//! How many alerts there were, and what became of them at each receiver, since the process began.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use lockgate_alerts::{Kind, Status};

use super::lock;
use crate::metrics::Counter;

/// Most receivers that are told apart, those of configs before this one included; what comes then is counted together.
const MOST: usize = 200;
/// What those are called.
const OTHER: &str = "other";

/// How many alerts there were.
#[derive(Default)]
pub(crate) struct Counts {
    raised: [Counter; Kind::COUNT],
    resolved: [Counter; Kind::COUNT],
    /// None is ever given up, so that counters go on counting after a reload.
    sinks: Mutex<BTreeMap<String, Arc<Deliveries>>>,
}

/// What became of the alerts that one receiver was to be told of.
#[derive(Default)]
pub(crate) struct Deliveries {
    /// Of these it was told.
    pub(super) told: Counter,
    /// These it did not take, however often they were sent.
    pub(super) failed: Counter,
    /// These found no room among those that waited.
    pub(super) dropped: Counter,
}

impl Counts {
    /// Counts an alert that is told.
    pub(super) fn count(&self, kind: Kind, status: Status) {
        let cells = match status {
            Status::Raised => &self.raised,
            Status::Resolved => &self.resolved,
        };
        cells[kind.place()].add(1);
    }

    /// Where the alerts of the receiver of that name are counted.
    pub(super) fn of_sink(&self, name: &str) -> Arc<Deliveries> {
        let mut sinks = lock(&self.sinks);
        let name = if sinks.contains_key(name) || sinks.len() < MOST { name } else { OTHER };
        Arc::clone(sinks.entry(name.to_owned()).or_default())
    }

    /// Alerts by their kind and status.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = (Kind, Status, u64)> {
        Kind::all().flat_map(|kind| {
            [(Status::Raised, &self.raised), (Status::Resolved, &self.resolved)]
                .map(|(status, cells)| (kind, status, cells[kind.place()].now()))
        })
    }

    /// Each receiver with how many alerts it was told of, did not take, and had no room for.
    pub(crate) fn sinks(&self) -> Vec<(String, [(&'static str, u64); 3])> {
        let row = |(name, cells): (&String, &Arc<Deliveries>)| {
            let Deliveries { told, failed, dropped } = &**cells;
            let counts = [("told", told.now()), ("failed", failed.now()), ("dropped", dropped.now())];
            (name.clone(), counts)
        };
        lock(&self.sinks).iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receivers_are_told_apart_up_to_a_number() {
        let counts = Counts::default();
        for number in 0..MOST + 5 {
            counts.of_sink(&format!("sink-{number}")).told.add(1);
        }
        counts.of_sink("sink-0").failed.add(2);
        let sinks = counts.sinks();
        assert_eq!(sinks.len(), MOST + 1);
        let of = |name: &str| sinks.iter().find(|(known, _)| known == name).unwrap().1;
        assert_eq!(of("sink-0"), [("told", 1), ("failed", 2), ("dropped", 0)]);
        assert_eq!(of(OTHER), [("told", 5), ("failed", 0), ("dropped", 0)]);
    }
}
