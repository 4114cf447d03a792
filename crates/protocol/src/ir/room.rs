//! What a provider says is left of its limits, as plain numbers: headers of an answer carry it, balancing heeds it.

use std::time::Duration;

/// What is left for the credential and model that an answer came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Requests that may still be sent.
    pub requests: Option<Left>,
    /// Tokens that may still be spent; where a provider counts several kinds, the scarcest.
    pub tokens: Option<Left>,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many are left.
    pub remaining: u64,
    /// Of how many.
    pub limit: Option<u64>,
    /// How long until all of them are there again.
    pub reset: Option<Duration>,
}
