//! One attempt under way at one deployment.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use lockgate_protocol::ir::Fault;

use crate::health::{Health, Rules, lock};

/// Which rests a request tries: the deployment's own, its credential's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slots {
    pub(super) own: bool,
    pub(super) shared: bool,
}

impl Slots {
    pub(super) fn any(self) -> bool {
        self.own || self.shared
    }
}

/// One attempt under way. Dropped without a verdict (the client went away), nothing is learned.
#[derive(Debug)]
pub struct Ticket {
    health: Arc<Health>,
    since: Instant,
    has_begun: bool,
    is_probe: bool,
    /// The probes that this request still is.
    slots: Slots,
}

impl Ticket {
    pub(super) fn new(health: Arc<Health>, slots: Slots, since: Instant) -> Self {
        Self { health, since, has_begun: false, is_probe: slots.any(), slots }
    }

    /// The first output is there: its time is noted, and if this request was a probe, it has found what it was sent
    /// for, however long the rest of the answer takes. One more fault closes the deployment again until something has
    /// been answered whole.
    pub fn began(&mut self, now: Instant) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let took = now.saturating_duration_since(self.since);
        lock(&self.health.latency).measured(took, now);
        if self.slots.any() {
            self.health.began(self.slots);
            self.give_back();
        }
    }

    /// The answer is whole.
    pub fn answered(mut self, now: Instant) {
        self.began(now);
        self.health.answered(self.slots);
    }

    /// It failed. `dice` is uniform in `0.0..1.0`. True if the deployment's breaker is open from now on.
    pub fn failed(mut self, fault: &Fault, rules: &Rules, now: Instant, dice: f64) -> bool {
        let is_open = self.health.failed(fault, self.slots, self.since, rules, now, dice);
        self.give_back();
        is_open
    }

    /// Whether it was let through to try a deployment after its rest.
    pub fn is_probe(&self) -> bool {
        self.is_probe
    }

    fn give_back(&mut self) {
        self.health.give_back(std::mem::take(&mut self.slots));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.give_back();
        self.health.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
