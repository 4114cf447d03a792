//! What a provider says is left of a credential's limits.

use std::time::Duration;

/// What is left of one limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// How many may still be used.
    pub remaining: u64,
    /// How many there are when nothing is used, if the provider says it.
    pub limit: Option<u64>,
    /// How long until all of them are there again, if the provider says it.
    pub reset: Option<Duration>,
}

/// What is left of the limits that a provider told with an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Of the requests.
    pub requests: Option<Left>,
    /// Of the tokens, where there are several limits of the tightest.
    pub tokens: Option<Left>,
}
