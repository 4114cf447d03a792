//! What one deployment's faults close, for how long, and what opens it again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{
    Fault,
    FaultKind::{self, ContextLength, Cut, KeyRefused, Lossy, QuotaExhausted, RateLimited, UpstreamFailed},
    Left, Room, Scope,
};
use lockgate_routing::{
    Account, Ask, Certainty, Health, List, Member, Pool, Rules, State, Ticket, Why, find,
};

use crate::{
    fleet::{Fleet, GOOD, Reply, Spec, fail, start, steady},
    tally::End,
};

/// A deployment at a time of its own.
struct Bench {
    health: Arc<Health>,
    rules: Rules,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::of(&Arc::default())
    }

    fn of(account: &Arc<Account>) -> Self {
        Self { health: Arc::new(Health::new(Arc::clone(account))), rules: Rules::default(), now: start() }
    }

    fn pass(&mut self, seconds: f64) -> &mut Self {
        self.now += Duration::from_secs_f64(seconds);
        self
    }

    #[track_caller]
    fn begin(&self) -> Ticket {
        self.health.begin(self.now).expect("it may be asked")
    }

    /// `times` requests of now fail like that.
    #[track_caller]
    fn fail(&self, times: usize, kind: FaultKind, hint: Option<f64>) {
        let tickets: Vec<Ticket> = (0..times).map(|_| self.begin()).collect();
        tickets.into_iter().for_each(|ticket| self.end(ticket, kind, hint));
    }

    fn end(&self, ticket: Ticket, kind: FaultKind, hint: Option<f64>) {
        let mut fault = Fault::new(kind, "");
        fault.retry_after = hint.map(Duration::from_secs_f64);
        ticket.failed(&fault, &self.rules, self.now, 0.5);
    }

    /// The state, why, and how long in tenths of a second.
    fn state(&self) -> String {
        let status = self.health.status(self.now);
        let why = status.why.map(|why| format!(" {}", why.name())).unwrap_or_default();
        let until = status.until.map(|until| format!(" {:.1}", until.as_secs_f64())).unwrap_or_default();
        format!("{}{why}{until}", status.state.name())
    }
}

#[test]
fn five_in_a_row_open_it_and_each_failed_probe_doubles_the_time() {
    let mut bench = Bench::new();
    bench.fail(4, UpstreamFailed, None);
    assert_eq!(bench.state(), "closed");
    bench.fail(1, UpstreamFailed, None);
    for seconds in ["1.0", "2.0", "4.0", "8.0", "15.0", "15.0"] {
        assert_eq!(bench.state(), format!("open open {seconds}"));
        assert!(bench.health.begin(bench.now).is_none());
        bench.pass(seconds.parse().unwrap());
        assert_eq!(bench.state(), "half_open open");
        bench.fail(1, UpstreamFailed, None);
    }
    bench.pass(15.0).begin().answered(bench.now);
    assert_eq!(bench.state(), "closed");
    bench.fail(4, UpstreamFailed, None);
    assert_eq!(bench.state(), "closed", "a success clears all");
    let status = bench.health.status(bench.now);
    assert_eq!((status.requests, status.answered, status.opened, status.probes), (16, 1, 1, 7));
    assert_eq!((status.faults, status.in_flight, status.consecutive), (vec![("upstream_failed", 15)], 0, 4));
}

#[test]
fn faults_count_within_the_window_only() {
    let mut bench = Bench::new();
    for pause in [0.0, 100.0, 100.0, 90.0, 60.0] {
        bench.pass(pause).fail(1, UpstreamFailed, None);
    }
    assert_eq!(bench.state(), "closed", "the first of the five is 350 s old");
    bench.pass(10.0).fail(1, UpstreamFailed, None);
    assert_eq!(bench.state(), "open open 1.0");
}

#[test]
fn what_is_the_requests_own_fault_shows_that_the_deployment_is_at_work() {
    let bench = Bench::new();
    bench.fail(100, ContextLength, None);
    bench.fail(100, Lossy, None);
    assert_eq!(bench.state(), "closed");
    bench.fail(4, UpstreamFailed, None);
    bench.fail(1, ContextLength, None);
    bench.fail(4, UpstreamFailed, None);
    assert_eq!(bench.state(), "closed");
    // What never left the gateway shows nothing.
    bench.fail(1, Lossy, None);
    bench.fail(1, UpstreamFailed, None);
    assert_eq!(bench.state(), "open open 1.0");
}

