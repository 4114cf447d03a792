//! The course of one call over its deployments: after each fault, whom to ask next, when, or that it is over.

use std::{
    fmt,
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{Fault, FaultKind, Remedy, Scope};

use crate::{
    budget::Budget,
    health::Standing,
    pool::{self, Order},
    span::stretched,
};

/// How often a call comes back to one deployment that had no room for it.
const MOST_PASSES: u32 = 4;
/// A fault that took longer is a slow one: what was asked meanwhile fails together, and more than a budget foresees.
const SLOW: Duration = Duration::from_secs(2);

/// How persistent a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Most attempts that reach a provider. An attempt that found no connection reached nobody and is not counted:
    /// each deployment can have but one of those in a call.
    pub attempts: u32,
    /// First ceiling of the pause before a deployment is asked again; doubles each time.
    pub backoff: Duration,
    /// Highest ceiling of that pause.
    pub max_backoff: Duration,
    /// Longest wait that a provider may ask for; a longer one strikes the deployment from this call.
    pub max_wait: Duration,
    /// An attempt that reached a provider and failed later than this ends the call: nobody is asked again.
    pub within: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 3,
            backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            max_wait: Duration::from_secs(60),
            within: None,
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask this deployment, after the pause.
    Ask {
        /// The gateway's number for the deployment.
        deployment: usize,
        /// How long to wait first.
        after: Duration,
    },
    /// Nothing is left that could help.
    Stop,
}

/// When and by what dice a course is decided.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The time.
    pub now: Instant,
    /// The time that the call still has.
    pub left: Duration,
    /// Uniform in `0.0..1.0`.
    pub dice: f64,
    /// What all calls together may try again.
    pub budget: &'a Budget,
    /// What is known of a deployment now: [`crate::Health::standing`].
    pub standing: &'a dyn Fn(usize) -> Standing,
}

impl fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, left, dice, budget, standing: _ } = self;
        let mut moment = f.debug_struct("Moment");
        moment.field("now", now).field("left", left).field("dice", dice).field("budget", budget).finish()
    }
}

/// The state of one call.
#[derive(Debug)]
pub struct Course {
    legs: Vec<Leg>,
    current: usize,
    policy: Policy,
    /// Attempts that reached a provider.
    reached: u32,
    /// The budget has been asked for the attempt that comes next, or does not have to be.
    is_paid: bool,
    /// The last fault was a slow one.
    is_slow: bool,
    /// Each of the legs is asked once: by the last resort or by a list for refused calls.
    is_once: bool,
    is_last: bool,
    /// For which refusal the legs are there, if not for all calls.
    aside: Option<FaultKind>,
    on_context_length: Vec<pool::Leg>,
    on_content_filter: Vec<pool::Leg>,
}

#[derive(Debug)]
struct Leg {
    deployment: usize,
    faults: u32,
    /// How often it had no room when its turn came.
    passes: u32,
    struck: bool,
    /// How long to wait for it: what the provider asked for at its last fault, or until there is room.
    hint: Option<Duration>,
}

impl Leg {
    fn new(deployment: usize) -> Self {
        Self { deployment, faults: 0, passes: 0, struck: false, hint: None }
    }

    /// Not asked yet.
    fn is_fresh(&self) -> bool {
        self.faults + self.passes == 0 && !self.struck
    }
}

impl Course {
    /// The course by `order`.
    pub fn new(order: &Order, policy: Policy) -> Self {
        let is_last = order.legs.is_empty();
        let last = order.last.filter(|_| is_last);
        let deployments = order.legs.iter().map(|leg| leg.deployment).chain(last);
        Self {
            legs: deployments.map(Leg::new).collect(),
            current: 0,
            policy,
            reached: 0,
            is_paid: false,
            is_slow: false,
            is_once: is_last,
            is_last,
            aside: None,
            on_context_length: order.on_context_length.clone(),
            on_content_filter: order.on_content_filter.clone(),
        }
    }

    /// The first deployment to ask, if there is any.
    pub fn first(&self) -> Option<usize> {
        self.legs.first().map(|leg| leg.deployment)
    }

    /// Whether the deployment to ask is the last resort of its pool, to be begun by [`crate::Health::begin_last`].
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Whether somebody else could be asked if the deployment asked now fails without having been of use to anybody.
    pub fn has_other(&self) -> bool {
        let others =
            self.legs.iter().enumerate().filter(|(place, leg)| *place != self.current && !leg.struck);
        self.reached + 1 < self.policy.attempts && others.count() > 0
    }

    /// Decides after `fault` of the deployment asked last, which took that long.
    pub fn after(&mut self, fault: &Fault, took: Duration, moment: &Moment<'_>) -> Next {
        let has_reached = self.noted(fault);
        // What was said of this very request is no sign of an outage, which going on could multiply.
        self.is_paid = fault.scope == Scope::Request;
        self.is_slow = fault.kind == FaultKind::Timeout || took > SLOW;
        let is_late = has_reached && self.policy.within.is_some_and(|within| took > within);
        if is_late || self.reached >= self.policy.attempts {
            return Next::Stop;
        }
        match fault.kind {
            FaultKind::ContextLength | FaultKind::ContentFilter if self.step_aside(fault.kind) => {}
            kind if kind.remedy() == Remedy::Stop => return Next::Stop,
            _ => {}
        }
        self.next(moment)
    }

