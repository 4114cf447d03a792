//! Pools by the config's words: tiers by priority.

use std::cmp::Reverse;

use lockgate_routing::Member;

/// A member of a pool and who is asked before it.
pub(super) struct Ranked {
    pub(super) priority: i32,
    pub(super) member: Member,
}

/// A tier for each priority, the highest first; the order within one stays.
pub(super) fn by_priority(mut members: Vec<Ranked>) -> Vec<Vec<Member>> {
    members.sort_by_key(|ranked| Reverse(ranked.priority));
    let tiers = members.chunk_by(|a, b| a.priority == b.priority);
    tiers.map(|tier| tier.iter().map(|ranked| ranked.member).collect()).collect()
}
