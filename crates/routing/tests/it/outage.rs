//! Everything is out for a minute at 500 requests a second: how much reaches the providers, and how it ends.

use lockgate_protocol::ir::FaultKind;

use crate::{
    fleet::{Fleet, Reply, Spec, fail, steady},
    tally::End,
};

const RATE: f64 = 500.0;
const OUT: f64 = 20.0;
const BACK: f64 = 80.0;
const END: f64 = 150.0;
/// How long a silent deployment is waited for.
const PATIENCE: f64 = 15.0;

fn outage(deployments: usize, reply: Reply) -> Fleet {
    let specs = (0..deployments).map(|_| Spec::out(OUT, BACK, reply)).collect();
    let all: Vec<usize> = (0..deployments).collect();
    let mut fleet = Fleet::new("round_robin", specs, &[&all]);
    fleet.run(steady(RATE, 0.0, END));
    fleet
}

#[track_caller]
fn check(name: &str, reply: Reply) {
    let Reply::Fail { after, .. } = reply else { unreachable!("an outage fails") };
    for deployments in [1, 2, 10] {
        let fleet = outage(deployments, reply);
        let tally = &fleet.tally;
        // What was under way when it went out has failed, and what that closed is closed.
        let closed = OUT + after + 1.0;
        let out = OUT..BACK;
        let requests = tally.calls(out.clone()).count();
        let attempts = tally.attempts(out.clone()).count();
        let extra = tally.attempts(out).filter(|attempt| attempt.number > 0).count();
        let probes = tally.attempts(closed..BACK).filter(|attempt| attempt.is_probe).count();
        let others = tally.attempts(closed..BACK).filter(|attempt| !attempt.is_probe).count();
        let back: Vec<f64> = (0..deployments)
            .map(|deployment| {
                let mut good = tally.attempts(BACK..END).filter(|attempt| attempt.is_good);
                let first = good.find(|attempt| attempt.deployment == deployment);
                first.map_or(f64::INFINITY, |attempt| attempt.at as f64 / 1e6 - BACK)
            })
            .collect();
        let slowest = back.iter().copied().fold(0.0, f64::max);
        let herd = tally.busiest_second(BACK..END);
        let shares = tally.shares(BACK + 30.0..END);
        let lost = tally.lost(BACK + 30.0..END);
        println!(
            "{name} x{deployments}: {requests} requests, {attempts} attempts, {extra} of them extra; once closed \
             {probes} probes and {others} others; all back after {slowest:.1} s, busiest second {herd}"
        );
        assert!(extra as f64 <= 0.2 * requests as f64, "{extra} extra attempts");
        assert_eq!(others, 0, "only probes while closed");
        assert!(probes > 0, "nobody looks whether they are back");
        // Once closed, who is not a probe is told at once.
        let quick = tally.calls(closed..BACK).filter(|(_, _, took)| *took == 0).count();
        let waited = tally.calls(closed..BACK).count() - quick;
        assert!(waited <= probes, "{waited} calls waited for {probes} probes");
        assert!(slowest <= 30.0, "all back after {slowest} s");
        assert!(herd as f64 <= RATE * 1.2, "a herd of {herd}");
        assert_eq!(lost, 0, "calls are lost half a minute after the return");
        for share in shares {
            assert!((share * deployments as f64 - 1.0).abs() < 0.05, "a share of {share}");
        }
    }
}

#[test]
fn errors() {
    check("error", fail(FaultKind::UpstreamFailed));
}

#[test]
fn silence() {
    check("silent", Reply::Fail { kind: FaultKind::Timeout, after: PATIENCE, hint: None });
}

#[test]
fn rate_limits_with_a_hint() {
    check("429, hint of 5 s", Reply::Fail { kind: FaultKind::RateLimited, after: 0.03, hint: Some(5.0) });
}

#[test]
fn rate_limits_without_a_hint() {
    check("429, no hint", fail(FaultKind::RateLimited));
}

#[test]
fn no_connection() {
    check("connect", fail(FaultKind::Connect));
}

#[test]
fn while_all_is_limited_clients_are_told_how_long() {
    let fleet = outage(2, Reply::Fail { kind: FaultKind::RateLimited, after: 0.03, hint: Some(5.0) });
    for (at, end, _) in fleet.tally.calls(OUT + 1.0..OUT + 5.0) {
        let left = OUT + 0.03 + 5.0 - *at as f64 / 1e6;
        let End::Refused { is_limited: true, soonest: Some(soonest) } = end else {
            panic!("{end:?} at {at}")
        };
        let soonest = soonest.as_secs_f64();
        assert!((left - 0.01..left + 0.51).contains(&soonest), "{soonest} s told where {left} s are left");
    }
}

#[test]
fn the_same_seed_is_the_same_course_of_events() {
    let digest = |seed| {
        let specs = (0..3).map(|_| Spec::out(2.0, 9.0, fail(FaultKind::Overloaded))).collect();
        let mut fleet = Fleet::new("random", specs, &[&[0, 1, 2]]).seeded(seed);
        fleet.run(steady(100.0, 0.0, 20.0));
        fleet.tally.digest()
    };
    assert_eq!(digest(1), digest(1));
    assert_ne!(digest(1), digest(2));
}
