//! The table of strategies: how the calls of one tier are spread over its deployments.

mod round_robin;

use crate::strategy::StrategyRow;

/// Every strategy, the default first.
pub const STRATEGIES: &[StrategyRow] =
    &[StrategyRow { name: "round_robin", build: |members| Box::new(round_robin::RoundRobin::new(members)) }];

/// The strategy of that name.
pub fn find(name: &str) -> Option<&'static StrategyRow> {
    STRATEGIES.iter().find(|row| row.name == name)
}
