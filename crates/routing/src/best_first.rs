//! The best by some measure first, equal ones in turn: a worse one only gets calls while all better ones rest or are full.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::strategy::{Call, Candidate, Member, Strategy, best_only, by_key, in_turn};

/// Orders by what `key` makes of a member, the least first.
#[derive(Debug)]
pub(crate) struct BestFirst {
    key: fn(&Member) -> f64,
    turn: AtomicUsize,
}

impl BestFirst {
    pub(crate) fn new(key: fn(&Member) -> f64) -> Self {
        Self { key, turn: AtomicUsize::new(0) }
    }
}

impl Strategy for BestFirst {
    fn order(&self, members: &[Member], open: &mut [Candidate], _: &mut Call) {
        for candidate in &mut *open {
            candidate.key = (self.key)(&members[candidate.place]);
        }
        by_key(open);
        in_turn(open, self.turn.fetch_add(1, Ordering::Relaxed));
    }

    fn shares(&self, members: &[Member], open: &[usize]) -> Option<Vec<f64>> {
        let keys: Vec<f64> = open.iter().map(|place| (self.key)(&members[*place])).collect();
        Some(best_only(&keys))
    }
}