    /// Notes a fault of the deployment asked last; whether it reached a provider.
    fn noted(&mut self, fault: &Fault) -> bool {
        let has_reached = !matches!(fault.kind, FaultKind::Connect | FaultKind::Untrusted);
        let max_wait = self.policy.max_wait;
        if let Some(leg) = self.legs.get_mut(self.current) {
            leg.faults += 1;
            leg.hint = fault.retry_after;
            // What is said of this very request would be said again.
            leg.struck = self.is_once
                || fault.kind.remedy() == Remedy::Elsewhere
                || fault.scope == Scope::Request
                || leg.hint.is_some_and(|wait| wait > max_wait);
        }
        self.reached += u32::from(has_reached);
        has_reached
    }

    /// Somebody to ask beside the one that is asked now and is slow, if there is anybody who was not asked yet and the
    /// budget allows it.
    pub fn beside(&mut self, moment: &Moment<'_>) -> Option<usize> {
        let current = self.current;
        let mut fresh =
            self.legs.iter_mut().enumerate().filter(|(place, leg)| *place != current && leg.is_fresh());
        let (_, leg) = fresh.next().filter(|_| self.reached + 1 < self.policy.attempts)?;
        if !moment.budget.retry(moment.now) {
            return None;
        }
        leg.passes += 1;
        Some(leg.deployment)
    }

    /// Notes the fault of one of two that were asked beside each other, while the other goes on: that one counts as asked
    /// last from now on.
    pub fn failed_beside(&mut self, fault: &Fault, failed: usize, other: usize) {
        let at = |deployment: usize| self.legs.iter().position(|leg| leg.deployment == deployment);
        let (failed, other) = (at(failed), at(other));
        if let Some(place) = failed {
            self.current = place;
            self.noted(fault);
        }
        self.current = other.unwrap_or(self.current);
    }

    /// Decides after the deployment whose turn it was could not be begun: it rests, or has no room by the operator's
    /// limits. `wait` is how long until it may, where waiting is of use.
    pub fn passed(&mut self, wait: Option<Duration>, moment: &Moment<'_>) -> Next {
        let max_wait = self.policy.max_wait;
        if let Some(leg) = self.legs.get_mut(self.current) {
            leg.passes += 1;
            leg.hint = wait.filter(|wait| !wait.is_zero());
            leg.struck = self.is_once || leg.passes > MOST_PASSES || wait.is_none_or(|wait| wait > max_wait);
        }
        self.next(moment)
    }

    /// Whoever was not asked yet comes first and at once; then whoever failed least, after a pause.
    fn next(&mut self, moment: &Moment<'_>) -> Next {
        let open = self.legs.iter().enumerate().filter(|(_, leg)| !leg.struck);
        let mut choice = open.clone().min_by_key(|(_, leg)| (leg.faults + leg.passes, leg.passes));
        if let Some((_, leg)) = choice
            && !self.may_ask(leg, moment)
        {
            // Without the budget a call goes on to one that is free of it, or nowhere.
            choice = open.filter(|(_, leg)| leg.is_fresh()).find(|(_, leg)| self.is_free(leg, moment));
        }
        let Some((place, leg)) = choice else { return Next::Stop };
        let after = self.pause(leg, moment.dice);
        if after >= moment.left {
            return Next::Stop;
        }
        let deployment = leg.deployment;
        // For one that rests nothing was paid, for it will be passed over.
        self.is_paid |= !leg.is_fresh() || (moment.standing)(deployment) != Standing::Resting;
        self.current = place;
        Next::Ask { deployment, after }
    }

    fn may_ask(&self, leg: &Leg, moment: &Moment<'_>) -> bool {
        self.is_paid || self.reached == 0 || self.is_free(leg, moment) || moment.budget.retry(moment.now)
    }

    /// Whether no budget is needed. What waited for a silent deployment may go to one that is well: all of it fails
    /// together, far more than a fifth of the calls, while nothing says that there is too much of it. Where all are
    /// silent nobody is well, so that an outage is not multiplied.
    fn is_free(&self, leg: &Leg, moment: &Moment<'_>) -> bool {
        leg.is_fresh()
            && match (moment.standing)(leg.deployment) {
                Standing::Resting => true,
                Standing::Well => self.is_slow,
                Standing::Failing => false,
            }
    }

    /// Goes on with the deployments for calls that are refused for that reason; whether there are any left.
    fn step_aside(&mut self, kind: FaultKind) -> bool {
        let list = match kind {
            FaultKind::ContextLength => std::mem::take(&mut self.on_context_length),
            _ => std::mem::take(&mut self.on_content_filter),
        };
        if list.is_empty() {
            return self.aside == Some(kind);
        }
        let refused = self.legs.get(self.current).map(|leg| leg.deployment);
        let others = list.iter().map(|leg| leg.deployment).filter(|other| Some(*other) != refused);
        self.legs = others.map(Leg::new).collect();
        self.aside = Some(kind);
        self.is_once = true;
        self.is_last = false;
        true
    }

    /// None before the first ask; the wait that is known; else full jitter under a doubling ceiling, never quite
    /// nothing, so that a failing provider is not hammered.
    fn pause(&self, leg: &Leg, dice: f64) -> Duration {
        if leg.is_fresh() {
            return Duration::ZERO;
        }
        // A little jitter on the hint too: everybody got the same one.
        if let Some(hint) = leg.hint {
            return hint.saturating_add(stretched(self.policy.backoff, dice));
        }
        let ceiling = self
            .policy
            .backoff
            .saturating_mul(1 << (leg.faults + leg.passes).saturating_sub(1).min(16))
            .min(self.policy.max_backoff);
        stretched(ceiling, 0.1 + 0.9 * dice)
    }
}

#[cfg(test)]
mod tests;