#[test]
fn what_was_under_way_when_it_closed_keeps_it_closed_no_longer() {
    let mut bench = Bench::new();
    let late: Vec<Ticket> = (0..50).map(|_| bench.begin()).collect();
    bench.fail(5, UpstreamFailed, None);
    bench.pass(0.5);
    late.into_iter().for_each(|ticket| bench.end(ticket, UpstreamFailed, None));
    assert_eq!(bench.state(), "open open 0.5");
}

#[test]
fn an_answer_that_was_under_way_opens_what_no_time_was_put_to() {
    let check = |kind, hint, expect: &str| {
        let mut bench = Bench::new();
        let late = bench.begin();
        bench.fail(5, kind, hint);
        bench.pass(0.5);
        late.answered(bench.now);
        assert_eq!(bench.state(), expect);
    };
    check(UpstreamFailed, None, "closed");
    check(KeyRefused, None, "closed");
    check(RateLimited, None, "cooling rate_limit_exceeded 0.6");
    check(QuotaExhausted, Some(60.0), "cooling insufficient_quota 62.5");
}

#[test]
fn hints_are_honoured_up_to_the_longest_rest() {
    let check = |kind, hint, expect: &str| {
        let bench = Bench::new();
        bench.fail(1, kind, hint);
        assert_eq!(bench.state(), expect);
    };
    check(RateLimited, Some(20.0), "cooling rate_limit_exceeded 21.0");
    check(RateLimited, Some(18.0 * 86_400.0), "cooling rate_limit_exceeded 315.0");
    check(KeyRefused, None, "cooling upstream_key_refused 315.0");
    check(QuotaExhausted, None, "cooling insufficient_quota 315.0");
    check(QuotaExhausted, Some(100.0), "cooling insufficient_quota 105.0");
}

#[test]
fn rate_limits_without_a_hint_close_it_from_the_third_on_and_those_of_one_moment_are_one() {
    let mut bench = Bench::new();
    bench.fail(2, RateLimited, None);
    for seconds in [1.05, 2.1, 4.2, 8.4, 15.8, 15.8, 15.8] {
        let late = (bench.state() == "closed").then(|| bench.begin());
        bench.fail(1, RateLimited, None);
        if let Some(late) = late {
            bench.end(late, RateLimited, None);
        }
        assert_eq!(bench.state(), format!("cooling rate_limit_exceeded {seconds:.1}"));
        bench.pass(seconds + 0.001);
    }
}

#[test]
fn a_written_cooldown_is_every_rest_that_no_time_was_put_to() {
    let cases = [(UpstreamFailed, "open open 30.0"), (RateLimited, "cooling rate_limit_exceeded 31.5")];
    for (kind, state) in cases {
        let mut bench = Bench::new();
        bench.rules.error_threshold = 1;
        bench.rules.cooldown = Some(Duration::from_secs(30));
        for _ in 0..3 {
            bench.fail(1, kind, None);
            assert_eq!(bench.state(), state);
            assert!(bench.health.begin(bench.now).is_none());
            // Where there is nobody else it is tried about once a second all the same.
            bench.pass(1.5);
            assert!(bench.health.begin_last(bench.now, 0.5).is_some());
            bench.pass(31.0);
        }
        bench.rules.max_cooldown = Duration::from_secs(10);
        bench.fail(1, kind, None);
        bench.pass(11.0);
        assert!(bench.health.begin(bench.now).is_some(), "the longest rest counts all the same");
    }
}

#[test]
fn of_a_hundred_at_once_one_tries_whether_it_is_back() {
    let mut bench = Bench::new();
    bench.fail(5, UpstreamFailed, None);
    bench.pass(2.0);
    let tickets: Vec<Ticket> = (0..100).filter_map(|_| bench.health.begin(bench.now)).collect();
    assert_eq!(tickets.len(), 1);
    assert!(tickets[0].is_probe());
    assert_eq!(bench.state(), "half_open open");
    // The client of the probe goes away: the next one tries.
    drop(tickets);
    assert_eq!(bench.health.in_flight(), 0);
    assert!(bench.begin().is_probe());
}

#[test]
fn of_many_threads_one_tries_whether_it_is_back() {
    for _ in 0..20 {
        let mut bench = Bench::new();
        bench.fail(5, UpstreamFailed, None);
        bench.pass(2.0);
        let (probes, all) = (AtomicUsize::new(0), std::sync::Barrier::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    all.wait();
                    let tickets: Vec<_> = (0..25).filter_map(|_| bench.health.begin(bench.now)).collect();
                    probes.fetch_add(tickets.len(), Ordering::Relaxed);
                    all.wait();
                });
            }
        });
        assert_eq!(probes.load(Ordering::Relaxed), 1);
        assert_eq!(bench.health.in_flight(), 0);
    }
}

