//! What the admin API says of the last minute, and of the gateway's health.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallLine, Condition};

/// `GET /admin/v1/stats`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// When it was counted (RFC 3339, UTC).
    pub at: String,
    /// The gateway's version.
    pub version: String,
    /// Milliseconds since the gateway's start.
    pub uptime_ms: u64,
    /// How many whole seconds are counted: sixty, fewer shortly after the start.
    pub seconds: u64,
    /// Requests of clients under way.
    pub calls: usize,
    /// Connections of clients.
    pub connections: usize,
    /// All calls that ended in these seconds.
    pub all: Minute,
    /// Second by second, the latest last.
    pub each: Vec<Second>,
    /// Every deployment of the config's models, and others that answered.
    pub deployments: Vec<DeploymentStats>,
    /// The latest calls that did not end with a whole answer, newest first.
    pub errors: Vec<CallLine>,
}

/// What the calls of the last minute came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Minute {
    /// Calls.
    pub requests: u64,
    /// Those that did not end with a whole answer.
    pub errors: u64,
    /// Calls in a second.
    pub requests_per_second: f64,
    /// Input tokens in a second, those of caches among them.
    pub input_per_second: f64,
    /// Output tokens in a second.
    pub output_per_second: f64,
    /// What they cost, in millionths of a dollar; without those whose price is unknown.
    pub cost_micro_usd: u64,
    /// How long calls took, in milliseconds. This and what follows is of the latest of them, where there are thousands.
    pub took_ms: Option<Spread>,
    /// How long their first output took, in milliseconds.
    pub first_token_ms: Option<Spread>,
    /// The gateway's own part, in milliseconds.
    pub overhead_ms: Option<Spread>,
}

/// How figures are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Half of them are no more than this.
    pub p50: f64,
    /// 99 of a hundred are no more than this.
    pub p99: f64,
}

/// What ended in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Second {
    /// Calls.
    pub requests: u64,
    /// Those that did not end with a whole answer.
    pub errors: u64,
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
}

/// One deployment in the last minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentStats {
    /// `provider/model#credential`.
    pub name: String,
    /// How it is; none for one that is no longer there.
    pub condition: Option<Condition>,
    /// The calls that it answered, or failed last.
    #[serde(flatten)]
    pub minute: Minute,
}

/// `GET /admin/v1/health`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthStatus {
    /// `ok`, `warning` (it answers, and somebody should look at it) or `draining`.
    pub status: String,
    /// The gateway's version.
    pub version: String,
    /// Milliseconds since its start.
    pub uptime_ms: u64,
    /// What somebody should look at, in words.
    pub warnings: Vec<String>,
    /// How many deployments there are in which state.
    pub deployments: BTreeMap<String, usize>,
    /// How the journal is; none where `log.journal` is off.
    pub journal: Option<JournalStatus>,
    /// What is made of the journal, and how far it is.
    pub projections: Vec<ProjectionStatus>,
}

/// How the journal is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JournalStatus {
    /// Why the disk takes no record; none while it does.
    pub error: Option<String>,
    /// For how long it has taken none, in seconds.
    pub stuck_seconds: u64,
    /// Records in memory that the disk has not taken.
    pub waiting: usize,
    /// Records that did not fit into memory meanwhile.
    pub lost: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// How far something is that is made of the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectionStatus {
    /// Its name.
    pub name: String,
    /// Why it does not go on; none while it does.
    pub error: Option<String>,
    /// Lines of the journal that it has not read.
    pub behind_lines: u64,
    /// For how long it has not been at the journal's end, in seconds.
    pub behind_seconds: u64,
}
