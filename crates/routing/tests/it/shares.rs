//! Whom each strategy gives how much.

use crate::fleet::{Fleet, GOOD, Reply, Spec, steady};

/// Shares of the attempts from `from` seconds on, of a fleet that gets `rate` calls a second for 100 seconds.
fn shares(strategy: &str, specs: Vec<Spec>, rate: f64, from: f64) -> Vec<f64> {
    let all: Vec<usize> = (0..specs.len()).collect();
    let mut fleet = Fleet::new(strategy, specs, &[&all]);
    fleet.run(steady(rate, 0.0, 100.0));
    assert_eq!(fleet.tally.lost(0.0..100.0), 0);
    let shares = fleet.tally.shares(from..100.0);
    println!("{strategy} at {rate}/s: {shares:.3?}");
    shares
}

/// Each share is within `slack` of what is expected.
#[track_caller]
fn check(shares: &[f64], expect: &[f64], slack: f64) {
    let is_near = shares.iter().zip(expect).all(|(share, expect)| (share - expect).abs() <= slack);
    assert!(is_near && shares.len() == expect.len(), "{shares:.4?} instead of {expect:.4?} within {slack}");
}

fn weighted() -> Vec<Spec> {
    [1, 2, 5].into_iter().map(|weight| Spec::always(GOOD).weight(weight)).collect()
}

const BY_WEIGHT: [f64; 3] = [0.125, 0.25, 0.625];

#[test]
fn round_robin_is_exact() {
    check(&shares("round_robin", weighted(), 80.0, 0.0), &BY_WEIGHT, 1e-9);
}

#[test]
fn random_follows_the_weights() {
    check(&shares("random", weighted(), 200.0, 0.0), &BY_WEIGHT, 0.01);
}

#[test]
fn least_connections_follows_the_weights_idle_and_busy() {
    check(&shares("least_connections", weighted(), 2.0, 0.0), &BY_WEIGHT, 0.05);
    check(&shares("least_connections", weighted(), 500.0, 0.0), &BY_WEIGHT, 0.02);
}

#[test]
fn least_connections_gives_the_slow_less() {
    let slow = Spec::always(Reply::Answer { first: 0.2, whole: 0.8 });
    let shares = shares("least_connections", vec![Spec::always(GOOD), slow], 200.0, 5.0);
    // As many under way at both: a quarter of the speed is a quarter of the calls.
    check(&shares, &[0.8, 0.2], 0.02);
}

#[test]
fn lru_takes_everybody_in_turn_whatever_the_weights() {
    check(&shares("lru", weighted(), 30.0, 0.0), &[1.0 / 3.0; 3], 1e-3);
}

#[test]
fn fill_first_spills_over_at_the_limit() {
    let limited = |most| Spec { most, ..Spec::always(GOOD) };
    let specs = || vec![limited(4), limited(4), limited(usize::MAX)];
    // A call takes a fifth of a second: four at once are 20 a second.
    check(&shares("fill_first", specs(), 10.0, 0.0), &[1.0, 0.0, 0.0], 0.0);
    check(&shares("fill_first", specs(), 30.0, 5.0), &[2.0 / 3.0, 1.0 / 3.0, 0.0], 0.02);
    check(&shares("fill_first", specs(), 80.0, 5.0), &[0.25, 0.25, 0.5], 0.02);
}

#[test]
fn priority_goes_by_weight_and_equal_ones_take_turns() {
    let specs =
        vec![Spec::always(GOOD).weight(1), Spec::always(GOOD).weight(9), Spec::always(GOOD).weight(9)];
    check(&shares("priority", specs, 50.0, 0.0), &[0.0, 0.5, 0.5], 1e-3);
}

#[test]
fn cost_goes_to_the_cheapest_and_unknown_prices_come_last() {
    let priced = |cost, most| Spec { cost, most, ..Spec::always(GOOD) };
    let specs = |most| {
        vec![
            priced(None, usize::MAX),
            priced(Some(30), usize::MAX),
            priced(Some(5), most),
            priced(Some(5), most),
        ]
    };
    check(&shares("cost", specs(usize::MAX), 50.0, 0.0), &[0.0, 0.0, 0.5, 0.5], 1e-3);
    check(&shares("cost", specs(2), 40.0, 5.0), &[0.0, 0.5, 0.25, 0.25], 0.02);
}

/// One that answers after `before` seconds, and from `turn` on after `after`.
fn turning(before: f64, turn: f64, after: f64) -> Spec {
    Spec::new(move |seen| {
        let first = if seen.time < turn { before } else { after };
        Reply::Answer { first, whole: first + 0.1 }
    })
}

#[test]
fn latency_prefers_the_faster_many_times_over() {
    for rate in [5.0, 50.0] {
        let specs = vec![turning(0.5, 0.0, 0.5), turning(0.1, 0.0, 0.1)];
        let shares = shares("latency", specs, rate, 5.0);
        assert!(shares[1] > 4.0 * shares[0], "{shares:?}");
    }
}

#[test]
fn latency_adapts_when_the_faster_one_slows_down() {
    for rate in [5.0, 50.0] {
        let specs = vec![turning(0.3, 0.0, 0.3), turning(0.1, 50.0, 1.5)];
        let mut fleet = Fleet::new("latency", specs, &[&[0, 1]]);
        fleet.run(steady(rate, 0.0, 100.0));
        let (before, after) = (fleet.tally.shares(5.0..50.0), fleet.tally.shares(53.0..100.0));
        println!("latency at {rate}/s: {before:.3?}, then {after:.3?}");
        assert!(before[1] > 2.0 * before[0] && after[0] > 4.0 * after[1], "{before:?} {after:?}");
    }
}

#[test]
fn latency_finds_one_that_became_fast() {
    let specs = vec![turning(0.3, 0.0, 0.3), turning(2.0, 30.0, 0.05)];
    let mut fleet = Fleet::new("latency", specs, &[&[0, 1]]);
    fleet.run(steady(10.0, 0.0, 200.0));
    let (before, after) = (fleet.tally.shares(5.0..30.0), fleet.tally.shares(100.0..200.0));
    println!("latency: {before:.3?}, then {after:.3?}");
    assert!(before[0] > 0.8 && after[1] > 0.8, "{before:?} {after:?}");
}

#[test]
fn latency_tries_all_that_are_not_measured_but_sends_them_no_herd() {
    let specs = (0..4).map(|_| Spec::always(Reply::Answer { first: 1.0, whole: 1.1 })).collect();
    let mut fleet = Fleet::new("latency", specs, &[&[0, 1, 2, 3]]);
    fleet.run(steady(1000.0, 0.0, 0.02));
    let mut counts = [0; 4];
    fleet.tally.attempts(0.0..1.0).for_each(|attempt| counts[attempt.deployment] += 1);
    assert!(counts.iter().all(|count| (3..=7).contains(count)), "20 calls at once go to {counts:?}");
}

#[test]
fn what_rests_is_shared_by_the_others_by_weight() {
    use lockgate_protocol::ir::FaultKind::KeyRefused;
    for strategy in ["round_robin", "random", "least_connections", "cache_affinity"] {
        let mut specs = weighted();
        specs.push(Spec::always(crate::fleet::fail(KeyRefused)).weight(8));
        check(&shares(strategy, specs, 200.0, 2.0), &[0.125, 0.25, 0.625, 0.0], 0.02);
    }
}
