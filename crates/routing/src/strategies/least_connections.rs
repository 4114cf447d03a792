//! The deployment with the fewest requests under way for its weight.

use crate::strategy::{Call, Candidate, Member, Strategy, by_key_and_tie};

/// Equal ones by lot, the chances by weight: an idle tier is not all the first one's.
#[derive(Debug)]
pub(super) struct LeastConnections;

impl Strategy for LeastConnections {
    fn order(&self, members: &[Member], open: &mut [Candidate], call: &mut Call) {
        for candidate in &mut *open {
            let member = &members[candidate.place];
            candidate.key = member.health.in_flight() as f64 / f64::from(member.weight.max(1));
            candidate.tie = call.draw.wait(member.weight);
        }
        by_key_and_tie(open);
    }
}
