//! attempt: one deployment after the other is asked, or beside the other, until one has begun to answer.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::select;
use http::request::Parts;
use lockgate_protocol::{
    dialect::Operation,
    ir::{Blame, Fault},
};
use lockgate_provider::Pass;
use lockgate_routing::{Course, Moment, Next, Ticket};

use crate::{
    Setup, alerts, clock,
    data_path::{attempt::Attempt, call::Call, identify::Asked, notes::Notes, phases::Phase, reply::Begun},
    fleet::{Deployment, Limits, Plan},
    gauge::Permit,
    metrics::SecondTry,
};

/// A deployment has begun to answer: from here on there is no other.
pub(crate) struct Committed {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) answer: Begun,
    pub(crate) limits: Arc<Limits>,
    /// What the request showed.
    pub(crate) pass: Arc<Pass>,
    /// Its part in what is known of the deployment: the end of the answer is still to be told.
    pub(crate) ticket: Ticket,
}

/// What is asked, of whom.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) head: &'a Parts,
    pub(crate) asked: &'a Asked,
    pub(crate) plan: &'a Plan,
}

/// A place at one deployment for one attempt.
pub(super) struct Part {
    place: usize,
    /// When it was taken, which is when the attempt begins.
    pub(super) since: Instant,
    pub(super) ticket: Ticket,
    pub(super) permit: Option<Permit>,
}

/// What one attempt came to.
struct Tried {
    place: usize,
    since: Instant,
    notes: Notes,
    ticket: Ticket,
    result: Result<(Begun, Arc<Pass>), Fault>,
}

impl<'a> Asking<'a> {
    /// Asks until one begins to answer or nothing is left that could help.
    pub(crate) async fn until_commit(self, call: &mut Call, course: &mut Course) -> Result<Committed, Fault> {
        let Some(mut place) = course.first() else { return Err(self.plan.nobody(clock::now())) };
        let mut latest = None;
        loop {
            let next = match self.begin(call, place, course.is_last()) {
                Ok(part) => match self.try_at(part, call, course).await {
                    Ok(committed) => return Ok(committed),
                    Err((fault, since)) => {
                        let took = clock::now() - since;
                        let next = self.decide(call, |moment| course.after(&fault, took, moment));
                        latest = Some(fault);
                        next
                    }
                },
                Err(wait) => self.decide(call, |moment| course.passed(wait, moment)),
            };
            match next {
                Next::Ask { deployment, after } => {
                    if latest.is_some() {
                        let is_same = deployment == place;
                        let how = if is_same { SecondTry::Retry } else { SecondTry::Failover };
                        call.meter.tries_again(how);
                    }
                    if !after.is_zero() {
                        call.wait(Phase::Upstream, pin!(tokio::time::sleep(after))).await;
                    }
                    place = deployment;
                }
                Next::Stop => return Err(self.told(latest.or_else(|| call.tab.short()))),
            }
        }
    }

    /// What the client is told in the end: the latest fault, and when it may be worth another try.
    fn told(&self, latest: Option<Fault>) -> Fault {
        let now = clock::now();
        let Some(mut fault) = latest else { return self.plan.nobody(now) };
        if fault.kind.blame() == Blame::Upstream {
            fault.retry_after = fault.retry_after.or_else(|| self.plan.soonest(now));
        }
        fault
    }

    /// Takes part in what the deployment and its credential may be asked for; else says how long it may take until there
    /// is room, where waiting is of use.
    pub(super) fn begin(&self, call: &Call, place: usize, is_last: bool) -> Result<Part, Option<Duration>> {
        let deployment = self.plan.at(place);
        if !call.afford(deployment, false) {
            return Err(None);
        }
        self.enter(place, is_last)
    }

    /// The same beside those that are asked already.
    fn begin_beside(&self, call: &Call, place: usize) -> Option<Part> {
        call.afford(self.plan.at(place), true).then(|| self.enter(place, false).ok()).flatten()
    }

    fn enter(&self, place: usize, is_last: bool) -> Result<Part, Option<Duration>> {
        let deployment = self.plan.at(place);
        let now = clock::now();
        let health = &deployment.health;
        let ticket = match is_last {
            true => health.begin_last(now, self.setup.gateway.ids.dice()),
            false => health.begin(now),
        };
        let ticket = ticket.ok_or_else(|| health.blocked(now).and_then(|blocked| blocked.wait(now)))?;
        let gauge = &deployment.credential().gauge;
        let permit = gauge.enter(self.asked.about_tokens(), now).map_err(|full| Some(full.wait))?;
        Ok(Part { place, since: now, ticket, permit })
    }

