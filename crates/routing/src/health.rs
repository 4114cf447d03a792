//! What is known of one deployment: whether it may be asked now, how busy, how fast and how close to its limits it is.
//!
//! One [`Health`] is shared by all models that name the deployment, one [`Account`] by all deployments of a credential.
//! A request takes part by a [`Ticket`], and what became of it is what is learned.

mod account;
mod breaker;
mod latency;
mod lesson;
mod quota;
mod reason;
mod rest;
mod status;
mod ticket;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{Fault, FaultKind, Room, Scope};

pub use self::{
    account::Account,
    reason::{Blocked, Standing, Why},
    status::{State, Status},
    ticket::Ticket,
};
use self::{
    breaker::Breaker,
    latency::Latency,
    lesson::Lesson,
    quota::Quota,
    rest::{Gate, Rests},
    ticket::Slots,
};

/// When a deployment has to rest, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Faults in a row that open the breaker, one at least.
    pub error_threshold: u32,
    /// The time within which they happen.
    pub error_window: Duration,
    /// Longest rest, whatever the provider asks for.
    pub max_cooldown: Duration,
    /// How long every rest is that the provider put no time to; without it such rests begin short and grow, and the first
    /// rate limits in a row cost none.
    pub cooldown: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            error_threshold: 5,
            error_window: Duration::from_secs(300),
            max_cooldown: Duration::from_secs(300),
            cooldown: None,
        }
    }
}

/// What an active check found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It answers what clients ask.
    Answers,
    /// It can be reached and knows the credential.
    Reachable,
}

/// What is known of one deployment. While it is well, a request costs a few atomics.
#[derive(Debug)]
pub struct Health {
    account: Arc<Account>,
    /// Nothing in `record` keeps a request from it or would be changed by an answer.
    is_calm: AtomicBool,
    is_scarce: AtomicBool,
    in_flight: AtomicUsize,
    requests: AtomicU64,
    answered: AtomicU64,
    record: Mutex<Record>,
    latency: Mutex<Latency>,
    quota: Mutex<Quota>,
}

/// What is remembered of faults.
#[derive(Debug, Default)]
struct Record {
    breaker: Breaker,
    rests: Rests,
    is_drained: bool,
    faults: Vec<(FaultKind, u64)>,
    opened: u64,
    probes: u64,
}

impl Record {
    fn is_calm(&self) -> bool {
        self.breaker.is_calm() && self.rests.is_calm() && !self.is_drained
    }

    fn answered(&mut self, is_probe: bool) {
        self.breaker.answered();
        self.rests.answered(is_probe);
    }

    fn count(&mut self, kind: FaultKind) {
        match self.faults.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => self.faults.push((kind, 1)),
        }
    }
}

impl Health {
    /// Of a deployment that nothing is known of yet, with what is known of its credential.
    pub fn new(account: Arc<Account>) -> Self {
        Self {
            account,
            is_calm: AtomicBool::new(true),
            is_scarce: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            requests: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            record: Mutex::default(),
            latency: Mutex::default(),
            quota: Mutex::default(),
        }
    }

    /// Whether it is of a deployment of that credential.
    pub fn is_of(&self, account: &Arc<Account>) -> bool {
        Arc::ptr_eq(&self.account, account)
    }

    /// A request takes part. None if it may not be asked now: it rests, it is drained, or the one request that tries it
    /// after its rest is under way.
    pub fn begin(self: &Arc<Self>, now: Instant) -> Option<Ticket> {
        if self.is_well() {
            return Some(self.ticket(Slots::default(), now));
        }
        self.begin_by(now, 0.5, Rests::gate)
    }

    /// The same for the last one of a pool: what no time was put to by the provider may be tried about once a second,
    /// one request at a time, however long it would still rest.
    pub fn begin_last(self: &Arc<Self>, now: Instant, dice: f64) -> Option<Ticket> {
        self.begin_by(now, dice, Rests::last_gate)
    }