#[test]
fn a_probe_opens_it_with_its_first_output_and_a_cut_closes_it_again_for_longer() {
    let mut bench = Bench::new();
    bench.fail(5, UpstreamFailed, None);
    let mut probe = bench.pass(1.0).begin();
    bench.pass(0.3);
    probe.began(bench.now);
    assert_eq!(bench.state(), "closed", "a long answer keeps nobody waiting");
    assert_eq!(bench.health.status(bench.now).first_token, Some(Duration::from_millis(300)));
    bench.end(probe, Cut, None);
    assert_eq!(bench.state(), "open open 2.0");
    bench.pass(2.0).begin().answered(bench.now);
    bench.fail(1, Cut, None);
    assert_eq!(bench.state(), "closed");
}

#[test]
fn a_refused_key_closes_all_deployments_of_the_credential_and_one_probe_opens_them() {
    let account = Arc::default();
    let [mut one, mut two, other] = [Bench::of(&account), Bench::of(&account), Bench::new()];
    one.fail(1, KeyRefused, None);
    assert_eq!(two.health.blocked(two.now).unwrap().why, Why::KeyRefused);
    assert!(other.health.blocked(other.now).is_none());
    let probe = two.pass(320.0).begin();
    one.pass(320.0);
    assert!(one.health.begin(one.now).is_none(), "one probe for the credential");
    probe.answered(two.now);
    assert_eq!((one.state(), two.state()), ("closed".to_owned(), "closed".to_owned()));
}

#[test]
fn a_fault_says_what_rests() {
    let account = Arc::default();
    let [one, two] = [Bench::of(&account), Bench::of(&account)];
    let mut fault = Fault::new(RateLimited, "");
    fault.retry_after = Some(Duration::from_secs(1));
    fault.scope = Scope::Credential;
    one.begin().failed(&fault, &one.rules, one.now, 0.5);
    assert_eq!(two.state(), "cooling rate_limit_exceeded 1.1");
    let three = Bench::of(&Arc::default());
    fault.scope = Scope::Request;
    three.begin().failed(&fault, &three.rules, three.now, 0.5);
    assert_eq!(three.state(), "closed");
}

#[test]
fn active_checks_open_it_as_far_as_they_know() {
    let check = |kind, result: Result<Certainty, FaultKind>, expect: &str| {
        let bench = Bench::new();
        bench.fail(5, kind, None);
        let fault = result.map_err(|kind| Fault::new(kind, ""));
        bench.health.checked(fault.as_ref().map(|known| *known), &bench.rules, bench.now, 0.5);
        assert_eq!(bench.state(), expect);
    };
    check(UpstreamFailed, Ok(Certainty::Answers), "closed");
    check(UpstreamFailed, Ok(Certainty::Reachable), "half_open open");
    check(KeyRefused, Ok(Certainty::Reachable), "half_open upstream_key_refused");
    check(RateLimited, Ok(Certainty::Reachable), "cooling rate_limit_exceeded 1.1");
    check(RateLimited, Ok(Certainty::Answers), "closed");
    check(UpstreamFailed, Err(UpstreamFailed), "open open 1.0");

    let mut bench = Bench::new();
    let fault = Fault::new(UpstreamFailed, "");
    for _ in 0..5 {
        bench.health.checked(Err(&fault), &bench.rules, bench.now, 0.5);
    }
    assert_eq!(bench.state(), "open open 1.0", "checks that fail count");
    bench.pass(1.0);
    bench.health.checked(Err(&fault), &bench.rules, bench.now, 0.5);
    assert_eq!(bench.state(), "open open 2.0", "when its time is over a check is the probe");
}

#[test]
fn an_operator_takes_it_out_and_in_and_resets_it() {
    let bench = Bench::new();
    let under_way = bench.begin();
    bench.health.drain(true);
    assert_eq!(bench.state(), "drained drained");
    assert!(bench.health.begin(bench.now).is_none() && bench.health.begin_last(bench.now, 0.5).is_none());
    under_way.answered(bench.now);
    bench.health.drain(false);
    assert_eq!(bench.state(), "closed");
    bench.fail(1, KeyRefused, None);
    bench.health.reset();
    assert_eq!(bench.state(), "closed");
    assert!(!bench.begin().is_probe());
}

