//! The cheapest first, equal prices in turn, unknown prices last.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::strategy::{Call, Candidate, Member, Strategy, best_only, by_key, in_turn};

/// A dearer one only gets calls while all cheaper ones rest or are full.
#[derive(Debug, Default)]
pub(super) struct Cost {
    turn: AtomicUsize,
}

impl Strategy for Cost {
    fn order(&self, members: &[Member], open: &mut [Candidate], _: &mut Call) {
        for candidate in &mut *open {
            candidate.key = key(&members[candidate.place]);
        }
        by_key(open);
        in_turn(open, self.turn.fetch_add(1, Ordering::Relaxed));
    }

    fn shares(&self, members: &[Member], open: &[usize]) -> Option<Vec<f64>> {
        let keys: Vec<f64> = open.iter().map(|place| key(&members[*place])).collect();
        Some(best_only(&keys))
    }
}

/// What is not known may be dear.
fn key(member: &Member) -> f64 {
    member.cost.map_or(f64::INFINITY, |cost| cost as f64)
}
