//! More is asked than the fleet can do: the retries must not make it worse.

use lockgate_protocol::ir::FaultKind;

use crate::fleet::{Fleet, GOOD, Reply, Spec, fail, steady};

/// Ten deployments that can each do 30 calls a second; whether and how fast they do one is said by how many they have
/// under way.
fn check(name: &str, rate: f64, reply: fn(usize) -> Reply, least: f64) {
    let spec = || Spec::new(move |seen| reply(seen.busy));
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let mut fleet = Fleet::new("round_robin", all.map(|_| spec()).into(), &[&all]);
    fleet.run(steady(rate, 0.0, 120.0));
    let time = 0.0..120.0;
    let calls = fleet.tally.calls(time.clone()).count();
    let attempts = fleet.tally.attempts(time);
    let extra = attempts.clone().filter(|attempt| attempt.number > 0).count();
    let good = attempts.clone().filter(|attempt| attempt.is_good).count() as f64 / 120.0;
    let attempts = attempts.count();
    println!(
        "{name} at {rate}/s: {good:.0} good a second of 300; {calls} calls, {attempts} attempts, {extra} extra"
    );
    assert!(extra as f64 <= 0.2 * calls as f64 + 10.0 * 120.0, "{extra} extra attempts");
    assert!(good >= least, "{good} good a second");
}

/// Six at once, a fifth of a second each.
fn six(busy: usize, refusal: FaultKind) -> Reply {
    if busy < 6 { GOOD } else { fail(refusal) }
}

#[test]
fn within_what_they_can_do_nothing_is_lost() {
    check("429", 250.0, |busy| six(busy, FaultKind::RateLimited), 245.0);
    check("529", 250.0, |busy| six(busy, FaultKind::Overloaded), 245.0);
}

#[test]
fn refusals() {
    // Who says 429 is left alone for a second, though these have room again sooner.
    check("429", 600.0, |busy| six(busy, FaultKind::RateLimited), 45.0);
    check("529", 600.0, |busy| six(busy, FaultKind::Overloaded), 200.0);
}

#[test]
fn queues() {
    let queue = |busy: usize| match busy as f64 / 30.0 {
        wait if wait < 15.0 => Reply::Answer { first: wait, whole: wait + 0.03 },
        _ => Reply::Fail { kind: FaultKind::Timeout, after: 15.0, hint: None },
    };
    check("queue", 600.0, queue, 150.0);
}
