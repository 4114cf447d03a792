//! Smooth weighted round robin: every member in turn, by weight, never in bursts.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::strategy::{Member, Strategy};

/// Longest precomputed sequence; larger sums of weights are scaled down to it.
const MAX_SEQUENCE: u64 = 4096;

/// The turn order is computed once; a call only moves a counter, so that calls share no lock.
#[derive(Debug)]
pub(super) struct RoundRobin {
    members: usize,
    sequence: Vec<u16>,
    turn: AtomicUsize,
}

impl RoundRobin {
    pub(super) fn new(members: &[Member]) -> Self {
        Self { members: members.len(), sequence: sequence(members), turn: AtomicUsize::new(0) }
    }
}

impl Strategy for RoundRobin {
    fn order(&self) -> Vec<usize> {
        if self.members == 1 {
            return vec![0];
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.sequence.len();
        let mut order = Vec::with_capacity(self.members);
        for place in
            self.sequence[turn..].iter().chain(&self.sequence[..turn]).map(|place| usize::from(*place))
        {
            if !order.contains(&place) {
                order.push(place);
                if order.len() == self.members {
                    break;
                }
            }
        }
        order
    }
}

/// The smooth sequence: in each turn everybody gains its weight, the richest goes and pays the sum of all weights.
fn sequence(members: &[Member]) -> Vec<u16> {
    let sum: u64 = members.iter().map(|member| u64::from(member.weight)).sum();
    let scale = |weight: u32| (u64::from(weight) * MAX_SEQUENCE).checked_div(sum).unwrap_or(0).max(1);
    let weights: Vec<u64> = members
        .iter()
        .map(|member| if sum > MAX_SEQUENCE { scale(member.weight) } else { u64::from(member.weight).max(1) })
        .collect();
    let divisor = weights.iter().copied().reduce(gcd).unwrap_or(1);
    let weights: Vec<i64> =
        weights.iter().map(|weight| i64::try_from(weight / divisor).unwrap_or(1)).collect();
    let sum: i64 = weights.iter().sum();
    let mut riches = vec![0; weights.len()];
    (0..sum)
        .map(|_| {
            riches.iter_mut().zip(&weights).for_each(|(rich, weight)| *rich += weight);
            // The first of the richest, so that equal members go in the order they are written.
            let richest = riches.iter().max().copied().unwrap_or(0);
            let place = riches.iter().position(|rich| *rich == richest).unwrap_or(0);
            riches[place] -= sum;
            u16::try_from(place).unwrap_or(u16::MAX)
        })
        .collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::{prop_assert, prop_assert_eq, proptest},
    };

    use super::*;

    fn members(weights: &[u32]) -> Vec<Member> {
        weights
            .iter()
            .enumerate()
            .map(|(deployment, weight)| Member { deployment, weight: *weight })
            .collect()
    }

    #[track_caller]
    fn check(weights: &[u32], expect: &str) {
        let strategy = RoundRobin::new(&members(weights));
        let firsts: String =
            (0..expect.len()).map(|_| char::from(b'a' + strategy.order()[0] as u8)).collect();
        assert_eq!(firsts, expect);
    }

    #[test]
    fn turns_are_smooth() {
        check(&[1, 1, 1], "abcabc");
        check(&[5, 1, 1], "aabacaaaabacaa");
        check(&[20, 10], "abaaba");
        check(&[1], "aaa");
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in vec(1u32..=1000, 1..12)) {
            let strategy = RoundRobin::new(&members(&weights));
            let rounds = strategy.sequence.len().max(1);
            let mut count = vec![0usize; weights.len()];
            for _ in 0..rounds {
                let order = strategy.order();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                prop_assert_eq!(sorted, (0..weights.len()).collect::<Vec<_>>());
                count[order[0]] += 1;
            }
            let sum: u32 = weights.iter().sum();
            for (count, weight) in count.iter().zip(&weights) {
                let want = f64::from(*weight) / f64::from(sum) * rounds as f64;
                // Exact, except where the sum was scaled down: then within a turn and the rounding of the others.
                let slack = if u64::from(sum) > MAX_SEQUENCE { 1.0 + weights.len() as f64 } else { 1e-6 };
                prop_assert!((*count as f64 - want).abs() <= slack, "{} turns instead of {}", count, want);
            }
        }
    }
}
