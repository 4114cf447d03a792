//! The time that something rests after faults, and the one request that tries it when the rest is over.

use std::time::{Duration, Instant};

use lockgate_protocol::ir::{Fault, FaultKind};

use crate::{
    health::{Blocked, Rules, Why},
    span::{later, stretched},
};

/// How many rate limits in a row that say no time are only the business of the requests that met them.
const FREE_LIMITS: u32 = 2;
/// First rest after more of them; doubles with each.
const LIMITED: Duration = Duration::from_secs(1);
/// Longest of those: it is only a guess, and who is well again shall be back soon.
const MOST_LIMITED: Duration = Duration::from_secs(15);
/// How long the last one of a pool is left alone between two tries.
const LAST_PACE: Duration = Duration::from_secs(1);

/// One rest. It does not end by itself: when its time is over, one request is let through, and only what becomes of
/// that ends the rest or begins another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rest {
    pub(super) why: Why,
    pub(super) until: Instant,
    /// The provider put a time to it, so that nobody asks before, whatever else succeeds.
    is_told: bool,
    /// From when on it may be tried as the last one of a pool.
    last_from: Instant,
}

/// Rests, one at a time, of a deployment or a credential.
#[derive(Debug, Default)]
pub(super) struct Rests {
    rest: Option<Rest>,
    /// Rate limits in a row.
    limited: u32,
    /// A request that was let through after a rest is under way: never two, whatever happens meanwhile.
    is_tried: bool,
}

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Like any other.
    Open,
    /// As the one that tries whether the rest did any good.
    Probe,
    Shut,
}

impl Rests {
    /// Whether nothing is remembered.
    pub(super) fn is_calm(&self) -> bool {
        self.rest.is_none() && self.limited == 0
    }

    pub(super) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// Whether a probe is under way.
    pub(super) fn is_tried(&self) -> bool {
        self.is_tried
    }

    pub(super) fn gate(&self, now: Instant) -> Gate {
        match &self.rest {
            None => Gate::Open,
            Some(rest) if rest.until <= now && !self.is_tried => Gate::Probe,
            Some(_) => Gate::Shut,
        }
    }

    /// The same where there is nobody else to ask.
    pub(super) fn last_gate(&self, now: Instant) -> Gate {
        match (self.gate(now), &self.rest) {
            (Gate::Shut, Some(rest)) if !rest.is_told && rest.last_from <= now && !self.is_tried => {
                Gate::Probe
            }
            (gate, _) => gate,
        }
    }

    pub(super) fn blocked(&self, now: Instant) -> Option<Blocked> {
        let rest = self.rest.filter(|_| self.gate(now) == Gate::Shut)?;
        let is_tried = rest.until <= now;
        Some(Blocked { why: rest.why, until: (!is_tried).then_some(rest.until), is_tried })
    }

    /// Whether the last one of a pool may be tried before its time at all.
    pub(super) fn is_told(&self) -> bool {
        self.rest.is_some_and(|rest| rest.is_told)
    }

    /// A probe begins; the last one of a pool is not tried again for a while, whatever becomes of this.
    pub(super) fn probe(&mut self, now: Instant, dice: f64) {
        self.is_tried = true;
        if let Some(rest) = &mut self.rest {
            rest.last_from = later(now, jittered(LAST_PACE, dice));
        }
    }

    /// A probe before the rest's end has failed: the next one comes no sooner than the last one of a pool is tried.
    pub(super) fn keep_pace(&mut self) {
        if let Some(rest) = &mut self.rest {
            rest.until = rest.until.max(rest.last_from);
        }
    }

    /// The probe is over, whatever it found.
    pub(super) fn probed(&mut self) {
        self.is_tried = false;
    }

    /// It answered. A request that was under way before the rest began proves nothing against a time that the provider
    /// gave.
    pub(super) fn answered(&mut self, is_probe: bool) {
        if is_probe || !self.is_told() {
            self.rest = None;
            self.limited = 0;
        }
    }

    /// It can be reached: what no time was put to may be tried at once.
    pub(super) fn reached(&mut self, now: Instant) {
        if let Some(rest) = self.rest.as_mut().filter(|rest| !rest.is_told) {
            rest.until = rest.until.min(now);
        }
    }

    /// Somebody who knows better says that it is well.
    pub(super) fn forget(&mut self) {
        self.rest = None;
        self.limited = 0;
    }

    /// Rests because of faults in a row, for `span`.
    pub(super) fn open(&mut self, now: Instant, until: Instant, dice: f64) {
        self.begin(Why::Open, until, false, now, dice);
    }

    /// Rests after a rate limit, an empty account or a refused key.
    pub(super) fn cool(&mut self, fault: &Fault, rules: &Rules, now: Instant, dice: f64) {
        let is_limit = fault.kind == FaultKind::RateLimited;
        // Requests that were under way together are refused together: that is one refusal, not one after the other.
        let is_resting = self.rest.is_some_and(|rest| rest.until > now);
        if is_limit && !is_resting {
            self.limited = self.limited.saturating_add(1);
        }
        let is_free = rules.cooldown.is_none() && self.limited <= FREE_LIMITS;
        if is_limit && fault.retry_after.is_none() && is_free {
            return;
        }
        let guess = match (is_limit, rules.cooldown) {
            (true, Some(written)) => written,
            (true, None) => {
                (LIMITED * (1 << self.limited.saturating_sub(1 + FREE_LIMITS).min(6))).min(MOST_LIMITED)
            }
            (false, _) => rules.max_cooldown,
        };
        let span = stretched(fault.retry_after.unwrap_or(guess).min(rules.max_cooldown), 1.0 + 0.1 * dice);
        // A time that the operator wrote is no word of the provider's: the last one of a pool is tried before.
        let is_told = fault.retry_after.is_some() || (is_limit && rules.cooldown.is_none());
        self.begin(Why::cooling(fault.kind), later(now, span), is_told, now, dice);
    }

    /// Of two rests the one that lasts longer counts; one that is over makes room for any.
    fn begin(&mut self, why: Why, until: Instant, is_told: bool, now: Instant, dice: f64) {
        if self.rest.is_some_and(|rest| rest.until > now && rest.until >= until) {
            return;
        }
        let last_from = later(now, jittered(LAST_PACE, dice));
        self.rest = Some(Rest { why, until, is_told, last_from });
    }
}

/// 20 % more or less, so that what was closed together does not open together.
pub(super) fn jittered(span: Duration, dice: f64) -> Duration {
    stretched(span, 0.8 + 0.4 * dice)
}
