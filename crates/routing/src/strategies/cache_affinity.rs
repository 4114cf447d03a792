//! A conversation stays at one deployment, so that its prompt cache is warm.

use crate::{
    draw::{mixed, wait},
    strategies::least_connections::LeastConnections,
    strategy::{Call, Candidate, Member, Strategy, by_key},
};

/// How much more than its share of the requests under way a member may have before it yields.
const BOUND: f64 = 1.25;

/// Weighted rendezvous hashing: conversation and member together decide how long the member would wait, and the shortest
/// wait wins. When a member comes or goes, only its own conversations move. A call without an affinity goes where the
/// fewest are under way.
#[derive(Debug)]
pub(super) struct CacheAffinity;

impl Strategy for CacheAffinity {
    fn order(&self, members: &[Member], open: &mut [Candidate], call: &mut Call) {
        let Some(affinity) = call.affinity else { return LeastConnections.order(members, open, call) };
        let (mut busy, mut weights) = (0.0, 0.0);
        for candidate in &mut *open {
            let member = &members[candidate.place];
            candidate.key = wait(mixed(affinity ^ mixed(member.identity)), member.weight);
            candidate.tie = member.health.in_flight() as f64;
            busy += candidate.tie;
            weights += f64::from(member.weight.max(1));
        }
        by_key(open);
        let mean = busy / weights;
        let has_room = |candidate: &Candidate| {
            candidate.tie <= mean * f64::from(members[candidate.place].weight.max(1)) * BOUND + 1.0
        };
        // The first that has room; the others stay in their order, for that is where the conversation goes next.
        if let Some(at) = open.iter().position(has_room) {
            open[..=at].rotate_right(1);
        }
    }
}
