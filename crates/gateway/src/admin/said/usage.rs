//! What the admin API says of usage.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /admin/v1/usage`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// From when on calls are counted (RFC 3339, UTC).
    pub from: String,
    /// Before when they ended.
    pub to: String,
    /// `minute`, `hour` or `day`; none for all of the time together.
    pub step: Option<String>,
    /// What sums are told apart by.
    pub by: Vec<String>,
    /// The sums, the earliest times and first names first.
    pub rows: Vec<UsageRow>,
    /// All rows together, those of other pages too.
    pub total: Sums,
    /// What `after` takes to go on; none at the end.
    pub next: Option<String>,
}

/// Sums of the calls that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageRow {
    /// When the minute, hour or day begins in which they ended (RFC 3339, UTC); none without `step`.
    pub at: Option<String>,
    /// What they have in common, by the names of `by`; empty text for calls that have none of it.
    pub of: BTreeMap<String, String>,
    /// The sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sums {
    /// Calls.
    pub calls: u64,
    /// Calls that did not end with a whole answer.
    pub errors: u64,
    /// Calls whose usage is estimated.
    pub estimated: u64,
    /// Calls whose price is unknown: `cost_micro_usd` is without them.
    pub unpriced: u64,
    /// Input tokens that came from no cache.
    pub input: u64,
    /// Input tokens from providers' caches.
    pub cache_read: u64,
    /// Input tokens to providers' caches.
    pub cache_write: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// The part of them that was reasoning.
    pub reasoning: u64,
    /// What they cost, in millionths of a dollar.
    pub cost_micro_usd: u64,
    /// How long they took in the mean, in milliseconds.
    pub mean_ms: Option<f64>,
    /// How long their first output took in the mean, in milliseconds.
    pub mean_first_token_ms: Option<f64>,
}
