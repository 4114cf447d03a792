//! A fleet of scripted upstreams, and calls that go through routing as the gateway's do. Time is virtual, dice are seeded:
//! the same setup gives the same course of events.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{
    Account, Ask, Budget, Course, Health, Member, Moment, Next, Policy, Pool, Rules, Ticket, find,
};

use crate::tally::{Attempt, End, Tally};

/// Microseconds since the start.
pub(crate) type Micros = u64;

/// A number of seconds.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// The test's own dice.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        // A linear congruence, its high bits folded down: unlike the generator under test.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) ^ self.0.rotate_left(17)
    }

    /// Uniform in `0.0..1.0`.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What an upstream does with one request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// The first output comes after `first`, the last after `whole`.
    Answer { first: f64, whole: f64 },
    /// It fails after that many seconds, with a hint to wait that long.
    Fail { kind: FaultKind, after: f64, hint: Option<f64> },
}

/// A quick answer.
pub(crate) const GOOD: Reply = Reply::Answer { first: 0.05, whole: 0.2 };

/// A quick failure without a hint.
pub(crate) fn fail(kind: FaultKind) -> Reply {
    Reply::Fail { kind, after: 0.03, hint: None }
}

/// What an upstream sees when it is asked: the time in seconds and how many requests it has under way.
pub(crate) struct Seen {
    pub(crate) time: f64,
    pub(crate) busy: usize,
}

type Script = Box<dyn Fn(&Seen) -> Reply>;

/// One deployment and what is behind it.
pub(crate) struct Spec {
    pub(crate) weight: u32,
    pub(crate) cost: Option<u64>,
    /// Most requests under way by the operator's own limits.
    pub(crate) most: usize,
    /// Deployments with the same number share a credential.
    pub(crate) account: Option<usize>,
    pub(crate) script: Script,
}

impl Spec {
    pub(crate) fn new(script: impl Fn(&Seen) -> Reply + 'static) -> Self {
        Self { weight: 1, cost: None, most: usize::MAX, account: None, script: Box::new(script) }
    }

    /// One that always does the same.
    pub(crate) fn always(reply: Reply) -> Self {
        Self::new(move |_| reply)
    }

    /// One that does something else from `from` to `to` seconds.
    pub(crate) fn out(from: f64, to: f64, reply: Reply) -> Self {
        Self::new(move |seen| if (from..to).contains(&seen.time) { reply } else { GOOD })
    }

    pub(crate) fn weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }
}

/// A call that comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Micros,
    pub(crate) affinity: Option<u64>,
}

/// `rate` calls a second from `from` to `to` seconds, evenly.
pub(crate) fn steady(rate: f64, from: f64, to: f64) -> Vec<Arrival> {
    let count = ((to - from) * rate).round() as u64;
    let at = |number: u64| ((from + number as f64 / rate) * 1e6) as Micros;
    (0..count).map(|number| Arrival { at: at(number), affinity: None }).collect()
}

pub(crate) struct Fleet {
    specs: Vec<Spec>,
    pub(crate) healths: Vec<Arc<Health>>,
    pool: Pool,
    budget: Budget,
    rules: Rules,
    policy: Policy,
    deadline: Duration,
    dice: Dice,
    start: Instant,
    now: Micros,
    events: BinaryHeap<Reverse<(Micros, u64, Event)>>,
    sequence: u64,
    calls: Vec<Call>,
    busy: Vec<usize>,
    probing: Vec<usize>,
    pub(crate) tally: Tally,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ask { call: usize, deployment: usize },
    First { call: usize },
    Over { call: usize },
}

struct Call {
    at: Micros,
    course: Option<Course>,
    attempts: u32,
    current: Option<Current>,
}

/// The attempt under way.
struct Current {
    deployment: usize,
    began: Micros,
    ticket: Ticket,
    is_probing: bool,
    reply: Reply,
}

impl Fleet {
    /// A fleet of one pool: its tiers by the numbers of their deployments, which are the places in `specs`.
    pub(crate) fn new(strategy: &str, specs: Vec<Spec>, tiers: &[&[usize]]) -> Self {
        Self::with(strategy, specs, tiers, &[])
    }