    fn begin_by(
        self: &Arc<Self>,
        now: Instant,
        dice: f64,
        gate: fn(&Rests, Instant) -> Gate,
    ) -> Option<Ticket> {
        let mut record = self.record();
        let mut account = self.account.rests();
        let (own, shared) = (gate(&record.rests, now), gate(&account, now));
        if record.is_drained || own == Gate::Shut || shared == Gate::Shut {
            return None;
        }
        let slots = Slots { own: own == Gate::Probe, shared: shared == Gate::Probe };
        // One that tries the credential is also one at this deployment, and the other way round.
        if slots.any() && (record.rests.is_tried() || account.is_tried()) {
            return None;
        }
        if slots.own {
            record.rests.probe(now, dice);
        }
        if slots.shared {
            account.probe(now, dice);
        }
        record.probes += u64::from(slots.any());
        Some(self.ticket(slots, now))
    }

    fn ticket(self: &Arc<Self>, slots: Slots, now: Instant) -> Ticket {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Ticket::new(Arc::clone(self), slots, now)
    }

    /// Why it may not be asked now; none if it may.
    pub fn blocked(&self, now: Instant) -> Option<Blocked> {
        if self.is_well() {
            return None;
        }
        let record = self.record();
        if record.is_drained {
            return Some(Blocked { why: Why::Drained, until: None, is_tried: false });
        }
        let (own, shared) = (record.rests.blocked(now), self.account.rests().blocked(now));
        // The longer one counts; one without an end only lasts as long as a request.
        own.into_iter().chain(shared).max_by_key(|blocked| blocked.until)
    }

    /// How it stands.
    pub fn standing(&self, now: Instant) -> Standing {
        match self.is_well() {
            true => Standing::Well,
            false if self.blocked(now).is_some() => Standing::Resting,
            false => Standing::Failing,
        }
    }

    /// When it would open, if it may be tried now as the last one of a pool.
    pub(crate) fn last_chance(&self, now: Instant) -> Option<Instant> {
        let record = self.record();
        let account = self.account.rests();
        if record.is_drained
            || [&record.rests, &account].iter().any(|rests| rests.last_gate(now) == Gate::Shut)
        {
            return None;
        }
        let until = |rests: &Rests| rests.rest().map_or(now, |rest| rest.until);
        Some(until(&record.rests).max(until(&account)))
    }

    /// Takes note of what the provider says is left.
    pub fn noted(&self, room: &Room, now: Instant) {
        if room.requests.is_some() || room.tokens.is_some() {
            let is_scarce = lock(&self.quota).noted(room, now);
            self.is_scarce.store(is_scarce, Ordering::Relaxed);
        }
    }

    /// Takes note of an active check. One that fails counts like a request that fails; while it rests, like its probe. True
    /// if its breaker is open from now on.
    pub fn checked(&self, result: Result<Certainty, &Fault>, rules: &Rules, now: Instant, dice: f64) -> bool {
        match result {
            Ok(Certainty::Answers) => {
                self.change(|record| record.answered(true));
                self.account.change(|rests| rests.answered(true));
                false
            }
            Ok(Certainty::Reachable) => {
                self.change(|record| record.rests.reached(now));
                self.account.change(|rests| rests.reached(now));
                false
            }
            Err(fault) => {
                let is_over = |rests: &Rests| rests.gate(now) == Gate::Probe;
                let own = is_over(&self.record().rests);
                self.failed(fault, Slots { own, shared: false }, now, rules, now, dice)
            }
        }
    }

    /// Forgets all that keeps requests from it and from its credential; an operator knows better.
    pub fn reset(&self) {
        self.change(|record| {
            record.breaker = Breaker::default();
            record.rests.forget();
        });
        self.account.change(Rests::forget);
        *lock(&self.quota) = Quota::default();
        self.is_scarce.store(false, Ordering::Relaxed);
    }

    /// Takes it out, or in again. What is under way is not touched.
    pub fn drain(&self, on: bool) {
        self.change(|record| record.is_drained = on);
    }