    /// Asks one deployment, and another one beside it if it is slow and the model says so; else the fault of the one that
    /// failed last, and when it began.
    async fn try_at(
        self,
        part: Part,
        call: &mut Call,
        course: &mut Course,
    ) -> Result<Committed, (Fault, Instant)> {
        // Should the client go away in its midst, what the attempt knows of the time is lost: nearly all of it is waiting.
        call.enter(Phase::Upstream);
        let may_be_asked_twice = self.asked.operation == Operation::Generate;
        let tried = match self.plan.limits().hedge_after.filter(|_| may_be_asked_twice) {
            Some(after) => self.hedged(part, after, call, course).await,
            None => self.attempt(part, course.has_other(), call).await,
        };
        let Tried { place, since, notes, mut ticket, result } = tried;
        let deployment = self.plan.at(place);
        call.take(notes);
        call.enter(if result.is_ok() { Phase::Relay } else { Phase::Plan });
        match result {
            Ok((answer, pass)) => {
                call.attempted(deployment, since, None);
                ticket.began(call.latest());
                let (deployment, limits) = (Arc::clone(deployment), Arc::clone(self.plan.limits()));
                Ok(Committed { deployment, answer, limits, pass, ticket })
            }
            Err(fault) => {
                self.failed(place, since, ticket, &fault, call);
                Err((fault, since))
            }
        }
    }

    /// One attempt, which begins now.
    pub(super) fn attempt_at<'c>(self, part: &mut Part, has_other: bool, call: &'c Call) -> Attempt<'c>
    where
        'a: 'c,
    {
        let Self { setup, head, asked, plan } = self;
        let since = part.since;
        Attempt {
            setup,
            call,
            head,
            asked,
            deployment: plan.at(part.place),
            limits: plan.limits(),
            since,
            has_other,
            is_probe: part.ticket.is_probe(),
            notes: Notes::begin(since, part.permit.take()),
        }
    }

    /// Puts a fault on record and where it is learned from.
    pub(super) fn failed(
        &self,
        place: usize,
        since: Instant,
        ticket: Ticket,
        fault: &Fault,
        call: &mut Call,
    ) {
        let deployment = self.plan.at(place);
        call.attempted(deployment, since, Some(fault));
        alerts::refused(&self.setup.gateway.alerts, deployment, fault);
        let (rules, dice) = (&self.plan.limits().rules, self.setup.gateway.ids.dice());
        if ticket.failed(fault, rules, clock::now(), dice) {
            self.setup.left_alone(deployment, fault);
        }
    }

    async fn attempt(self, part: Part, has_other: bool, call: &Call) -> Tried {
        let mut part = part;
        let mut attempt = self.attempt_at(&mut part, has_other, call);
        // Boxed, or it would be moved with each of the futures that it is in.
        let result = Box::pin(attempt.run()).await;
        Tried { place: part.place, since: attempt.since, notes: attempt.notes, ticket: part.ticket, result }
    }

    /// What the first of two comes to who has something to say; the second is asked only if the first takes longer than
    /// `after`. If one fails, the other is waited for.
    async fn hedged(self, part: Part, after: Duration, call: &mut Call, course: &mut Course) -> Tried {
        let (place, since) = (part.place, part.since);
        let mut first = Box::pin(self.attempt(part, course.has_other(), call));
        if let Ok(tried) = tokio::time::timeout(after, &mut first).await {
            return tried;
        }
        let other = self
            .decide(call, |moment| course.beside(moment))
            .and_then(|other| self.begin_beside(call, other));
        let Some(part) = other else { return first.await };
        let (other, other_since) = (part.place, part.since);
        call.meter.tries_again(SecondTry::Hedge);
        let second = Box::pin(self.attempt(part, course.has_other(), call));
        let (tried, left) = select(first, second).await.factor_first();
        let (left_at, left_since) = if tried.place == place { (other, other_since) } else { (place, since) };
        let Err(fault) = &tried.result else {
            // Dropped, it is given up upstream, and nothing is learned of it.
            drop(left);
            call.gave_up(self.plan.at(left_at), left_since);
            return tried;
        };
        let last = left.await;
        course.failed_beside(fault, tried.place, left_at);
        self.failed(tried.place, tried.since, tried.ticket, fault, call);
        last
    }

    /// Lets the course decide by what is known now.
    pub(super) fn decide<T>(&self, call: &Call, decide: impl FnOnce(&Moment<'_>) -> T) -> T {
        let now = clock::now();
        let standing = |place: usize| self.plan.at(place).health.standing(now);
        decide(&Moment {
            now,
            left: self.plan.limits().timeout.saturating_sub(call.elapsed()),
            dice: self.setup.gateway.ids.dice(),
            budget: self.plan.budget(),
            standing: &standing,
        })
    }
}
