//! The table of strategies: how the calls of one tier are spread over its deployments.

mod cache_affinity;
mod cost;
mod fill_first;
mod latency;
mod least_connections;
mod lru;
mod priority;
mod random;
mod round_robin;

use crate::strategy::StrategyRow;

/// Every strategy, the default first.
pub const STRATEGIES: &[StrategyRow] = &[
    StrategyRow {
        name: "round_robin",
        doc: "Every deployment in turn, by weight, never in bursts.",
        wants_affinity: false,
        build: |members| Box::new(round_robin::RoundRobin::new(members)),
    },
    StrategyRow {
        name: "random",
        doc: "By lot, the chances by weight.",
        wants_affinity: false,
        build: |_| Box::new(random::Random),
    },
    StrategyRow {
        name: "least_connections",
        doc: "The deployment with the fewest requests under way for its weight.",
        wants_affinity: false,
        build: |_| Box::new(least_connections::LeastConnections),
    },
    StrategyRow {
        name: "lru",
        doc: "The deployment whose last turn is longest ago; weights do not count.",
        wants_affinity: false,
        build: |members| Box::new(lru::Lru::new(members.len())),
    },
    StrategyRow {
        name: "fill_first",
        doc: "In the order they are written: the next one only while those before it are at their limits or rest.",
        wants_affinity: false,
        build: |_| Box::new(fill_first::FillFirst),
    },
    StrategyRow {
        name: "priority",
        doc: "The highest weight first, equal ones in turn: the others only while those rest.",
        wants_affinity: false,
        build: |_| Box::new(priority::build()),
    },
    StrategyRow {
        name: "latency",
        doc: "Of two drawn by weight the one that is faster to its first token for what it has under way.",
        wants_affinity: false,
        build: |_| Box::new(latency::Latency),
    },
    StrategyRow {
        name: "cost",
        doc: "The cheapest first, equal prices in turn, unknown prices last.",
        wants_affinity: false,
        build: |_| Box::new(cost::build()),
    },
    StrategyRow {
        name: "cache_affinity",
        doc: "A conversation stays at one deployment, so that its prompt cache is warm, unless that one rests or has \
              more under way than a quarter above its share.",
        wants_affinity: true,
        build: |_| Box::new(cache_affinity::CacheAffinity),
    },
];

/// The strategy of that name.
pub fn find(name: &str) -> Option<&'static StrategyRow> {
    STRATEGIES.iter().find(|row| row.name == name)
}
