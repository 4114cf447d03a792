//! What holds whatever happens in whatever order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{Fault, FaultKind, Left, Room, Scope};
use lockgate_routing::{
    Account, Ask, Budget, Certainty, Course, Health, Member, Moment, Next, Policy, Pool, Rules, STRATEGIES,
    Standing, Ticket,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::fleet::start;

/// Deployments under test; the first two share a credential.
const DEPLOYMENTS: usize = 3;

#[derive(Debug, Clone)]
enum Event {
    Begin(usize),
    BeginLast(usize),
    Began(usize),
    Answered(usize),
    Failed(usize, FaultKind, Scope, Option<u64>),
    Dropped(usize),
    Checked(usize, Result<Certainty, FaultKind>),
    Noted(usize, u64, Option<u64>, Option<u64>),
    Reset(usize),
    Drain(usize, bool),
    /// The clock goes on, stands still or falls back.
    Clock(i64),
    Plan(u64),
}

fn kind() -> impl Strategy<Value = FaultKind> {
    use FaultKind::{
        ClientGone, Connect, ContextLength, Cut, KeyRefused, Overloaded, QuotaExhausted, RateLimited,
        Timeout, UpstreamFailed,
    };
    select(vec![
        UpstreamFailed,
        UpstreamFailed,
        Timeout,
        Connect,
        Cut,
        Overloaded,
        RateLimited,
        KeyRefused,
        QuotaExhausted,
        ContextLength,
        ClientGone,
    ])
}

fn hint() -> impl Strategy<Value = Option<u64>> {
    option::of(prop_oneof![0..100u64, Just(u64::MAX), Just(u64::MAX / 2)])
}

fn event() -> impl Strategy<Value = Event> {
    let place = 0..DEPLOYMENTS;
    let ticket = 0..8usize;
    let scope = select(vec![Scope::Request, Scope::Deployment, Scope::Deployment, Scope::Credential]);
    let certainty =
        prop_oneof![Just(Ok(Certainty::Answers)), Just(Ok(Certainty::Reachable)), kind().prop_map(Err)];
    prop_oneof![
        6 => place.clone().prop_map(Event::Begin),
        3 => place.clone().prop_map(Event::BeginLast),
        1 => ticket.clone().prop_map(Event::Began),
        1 => ticket.clone().prop_map(Event::Answered),
        8 => (ticket.clone(), kind(), scope, hint()).prop_map(|(t, k, s, h)| Event::Failed(t, k, s, h)),
        1 => ticket.prop_map(Event::Dropped),
        1 => (place.clone(), certainty).prop_map(|(place, result)| Event::Checked(place, result)),
        1 => (place.clone(), any::<u64>(), option::of(any::<u64>()), hint())
            .prop_map(|(place, remaining, limit, reset)| Event::Noted(place, remaining, limit, reset)),
        1 => place.clone().prop_map(Event::Reset),
        1 => (place, any::<bool>()).prop_map(|(place, on)| Event::Drain(place, on)),
        4 => prop_oneof![Just(0), 1..2000i64, 2000..400_000i64, -2000..0i64].prop_map(Event::Clock),
        2 => any::<u64>().prop_map(Event::Plan),
    ]
}

fn fault(kind: FaultKind, scope: Scope, hint: Option<u64>) -> Fault {
    let mut fault = Fault::new(kind, "");
    fault.scope = scope;
    fault.retry_after = hint.map(Duration::from_secs);
    fault
}

/// A request under way: where, and whether it still is a probe.
struct Flight {
    place: usize,
    is_probing: bool,
    ticket: Ticket,
}

struct World {
    healths: Vec<Arc<Health>>,
    pools: Vec<Pool>,
    flights: Vec<Flight>,
    rules: Rules,
    now: Instant,
}

impl World {
    fn new(rules: Rules) -> Self {
        let shared: Arc<Account> = Arc::default();
        let healths: Vec<Arc<Health>> = [Arc::clone(&shared), shared, Arc::default()]
            .map(|account| Arc::new(Health::new(account)))
            .into();
        let member = |(deployment, health): (usize, &Arc<Health>)| Member {
            deployment,
            identity: deployment as u64,
            weight: deployment as u32,
            cost: None,
            health: Arc::clone(health),
        };
        let members: Vec<Member> = healths.iter().enumerate().map(member).collect();
        let tiers = vec![members[..2].to_vec(), members];
        let pools = STRATEGIES.iter().map(|row| Pool::new(row, tiers.clone(), tiers.clone(), Vec::new()));
        let pools = pools.collect();
        // Far enough from the clock's beginning to fall back.
        Self { healths, pools, flights: Vec::new(), rules, now: start() + Duration::from_secs(1_000_000) }
    }

    fn take(&mut self, number: usize) -> Option<Flight> {
        let number = number.checked_rem(self.flights.len())?;
        Some(self.flights.swap_remove(number))
    }

    fn apply(&mut self, event: &Event) {
        let now = self.now;
        match event.clone() {
            Event::Begin(place) => self.begun(place, self.healths[place].begin(now)),
            Event::BeginLast(place) => self.begun(place, self.healths[place].begin_last(now, 0.3)),
            Event::Began(number) => {
                if let Some(mut flight) = self.take(number) {
                    flight.ticket.began(now);
                    flight.is_probing = false;
                    self.flights.push(flight);
                }
            }
            Event::Answered(number) => drop(self.take(number).map(|flight| flight.ticket.answered(now))),
            Event::Failed(number, kind, scope, hint) => {
                if let Some(flight) = self.take(number) {
                    flight.ticket.failed(&fault(kind, scope, hint), &self.rules, now, 0.9);
                }
            }
            Event::Dropped(number) => drop(self.take(number)),
            Event::Checked(place, result) => {
                let result = result.map_err(|kind| fault(kind, kind.scope(), Some(u64::MAX)));
                let result = result.as_ref().map(|certainty| *certainty);
                self.healths[place].checked(result, &self.rules, now, 0.1);
            }
            Event::Noted(place, remaining, limit, reset) => {
                let left = Some(Left { remaining, limit, reset: reset.map(Duration::from_secs) });
                self.healths[place].noted(&Room { requests: left, tokens: left }, now);
            }
            Event::Reset(place) => self.healths[place].reset(),
            Event::Drain(place, on) => self.healths[place].drain(on),
            Event::Clock(milliseconds) => {
                let span = Duration::from_millis(milliseconds.unsigned_abs());
                self.now = if milliseconds < 0 { now - span } else { now + span };
            }
            Event::Plan(dice) => self.plan(dice),
        }
    }

    fn begun(&mut self, place: usize, ticket: Option<Ticket>) {
        let Some(ticket) = ticket else { return };
        self.flights.push(Flight { place, is_probing: ticket.is_probe(), ticket });
        for place in 0..DEPLOYMENTS {
            let probes = self.flights.iter().filter(|flight| flight.place == place && flight.is_probing);
            assert!(probes.count() <= 1, "two probes at once at {place}");
        }
    }

    /// Every deployment is in the order once: to be asked, or with a reason why not.
    fn plan(&self, dice: u64) {
        let full = |deployment: usize| (dice % 7 == deployment as u64).then_some(Duration::MAX);
        for pool in &self.pools {
            let affinity = dice.is_multiple_of(2).then_some(dice);
            let order = pool.plan(&Ask { now: self.now, dice, affinity, full: &full });
            let legs = order.legs.iter().map(|leg| leg.deployment);
            let mut named: Vec<usize> = legs.chain(order.blocked.iter().map(|(place, _)| *place)).collect();
            named.sort_unstable();
            assert_eq!(named, [0, 1, 2]);
            assert!(order.last.is_none() || order.legs.is_empty());
            pool.explain(self.now, &full);
        }
        self.healths.iter().for_each(|health| drop(health.status(self.now)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn never_two_probes_and_nothing_left_under_way(
        events in vec(event(), 1..300),
        threshold in prop_oneof![Just(1u32), Just(5), Just(0), Just(u32::MAX)],
        max_cooldown in prop_oneof![Just(Duration::from_secs(300)), Just(Duration::ZERO), Just(Duration::MAX)],
        error_window in prop_oneof![Just(Duration::from_secs(300)), Just(Duration::MAX)],
        cooldown in option::of(prop_oneof![Just(Duration::from_secs(5)), Just(Duration::ZERO), Just(Duration::MAX)]),
    ) {
        let mut world = World::new(Rules { error_threshold: threshold, error_window, max_cooldown, cooldown });
        for event in events {
            world.apply(&event);
            for (place, health) in world.healths.iter().enumerate() {
                let under_way = world.flights.iter().filter(|flight| flight.place == place).count();
                prop_assert_eq!(health.in_flight(), under_way);
            }
        }
        world.flights.clear();
        prop_assert!(world.healths.iter().all(|health| health.in_flight() == 0));
        // No probe's place is lost: after the longest rest everything may be asked again.
        if max_cooldown == Duration::from_secs(300) {
            world.now += Duration::from_secs(1000);
            for health in &world.healths {
                health.drain(false);
                prop_assert!(health.begin(world.now).is_some());
            }
        }
    }

    #[test]
    fn every_course_ends_and_keeps_its_bounds(
        deployments in 0..6usize,
        longer in 0..3usize,
        steps in vec((option::of((kind(), hint())), hint(), 0.0..1.0f64), 200),
        attempts in 1..6u32,
        max_wait in prop_oneof![Just(Duration::from_secs(60)), Just(Duration::MAX)],
    ) {
        let health = Arc::new(Health::new(Arc::default()));
        let tier = |places: std::ops::Range<usize>| -> Vec<Vec<Member>> {
            places.map(|deployment| {
                let health = Arc::clone(&health);
                vec![Member { deployment, identity: 0, weight: 1, cost: None, health }]
            }).collect()
        };
        let longer = tier(deployments..deployments + longer);
        let pool = Pool::new(&STRATEGIES[0], tier(0..deployments), longer, Vec::new());
        let now = start();
        let order = pool.plan(&Ask { now, dice: 1, affinity: None, full: &|_| None });
        let policy = Policy { attempts, max_wait, backoff: Duration::MAX, ..Policy::default() };
        let mut course = Course::new(&order, policy);
        let budget = Budget::new(100, 1000);
        let Some(mut current) = course.first() else { return Ok(()) };
        let mut silent = Vec::new();
        let (mut reached, mut ended) = (0, false);
        for (happened, wait, dice) in steps {
            let standing = [Standing::Well, Standing::Failing, Standing::Resting][(dice * 3.0) as usize];
            let moment = Moment { now, left: Duration::MAX, dice, budget: &budget, standing: &|_| standing };
            let next = match happened {
                Some((kind, hint)) => {
                    prop_assert!(!silent.contains(&current), "a silent deployment is asked again");
                    reached += u32::from(kind != FaultKind::Connect);
                    prop_assert!(reached <= attempts);
                    silent.extend((kind == FaultKind::Timeout).then_some(current));
                    course.after(&fault(kind, kind.scope(), hint), Duration::ZERO, &moment)
                }
                None => course.passed(wait.map(Duration::from_secs), &moment),
            };
            match next {
                Next::Ask { deployment, .. } => current = deployment,
                Next::Stop => {
                    ended = true;
                    break;
                }
            }
        }
        prop_assert!(ended, "a course has to end");
    }

    #[test]
    fn retries_stay_within_the_budget(
        events in vec((0..3000u64, 0..30u32, 0..30u32), 1..200),
    ) {
        let budget = Budget::default();
        let mut now = start();
        let mut seen: Vec<(Instant, u32, u32)> = Vec::new();
        for (pause, requests, retries) in events {
            now += Duration::from_millis(pause);
            (0..requests).for_each(|_| budget.request(now));
            let allowed = (0..retries).filter(|_| budget.retry(now)).count() as u32;
            seen.push((now, requests, allowed));
            // In no ten seconds more than the floor and a fifth of the requests that any of them could see.
            let within = |seconds: u64| {
                let window = seen.iter().filter(move |(at, _, _)| now - *at < Duration::from_secs(seconds));
                window.fold((0, 0), |(requests, retries), (_, more, tried)| (requests + more, retries + tried))
            };
            prop_assert!(within(10).1 <= within(21).0 / 5 + 100);
        }
    }
}