    /// Requests under way.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Mean time to the first token in seconds, and whether that is long ago; none before the first.
    pub(crate) fn first_token(&self, now: Instant) -> Option<(f64, bool)> {
        let latency = lock(&self.latency);
        latency.mean().map(|mean| (mean, latency.is_stale(now)))
    }

    /// Mean time until it begins to answer; none before the first answer.
    pub fn usual_wait(&self) -> Option<Duration> {
        lock(&self.latency).mean().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }

    /// The chance with which it steps behind the others of its tier, because little is left of its limits.
    pub(crate) fn reluctance(&self, now: Instant) -> f64 {
        match self.is_scarce.load(Ordering::Relaxed) {
            true => lock(&self.quota).reluctance(now),
            false => 0.0,
        }
    }

    /// Whether nothing is known against it and its credential.
    pub(crate) fn is_well(&self) -> bool {
        self.is_calm.load(Ordering::Acquire) && self.account.is_calm()
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }

    fn change(&self, change: impl FnOnce(&mut Record)) {
        let mut record = self.record();
        change(&mut record);
        self.is_calm.store(record.is_calm(), Ordering::Release);
    }

    /// A request was answered; `slots` are the probes that it was.
    fn answered(&self, slots: Slots) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if !self.is_well() {
            self.change(|record| record.answered(slots.own));
            self.account.change(|rests| rests.answered(slots.shared));
        }
    }

    /// A probe has begun to answer: others may come in now.
    fn began(&self, slots: Slots) {
        if slots.own {
            self.change(|record| {
                record.breaker.began();
                record.rests.answered(true);
            });
        }
        if slots.shared {
            self.account.change(|rests| rests.answered(true));
        }
    }

    /// A request that began at `since` failed. True if the breaker is open from now on.
    fn failed(
        &self,
        fault: &Fault,
        slots: Slots,
        since: Instant,
        rules: &Rules,
        now: Instant,
        dice: f64,
    ) -> bool {
        let lesson = Lesson::of(fault);
        match (&lesson, fault.scope) {
            (Lesson::Answers, _) => self.account.change(|rests| rests.answered(slots.shared)),
            (Lesson::Cools, Scope::Credential) => {
                self.account.change(|rests| rests.cool(fault, rules, now, dice));
            }
            _ => {}
        }
        let mut is_open = false;
        self.change(|record| {
            record.count(fault.kind);
            match lesson {
                Lesson::Answers => record.answered(slots.own),
                Lesson::Cools if fault.scope == Scope::Deployment => {
                    record.rests.cool(fault, rules, now, dice);
                }
                Lesson::Counts => is_open = record.failed(slots.own, since, rules, now, dice),
                Lesson::Nothing | Lesson::Cools => {}
            }
        });
        is_open
    }

    /// Gives back the probes that a request was.
    fn give_back(&self, slots: Slots) {
        if slots.own {
            self.change(|record| record.rests.probed());
        }
        if slots.shared {
            self.account.change(Rests::probed);
        }
    }
}

impl Record {
    /// One more fault. What was under way when it was closed says nothing new: only a probe's fault keeps it closed, and
    /// that of one that came before its time, as the last resort of a pool, changes nothing about the time. True if the breaker
    /// is open from now on.
    fn failed(&mut self, is_probe: bool, since: Instant, rules: &Rules, now: Instant, dice: f64) -> bool {
        let rest = self.rests.rest();
        let (is_resting, is_early) = (rest.is_some(), rest.is_some_and(|rest| rest.until > since.max(now)));
        if is_early && is_probe {
            self.rests.keep_pace();
        }
        if is_resting && (!is_probe || is_early) {
            return false;
        }
        let opens = is_resting || self.breaker.failed(rules, now);
        if opens {
            self.opened += u64::from(!is_resting);
            let since = if is_probe { since } else { now };
            let until = self.breaker.close(rules, since, now, dice);
            self.rests.open(now, until, dice);
        }
        opens
    }
}

/// What a lock protects here is whole after every step, whatever became of the thread that held it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
