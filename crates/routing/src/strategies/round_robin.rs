//! Smooth weighted round robin: every member in turn, by weight, never in bursts.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::strategy::{Call, Candidate, Member, Strategy};

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

    /// Where in the sequence this call begins. While some members rest, the others' turns are counted among
    /// themselves: whoever comes after one that rests would get its turns besides its own.
    fn start(&self, open: &[Candidate]) -> usize {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if open.len() == self.members {
            return turn % self.sequence.len();
        }
        let is_open = |place: &u16| open.iter().any(|candidate| candidate.place == usize::from(*place));
        let turns = self.sequence.iter().filter(|place| is_open(place)).count().max(1);
        let mut starts = (0..self.sequence.len()).filter(|at| is_open(&self.sequence[*at]));
        starts.nth(turn % turns).unwrap_or(0)
    }
}

impl Strategy for RoundRobin {
    fn order(&self, _: &[Member], open: &mut [Candidate], _: &mut Call) {
        let start = self.start(open);
        let mut rest = open;
        for place in self.sequence[start..].iter().chain(&self.sequence[..start]) {
            if rest.is_empty() {
                break;
            }
            if let Some(at) = rest.iter().position(|candidate| candidate.place == usize::from(*place)) {
                rest.swap(0, at);
                rest = &mut rest[1..];
            }
        }
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
    use std::{sync::Arc, time::Instant};

    use proptest::{
        collection::vec,
        prelude::{prop_assert, prop_assert_eq, proptest},
    };

    use super::*;
    use crate::{draw::Draw, health::Health};

    fn members(weights: &[u32]) -> Vec<Member> {
        let member = |(deployment, weight): (usize, &u32)| Member {
            deployment,
            identity: deployment as u64,
            weight: *weight,
            cost: None,
            health: Arc::new(Health::new(Arc::default())),
        };
        weights.iter().enumerate().map(member).collect()
    }

    /// One call's order over the members at these places.
    fn order(strategy: &RoundRobin, members: &[Member], open: &[usize]) -> Vec<usize> {
        let mut open: Vec<Candidate> = open.iter().map(|place| Candidate::at(*place)).collect();
        #[expect(
            clippy::disallowed_methods,
            reason = "the time of a call, which this strategy does not heed"
        )]
        let mut call = Call { now: Instant::now(), affinity: None, draw: Draw::new(0) };
        strategy.order(members, &mut open, &mut call);
        open.iter().map(|candidate| candidate.place).collect()
    }

    /// Writes whom each call asks first while the members of these letters are open.
    #[track_caller]
    fn check(weights: &[u32], open: &str, expect: &str) {
        let members = members(weights);
        let strategy = RoundRobin::new(&members);
        let open: Vec<usize> = open.bytes().map(|letter| usize::from(letter - b'a')).collect();
        let letter = |place: usize| char::from(b'a' + u8::try_from(place).unwrap());
        let firsts: String =
            (0..expect.len()).map(|_| letter(order(&strategy, &members, &open)[0])).collect();
        assert_eq!(firsts, expect);
    }

    #[test]
    fn turns_are_smooth() {
        check(&[1, 1, 1], "abc", "abcabc");
        check(&[5, 1, 1], "abc", "aabacaaaabacaa");
        check(&[20, 10], "ab", "abaaba");
        check(&[1], "a", "aaa");
    }

    #[test]
    fn the_turns_of_one_that_rests_are_shared_by_all() {
        check(&[1, 1, 1], "bc", "bcbc");
        check(&[1, 1, 1], "ac", "acac");
        check(&[5, 1, 1], "bc", "bcbc");
        check(&[1, 2, 5], "bc", "cbcccbc");
    }

    proptest! {
        #[test]
        fn shares_follow_the_weights(weights in vec(1u32..=1000, 1..12)) {
            let members = members(&weights);
            let strategy = RoundRobin::new(&members);
            let all: Vec<usize> = (0..weights.len()).collect();
            let rounds = strategy.sequence.len().max(1);
            let mut count = vec![0usize; weights.len()];
            for _ in 0..rounds {
                let order = order(&strategy, &members, &all);
                let mut sorted = order.clone();
                sorted.sort_unstable();
                prop_assert_eq!(&sorted, &all);
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
