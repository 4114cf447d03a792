//! One healthy deployment of three is left: no call may fail, whatever is wrong with the others.

use lockgate_protocol::ir::FaultKind;

use crate::{
    fleet::{Arrival, Fleet, GOOD, Reply, Spec, fail, steady},
    tally::End,
};

const CALLS: f64 = 10_000.0;

/// No call is lost, and once the bad ones are known a call finds out about one of them at most.
#[track_caller]
fn check(rate: f64, bad: Reply) {
    let Reply::Fail { after, .. } = bad else { unreachable!("a bad one fails") };
    let later = slowest_later(rate, bad);
    assert!(later <= after + 0.201, "{later} s");
}

/// No call is lost with the healthy one at each place in turn and `rate` calls a second: how long the slowest takes after
/// a while.
#[track_caller]
fn slowest_later(rate: f64, bad: Reply) -> f64 {
    let mut all = 0.0f64;
    for healthy in 0..3 {
        let specs = (0..3).map(|place| Spec::always(if place == healthy { GOOD } else { bad })).collect();
        let mut fleet = Fleet::new("round_robin", specs, &[&[0, 1, 2]]);
        let end = CALLS / rate;
        fleet.run(steady(rate, 0.0, end));
        let tally = &fleet.tally;
        let (calls, attempts) = (tally.ends.len(), tally.attempts.len());
        let slowest = |from| tally.calls(from..end).map(|(_, _, took)| *took).max().unwrap_or(0) as f64 / 1e6;
        let (first, later) = (slowest(0.0), slowest(40.0));
        println!(
            "{bad:?}, healthy {healthy}: {calls} calls at {rate}/s, {} more attempts, slowest call {first:.2} s, after \
             the first 40 s {later:.2} s",
            attempts - calls,
        );
        let mut lost = tally.ends.iter().filter(|(_, end, _)| !matches!(end, End::Answered { .. }));
        assert_eq!(calls, CALLS as usize);
        assert_eq!(lost.next(), None, "of {} lost the first", lost.count() + 1);
        all = all.max(later);
    }
    all
}

fn hinted(kind: FaultKind, hint: f64) -> Reply {
    Reply::Fail { kind, after: 0.03, hint: Some(hint) }
}

#[test]
fn no_connection() {
    check(200.0, Reply::Fail { kind: FaultKind::Connect, after: 0.001, hint: None });
    check(200.0, Reply::Fail { kind: FaultKind::Connect, after: 5.0, hint: None });
    check(200.0, fail(FaultKind::Untrusted));
}

#[test]
fn reset() {
    check(200.0, fail(FaultKind::Reset));
}

#[test]
fn status_500() {
    check(200.0, fail(FaultKind::UpstreamFailed));
}

#[test]
fn status_503_and_529() {
    check(200.0, fail(FaultKind::Overloaded));
    check(200.0, hinted(FaultKind::Overloaded, 30.0));
}

#[test]
fn status_429() {
    check(200.0, fail(FaultKind::RateLimited));
    check(200.0, hinted(FaultKind::RateLimited, 2.0));
    check(200.0, hinted(FaultKind::RateLimited, 18.0 * 86_400.0));
}

#[test]
fn key_refused() {
    check(200.0, fail(FaultKind::KeyRefused));
}

#[test]
fn quota_exhausted() {
    check(200.0, fail(FaultKind::QuotaExhausted));
    check(200.0, hinted(FaultKind::QuotaExhausted, 18_000.0));
}

#[test]
fn garbled_and_cut() {
    check(200.0, fail(FaultKind::Garbled));
    check(200.0, fail(FaultKind::Cut));
}

#[test]
fn what_one_lacks_another_has() {
    // Nothing is learned from it: it is said of the request.
    slowest_later(200.0, fail(FaultKind::UpstreamNotFound));
    slowest_later(200.0, fail(FaultKind::Unsupported));
}

#[test]
fn silence() {
    check(20.0, Reply::Fail { kind: FaultKind::Timeout, after: 15.0, hint: None });
    check(200.0, Reply::Fail { kind: FaultKind::Timeout, after: 15.0, hint: None });
}

#[test]
fn whatever_the_strategy() {
    for row in lockgate_routing::STRATEGIES {
        let specs = vec![
            Spec::always(fail(FaultKind::UpstreamFailed)).weight(5),
            Spec::always(GOOD),
            Spec { cost: Some(1), ..Spec::always(fail(FaultKind::RateLimited)) },
        ];
        let mut fleet = Fleet::new(row.name, specs, &[&[0, 1, 2]]);
        let conversations =
            |(number, arrival): (usize, Arrival)| Arrival { affinity: Some(number as u64 % 50), ..arrival };
        fleet.run(steady(200.0, 0.0, 50.0).into_iter().enumerate().map(conversations));
        assert_eq!(fleet.tally.lost(0.0..50.0), 0, "{}", row.name);
    }
}