#[test]
fn the_last_one_is_tried_about_once_a_second_for_as_long_as_it_takes() {
    for kind in [UpstreamFailed, KeyRefused] {
        let mut fleet = Fleet::new("round_robin", vec![Spec::out(0.0, 3600.0, fail(kind))], &[&[0]]);
        fleet.run(steady(10.0, 0.0, 3700.0));
        let tries: Vec<f64> =
            fleet.tally.attempts(5.0..3600.0).map(|attempt| attempt.at as f64 / 1e6).collect();
        let gaps = tries.windows(2).map(|pair| pair[1] - pair[0]);
        let (shortest, longest) = gaps.fold((f64::MAX, 0.0f64), |(a, b), gap| (a.min(gap), b.max(gap)));
        println!("{kind:?}: {} tries in an hour, {shortest:.2} to {longest:.2} s apart", tries.len());
        assert!(shortest >= 0.8 && longest <= 1.4);
        let back = fleet.tally.calls(3600.0..3700.0).find(|(_, end, _)| matches!(end, End::Answered { .. }));
        assert!(back.unwrap().0 as f64 / 1e6 - 3600.0 < 1.5);
        assert_eq!(fleet.tally.lost(3602.0..3700.0), 0);
    }
}

#[test]
fn a_hint_of_18_days_ends_after_five_minutes_with_one_probe() {
    for hint in [18.0 * 86_400.0, 1.8e19] {
        let limited = Reply::Fail { kind: RateLimited, after: 0.03, hint: Some(hint) };
        let mut fleet = Fleet::new("round_robin", vec![Spec::out(0.0, 1.0, limited)], &[&[0]]);
        fleet.run(steady(10.0, 0.0, 400.0));
        let mut attempts = fleet.tally.attempts(0.1..400.0);
        let probe = attempts.next().unwrap();
        assert!(probe.is_probe && (300.0..331.0).contains(&(probe.at as f64 / 1e6)), "{probe:?}");
        assert_eq!(fleet.tally.lost(332.0..400.0), 0);
    }
}

#[test]
fn with_all_keys_limited_the_soonest_is_told() {
    let limited = |hint| Spec::always(Reply::Fail { kind: RateLimited, after: 0.03, hint: Some(hint) });
    let mut fleet =
        Fleet::new("round_robin", vec![limited(30.0), limited(9.0), limited(70.0)], &[&[0, 1], &[2]]);
    fleet.run(steady(10.0, 0.0, 5.0));
    let End::Refused { is_limited: true, soonest: Some(soonest) } = fleet.call(6.0, None) else { panic!() };
    assert!((3.0..4.0).contains(&soonest.as_secs_f64()), "{soonest:?}");
}

#[test]
fn a_call_waits_for_a_short_hint_when_nobody_else_is_left() {
    let limited = Reply::Fail { kind: RateLimited, after: 0.03, hint: Some(2.0) };
    let mut fleet = Fleet::new("round_robin", vec![Spec::out(0.0, 1.0, limited)], &[&[0]]);
    assert_eq!(fleet.call(0.0, None), End::Answered { deployment: 0 });
    let took = fleet.tally.ends[0].2 as f64 / 1e6;
    assert!((2.0..3.0).contains(&took), "{took}");
    assert_eq!(fleet.tally.attempts.len(), 2);
}

#[test]
fn one_failure_is_tried_again_at_the_same_one() {
    let mut fleet = Fleet::new("round_robin", vec![Spec::out(0.0, 0.01, fail(UpstreamFailed))], &[&[0]]);
    assert_eq!(fleet.call(0.0, None), End::Answered { deployment: 0 });
}

#[test]
fn tiers_fall_back_and_come_back() {
    let specs = vec![Spec::out(10.0, 70.0, fail(UpstreamFailed)), Spec::always(GOOD)];
    let mut fleet = Fleet::new("round_robin", specs, &[&[0], &[1]]);
    fleet.run(steady(20.0, 0.0, 120.0));
    assert_eq!(fleet.tally.lost(0.0..120.0), 0);
    assert_eq!(fleet.tally.shares(0.0..10.0), [1.0, 0.0]);
    assert!(fleet.tally.shares(12.0..70.0)[1] > 0.98);
    assert_eq!(fleet.tally.shares(90.0..120.0), [1.0, 0.0]);
}

