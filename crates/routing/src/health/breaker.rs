//! Faults in a row, and how long they keep a deployment closed.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    health::{Rules, rest::jittered},
    span::later,
};

/// First time for which it is closed; doubles with each probe that fails.
const CLOSED: Duration = Duration::from_secs(1);
/// Longest such time, so that a provider that is back is found soon.
const MOST_CLOSED: Duration = Duration::from_secs(15);
/// Faults that are remembered: what the config may ask for at most.
const MOST_FAULTS: usize = 1000;

/// What is counted of the faults of one deployment.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// When the faults in a row happened that are within the window.
    run: VecDeque<Instant>,
    /// How often in a row it was closed.
    closed: u32,
    /// A probe has begun to answer, but nothing has been answered whole since it was closed: one more fault is enough.
    is_on_trial: bool,
}

impl Breaker {
    pub(super) fn is_calm(&self) -> bool {
        self.run.is_empty() && self.closed == 0
    }

    /// Faults in a row.
    pub(super) fn run(&self) -> usize {
        self.run.len()
    }

    pub(super) fn answered(&mut self) {
        self.run.clear();
        self.closed = 0;
        self.is_on_trial = false;
    }

    /// A probe has begun to answer.
    pub(super) fn began(&mut self) {
        self.is_on_trial = true;
    }

    /// Another fault; whether it is one too many.
    pub(super) fn failed(&mut self, rules: &Rules, now: Instant) -> bool {
        self.run.push_back(now);
        while self.run.front().is_some_and(|at| now.saturating_duration_since(*at) > rules.error_window) {
            self.run.pop_front();
        }
        let threshold = usize::try_from(rules.error_threshold).unwrap_or(MOST_FAULTS).clamp(1, MOST_FAULTS);
        self.is_on_trial || self.run.len() >= threshold
    }

    /// Closes it; until when. The time that a probe waited for its fault has been a rest too: `since` is when it began.
    pub(super) fn close(&mut self, rules: &Rules, since: Instant, now: Instant, dice: f64) -> Instant {
        let (first, most) = match rules.cooldown {
            Some(written) => (written, written),
            None => (CLOSED * (1 << self.closed.min(4)), MOST_CLOSED),
        };
        let most = most.min(rules.max_cooldown);
        let span = first.min(most);
        self.run.clear();
        self.closed = self.closed.saturating_add(1);
        self.is_on_trial = false;
        later(since, jittered(span, dice)).max(later(now, jittered(CLOSED.min(most), dice)))
    }
}