    /// The same with a list for calls that are too long.
    pub(crate) fn with(strategy: &str, specs: Vec<Spec>, tiers: &[&[usize]], longer: &[&[usize]]) -> Self {
        let mut accounts: Vec<(usize, Arc<Account>)> = Vec::new();
        let healths: Vec<Arc<Health>> = specs
            .iter()
            .map(|spec| {
                let known = accounts.iter().find(|(number, _)| Some(*number) == spec.account);
                let account = known.map(|(_, account)| Arc::clone(account)).unwrap_or_default();
                accounts.extend(spec.account.map(|number| (number, Arc::clone(&account))));
                Arc::new(Health::new(account))
            })
            .collect();
        let member = |deployment: &usize| Member {
            deployment: *deployment,
            identity: 0x1000 + *deployment as u64,
            weight: specs[*deployment].weight,
            cost: specs[*deployment].cost,
            health: Arc::clone(&healths[*deployment]),
        };
        let list = |tiers: &[&[usize]]| tiers.iter().map(|tier| tier.iter().map(member).collect()).collect();
        let pool = Pool::new(find(strategy).unwrap(), list(tiers), list(longer), Vec::new());
        let count = specs.len();
        Self {
            specs,
            healths,
            pool,
            budget: Budget::default(),
            rules: Rules::default(),
            policy: Policy::default(),
            deadline: Duration::from_secs(600),
            dice: Dice::new(7),
            start: start(),
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            calls: Vec::new(),
            busy: vec![0; count],
            probing: vec![0; count],
            tally: Tally::new(count),
        }
    }

    pub(crate) fn seeded(mut self, seed: u64) -> Self {
        self.dice = Dice::new(seed);
        self
    }

    /// Lets the calls come, and ends when all are over.
    pub(crate) fn run(&mut self, arrivals: impl IntoIterator<Item = Arrival>) {
        for arrival in arrivals {
            self.settle(arrival.at);
            self.arrive(arrival);
        }
        self.settle(Micros::MAX);
        assert!(self.busy.iter().all(|busy| *busy == 0));
        assert!(self.healths.iter().all(|health| health.in_flight() == 0), "requests are left under way");
    }

    /// One call at `at`, run to its end: who answered it.
    pub(crate) fn call(&mut self, at: f64, affinity: Option<u64>) -> End {
        self.run([Arrival { at: ((at * 1e6) as Micros).max(self.now), affinity }]);
        self.tally.ends.last().unwrap().1
    }

