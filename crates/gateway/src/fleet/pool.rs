//! Pools by the config's words: strategies by name, tiers by priority.

use std::cmp::Reverse;

use lockgate_config as config;
use lockgate_routing::{Member, StrategyRow};

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

/// The row of the table that the config means.
pub(super) fn strategy(strategy: config::Strategy) -> &'static StrategyRow {
    let name = match strategy {
        config::Strategy::RoundRobin => "round_robin",
    };
    lockgate_routing::find(name).unwrap_or(&lockgate_routing::STRATEGIES[0])
}
