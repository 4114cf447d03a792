//! What a strategy is: it orders the members of one tier, call by call.

use std::fmt;

/// One deployment in a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The gateway's number for the deployment.
    pub deployment: usize,
    /// Its share of the tier's calls.
    pub weight: u32,
}

/// Orders the members of one tier.
pub trait Strategy: Send + Sync + fmt::Debug {
    /// The places of all members, best first.
    fn order(&self) -> Vec<usize>;
}

/// One row of the table of strategies.
#[derive(Debug)]
pub struct StrategyRow {
    /// The name in the config.
    pub name: &'static str,
    /// Starts the strategy for a tier with these members, of which there is at least one.
    pub build: fn(&[Member]) -> Box<dyn Strategy>,
}