    /// The time now.
    pub(crate) fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now)
    }

    /// All that happens up to `until`.
    fn settle(&mut self, until: Micros) {
        while self.events.peek().is_some_and(|Reverse((at, _, _))| *at <= until) {
            let Some(Reverse((at, _, event))) = self.events.pop() else { break };
            self.now = at;
            match event {
                Event::Ask { call, deployment } => self.ask(call, deployment),
                Event::First { call } => self.first(call),
                Event::Over { call } => self.over(call),
            }
        }
        if until != Micros::MAX {
            self.now = until;
        }
    }

    fn at(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        let at = self.now + u64::try_from(after.as_micros()).unwrap();
        self.events.push(Reverse((at, self.sequence, event)));
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = self.instant();
        self.budget.request(now);
        let dice = self.dice.number();
        let is_full = |deployment: usize| self.busy[deployment] >= self.specs[deployment].most;
        let full = |deployment: usize| is_full(deployment).then_some(Duration::from_secs(1));
        let order = self.pool.plan(&Ask { now, dice, affinity: arrival.affinity, full: &full });
        let course = Course::new(&order, self.policy);
        let first = course.first();
        let call = self.calls.len();
        self.calls.push(Call { at: arrival.at, course: Some(course), attempts: 0, current: None });
        match first {
            Some(deployment) => self.ask(call, deployment),
            None => {
                let soonest = order.soonest(now);
                self.end(call, End::Refused { is_limited: order.is_limited(), soonest });
            }
        }
    }

    fn ask(&mut self, call: usize, deployment: usize) {
        let now = self.instant();
        let health = &self.healths[deployment];
        let is_last = self.calls[call].course.as_ref().is_some_and(Course::is_last);
        let ticket = if is_last { health.begin_last(now, self.dice.fraction()) } else { health.begin(now) };
        let Some(ticket) = ticket else {
            let blocked = health.blocked(now);
            let wait = blocked.and_then(|blocked| blocked.wait(now));
            let next = self.decide(call, |course, moment| course.passed(wait, moment));
            let is_limited = blocked.is_some_and(|blocked| blocked.why.is_limit());
            return self.follow(call, next, End::Refused { is_limited, soonest: wait });
        };
        let is_probing = ticket.is_probe();
        self.probing[deployment] += usize::from(is_probing);
        assert!(self.probing[deployment] <= 1, "two probes at once at {deployment}");
        let seen = Seen { time: self.now as f64 / 1e6, busy: self.busy[deployment] };
        let reply = (self.specs[deployment].script)(&seen);
        self.busy[deployment] += 1;
        let number = self.calls[call].attempts;
        self.calls[call].attempts += 1;
        let is_good = matches!(reply, Reply::Answer { .. });
        self.tally.attempts.push(Attempt { at: self.now, deployment, number, is_probe: is_probing, is_good });
        self.calls[call].current = Some(Current { deployment, began: self.now, ticket, is_probing, reply });
        match reply {
            Reply::Answer { first, whole } => {
                self.at(seconds(first), Event::First { call });
                self.at(seconds(whole), Event::Over { call });
            }
            Reply::Fail { after, .. } => self.at(seconds(after), Event::Over { call }),
        }
    }

    fn first(&mut self, call: usize) {
        let now = self.instant();
        if let Some(current) = &mut self.calls[call].current {
            current.ticket.began(now);
            self.probing[current.deployment] -= usize::from(std::mem::take(&mut current.is_probing));
        }
    }

    fn over(&mut self, call: usize) {
        let now = self.instant();
        let Some(current) = self.calls[call].current.take() else { return };
        let deployment = current.deployment;
        self.busy[deployment] -= 1;
        self.probing[deployment] -= usize::from(current.is_probing);
        let Reply::Fail { kind, hint, .. } = current.reply else {
            current.ticket.answered(now);
            return self.end(call, End::Answered { deployment });
        };
        let mut fault = Fault::new(kind, "");
        fault.retry_after = hint.map(seconds);
        let dice = self.dice.fraction();
        current.ticket.failed(&fault, &self.rules, now, dice);
        let took = Duration::from_micros(self.now - current.began);
        let next = self.decide(call, |course, moment| course.after(&fault, took, moment));
        self.follow(call, next, End::Failed { kind });
    }

    fn decide(&mut self, call: usize, decide: impl FnOnce(&mut Course, &Moment<'_>) -> Next) -> Next {
        let now = self.instant();
        let spent = Duration::from_micros(self.now - self.calls[call].at);
        let standing = |deployment: usize| self.healths[deployment].standing(now);
        let moment = Moment {
            now,
            left: self.deadline.saturating_sub(spent),
            dice: self.dice.fraction(),
            budget: &self.budget,
            standing: &standing,
        };
        decide(self.calls[call].course.as_mut().unwrap(), &moment)
    }

    fn follow(&mut self, call: usize, next: Next, otherwise: End) {
        match next {
            Next::Ask { deployment, after } if after.is_zero() => self.ask(call, deployment),
            Next::Ask { deployment, after } => self.at(after, Event::Ask { call, deployment }),
            Next::Stop => self.end(call, otherwise),
        }
    }

    fn end(&mut self, call: usize, end: End) {
        let call = &mut self.calls[call];
        call.course = None;
        self.tally.ends.push((call.at, end, self.now - call.at));
    }
}

/// Where virtual time begins, the same for all.
pub(crate) fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "virtual time needs some time to begin with")]
    *START.get_or_init(Instant::now)
}