#[test]
fn a_call_that_is_too_long_goes_to_the_longer_ones_once_each() {
    let specs = || {
        vec![
            Spec::always(fail(ContextLength)),
            Spec::always(GOOD),
            Spec::always(fail(UpstreamFailed)),
            Spec::always(GOOD),
        ]
    };
    let mut fleet = Fleet::with("fill_first", specs(), &[&[0, 1]], &[&[2], &[3]]);
    assert_eq!(fleet.call(0.0, None), End::Answered { deployment: 3 });
    let asked: Vec<usize> = fleet.tally.attempts.iter().map(|attempt| attempt.deployment).collect();
    assert_eq!(asked, [0, 2, 3]);
    let mut fleet = Fleet::with("fill_first", specs(), &[&[0, 1]], &[]);
    assert_eq!(fleet.call(0.0, None), End::Failed { kind: ContextLength });
    assert_eq!(fleet.tally.attempts.len(), 1);
}

fn member(deployment: usize, health: &Arc<Health>) -> Member {
    let health = Arc::clone(health);
    Member { deployment, identity: deployment as u64, weight: 1, cost: None, health }
}

fn left(remaining: u64) -> Room {
    let left = Left { remaining, limit: Some(1000), reset: Some(Duration::from_secs(40)) };
    Room { requests: Some(left), tokens: None }
}

#[test]
fn what_has_little_left_steps_behind_until_its_reset() {
    let mut bench = Bench::new();
    let other = Bench::new();
    let tier = vec![member(0, &bench.health), member(1, &other.health)];
    let pool = Pool::new(find("fill_first").unwrap(), vec![tier], Vec::new(), Vec::new());
    let part = |now| {
        let plan = |dice| pool.plan(&Ask { now, dice, affinity: None, full: &|_| None }).legs;
        let firsts = (0..10_000).filter(|dice| plan(*dice)[0].deployment == 0).count();
        firsts as f64 / 10_000.0
    };
    for (remaining, expect) in [(1000, 1.0), (100, 1.0), (75, 0.75), (50, 0.5), (10, 0.1), (0, 0.0)] {
        bench.health.noted(&left(remaining), bench.now);
        let part = part(bench.now);
        println!("{remaining} of 1000 left: first in {part:.3} of the calls");
        assert!((part - expect).abs() < 0.02);
    }
    assert_eq!(bench.health.status(bench.now).headroom, Some(0.0));
    bench.pass(40.0);
    assert_eq!(part(bench.now), 1.0);
    assert_eq!(bench.health.status(bench.now).headroom, None);
    // A limit of nought and a number without a limit say nothing; what says nothing changes nothing.
    let odd = |limit, remaining| Some(Left { remaining, limit, reset: None });
    bench.health.noted(&Room { requests: odd(Some(0), 0), tokens: odd(None, 1) }, bench.now);
    bench.health.noted(&Room::default(), bench.now);
    assert_eq!(bench.health.status(bench.now).headroom, None);
}

#[test]
fn explain_says_why_which_one() {
    let [mut open, limited, drained, full] = [(); 4].map(|()| Bench::new());
    limited.fail(1, RateLimited, Some(20.0));
    drained.health.drain(true);
    let all = [&open.health, &limited.health, &drained.health, &full.health];
    let tier = all.iter().enumerate().map(|(number, health)| member(number, health)).collect();
    let longer = vec![vec![member(0, &open.health)]];
    let pool = Pool::new(find("round_robin").unwrap(), vec![tier], longer, Vec::new());
    let is_full = |deployment| (deployment == 3).then_some(Duration::from_secs(3));
    let said: Vec<String> = pool
        .explain(open.now, &is_full)
        .into_iter()
        .map(|one| {
            let why = one.blocked.map_or("-", |blocked| blocked.why.name());
            let Some(share) = one.share else { panic!("round robin knows its shares") };
            format!("{} {}.{} w{} {share} {why}", one.deployment, one.list, one.tier, one.weight)
        })
        .collect();
    let expect = [
        "0 targets.0 w1 1 -",
        "1 targets.0 w1 0 rate_limit_exceeded",
        "2 targets.0 w1 0 drained",
        "3 targets.0 w1 0 full",
        "0 on_context_length.0 w1 1 -",
    ];
    assert_eq!(said, expect);
    assert_eq!(pool.explain(open.now, &is_full)[4].list, List::ContextLength);

    open.fail(5, UpstreamFailed, None);
    let order = pool.plan(&Ask { now: open.now, dice: 1, affinity: None, full: &is_full });
    assert!(order.legs.is_empty() && !order.is_limited());
    assert_eq!(order.last, None, "it has just failed");
    assert_eq!(order.soonest(open.now), Some(Duration::from_secs(1)));
    open.pass(0.99);
    assert_eq!(open.health.status(open.now).state, State::Open);
}
