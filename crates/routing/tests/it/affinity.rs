//! Conversations stay where their prompt cache is warm.

use lockgate_protocol::ir::FaultKind;

use crate::{
    fleet::{Arrival, Dice, Fleet, GOOD, Micros, Reply, Spec},
    tally::End,
};

fn who(end: End) -> usize {
    let End::Answered { deployment } = end else { panic!("not answered: {end:?}") };
    deployment
}

#[test]
fn a_conversation_of_20_turns_stays() {
    for conversation in 0..50 {
        let specs = (0..5).map(|_| Spec::always(GOOD)).collect();
        let mut fleet = Fleet::new("cache_affinity", specs, &[&[0, 1, 2, 3, 4]]);
        let turns: Vec<usize> =
            (0..20).map(|turn| who(fleet.call(f64::from(turn) * 30.0, Some(conversation)))).collect();
        assert!(turns.iter().all(|turn| *turn == turns[0]), "{turns:?}");
    }
}

#[test]
fn it_yields_to_a_rate_limit_within_one_call_and_returns_after_it() {
    let limited = Reply::Fail { kind: FaultKind::RateLimited, after: 0.03, hint: Some(15.0) };
    for conversation in 0..20 {
        let specs = (0..3).map(|_| Spec::out(100.0, 115.0, limited)).collect();
        // Where it belongs, found out in a fleet of its own.
        let home = who(Fleet::new("cache_affinity", specs, &[&[0, 1, 2]]).call(0.0, Some(conversation)));
        let spec = |place| {
            if place == home { Spec::out(100.0, 115.0, limited) } else { Spec::always(GOOD) }
        };
        let mut fleet = Fleet::new("cache_affinity", (0..3).map(spec).collect(), &[&[0, 1, 2]]);
        let turns: Vec<usize> =
            (0..20).map(|turn| who(fleet.call(f64::from(turn) * 10.0 + 5.0, Some(conversation)))).collect();
        // At 105 and 115 seconds: one deployment for both, for that is next in the order.
        let away: Vec<usize> = turns.iter().copied().filter(|turn| *turn != home).collect();
        assert_eq!(away.len(), 2, "{turns:?}");
        assert_eq!(away[0], away[1], "{turns:?}");
        assert_eq!(fleet.tally.attempts.len(), 21, "one call finds out, nobody else asks");
    }
}

/// Each conversation once, slowly: where it belongs.
fn homes(members: &[usize], conversations: u64) -> Vec<usize> {
    let specs = (0..10).map(|_| Spec::always(Reply::Answer { first: 0.0, whole: 0.0001 })).collect();
    let mut fleet = Fleet::new("cache_affinity", specs, &[members]);
    let arrival = |number: u64| Arrival { at: number * 1000, affinity: Some(number) };
    fleet.run((0..conversations).map(arrival));
    fleet.tally.ends.iter().map(|(_, end, _)| who(*end)).collect()
}

#[test]
fn conversations_are_balanced_and_only_those_of_a_leaver_move() {
    let all = homes(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 10_000);
    let mut counts = [0; 10];
    all.iter().for_each(|home| counts[*home] += 1);
    let most = *counts.iter().max().unwrap();
    println!(
        "10,000 conversations over 10 deployments: {counts:?}, max/mean {:.3}",
        f64::from(most) / 1000.0
    );
    assert!(most <= 1250, "{counts:?}");

    let without = homes(&[0, 1, 2, 4, 5, 6, 7, 8, 9], 10_000);
    let moved = all.iter().zip(&without).filter(|(before, after)| before != after).count();
    let theirs = all.iter().filter(|home| **home == 3).count();
    println!("one leaves: {moved} of its {theirs} conversations move");
    assert_eq!(moved, theirs);
}

#[test]
fn load_is_bounded_when_one_conversation_is_most_of_the_traffic() {
    let specs = (0..10).map(|_| Spec::always(Reply::Answer { first: 0.2, whole: 2.0 })).collect();
    let mut fleet = Fleet::new("cache_affinity", specs, &[&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    let mut dice = Dice::new(5);
    let arrival = |number: u64| Arrival {
        at: number as Micros * 5000,
        affinity: Some(if dice.fraction() < 0.5 { 42 } else { dice.number() }),
    };
    fleet.run((0..20_000).map(arrival));
    let shares = fleet.tally.shares(10.0..100.0);
    let most = shares.iter().copied().fold(0.0, f64::max) * 10.0;
    println!("half of the calls are one conversation's: max/mean {most:.3}");
    assert!(most <= 1.3, "{shares:.3?}");
}

#[test]
fn without_a_conversation_the_least_busy_is_asked() {
    let slow = Spec::always(Reply::Answer { first: 0.2, whole: 0.8 });
    let mut fleet = Fleet::new("cache_affinity", vec![Spec::always(GOOD), slow], &[&[0, 1]]);
    fleet.run(crate::fleet::steady(200.0, 0.0, 30.0));
    let shares = fleet.tally.shares(5.0..30.0);
    assert!((shares[0] - 0.8).abs() < 0.02, "{shares:?}");
}
