//! The table of strategies: how the calls of one tier are spread over its deployments.

mod round_robin;

use std::fmt;

use crate::pool::Member;

/// Orders the members of one tier, call by call.
pub trait Strategy: Send + Sync + fmt::Debug {
    /// The places of all members, best first.
    fn order(&self) -> Vec<usize>;
}

/// One row of the table.
#[derive(Debug)]
pub struct StrategyRow {
    /// The name in the config.
    pub name: &'static str,
    /// Starts the strategy for a tier with these members, of which there is at least one.
    pub build: fn(&[Member]) -> Box<dyn Strategy>,
}

/// Every strategy, the default first.
pub const STRATEGIES: &[StrategyRow] =
    &[StrategyRow { name: "round_robin", build: |members| Box::new(round_robin::RoundRobin::new(members)) }];

/// The strategy of that name.
pub fn find(name: &str) -> Option<&'static StrategyRow> {
    STRATEGIES.iter().find(|row| row.name == name)
}
