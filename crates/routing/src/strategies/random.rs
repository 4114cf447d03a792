//! By lot, the chances by weight.

use crate::strategy::{Call, Candidate, Member, Strategy, by_key};

/// Each member draws how long it would wait; the shortest wait wins, and the next shortest comes next.
#[derive(Debug)]
pub(super) struct Random;

impl Strategy for Random {
    fn order(&self, members: &[Member], open: &mut [Candidate], call: &mut Call) {
        for candidate in &mut *open {
            candidate.key = call.draw.wait(members[candidate.place].weight);
        }
        by_key(open);
    }
}
