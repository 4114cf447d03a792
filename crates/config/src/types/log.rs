//! What the gateway writes about itself, and of the calls it answers.

use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{share::Share, training::TrainingFiles};
use crate::units;

/// What the gateway writes about itself, and of the calls it answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important thing that is still written.
    #[schemars(extend("default" = "info"))]
    pub level: LogLevel,
    /// How it is written.
    #[schemars(extend("default" = "text"))]
    pub format: LogFormat,
    /// Whether every call is put on record in `data_dir`, where it outlives the process: the list of calls, usage and
    /// budgets are made of it. Without it only the last calls are remembered, in memory. Counts from the next start on.
    #[schemars(extend("default" = true))]
    pub journal: bool,
    /// How much of the journal is kept.
    pub keep: Keep,
    /// What an answer's last byte waits for.
    #[schemars(extend("default" = "os"))]
    pub sync: LogSync,
    /// Of which calls the journal has what was said, request and answer: `true`, `false`, or a part of them that dice choose,
    /// such as `0.1`. A streamed answer is kept as the whole one that it makes. A key can say otherwise with `log_bodies`.
    #[schemars(extend("default" = "false"))]
    pub bodies: Share,
    /// How much is kept of a request, and of an answer.
    #[serde(deserialize_with = "units::size")]
    #[schemars(with = "units::Size", extend("default" = "64KiB"))]
    pub body_limit: ByteSize,
    /// What is written of each call that was answered whole to `requests_responses/YYYYMMDD_HH.jsonl` (in UTC) in
    /// `data_dir`: requests and answers with all that is said in them. Without it nothing is. It is made of the journal,
    /// which has the bodies of these calls whole, whatever `bodies` says.
    pub training_files: Option<TrainingFiles>,
}

/// How much of the journal is kept: the oldest records go when either bound is reached. What was used is summed up for good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// For how many days.
    #[schemars(range(min = 1, max = 36500), extend("default" = 30))]
    pub days: u32,
    /// How large it may become.
    #[serde(deserialize_with = "units::size")]
    #[schemars(with = "units::Size", extend("default" = "20GiB"))]
    pub bytes: ByteSize,
}

/// What is waited for before a call counts as on record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogSync {
    /// The system has its record: it survives the gateway, however that ends, and a machine that loses its power takes the last
    /// second along.
    #[default]
    Os,
    /// The disk has it, which all who wait are told at once: nothing is lost, and answers end later by as long as the disk
    /// takes.
    Disk,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what went wrong.
    Error,
    /// And what may go wrong.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line, for machines.
    Json,
}

// === impl Log ===

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LogLevel::default(),
            format: LogFormat::default(),
            journal: true,
            keep: Keep::default(),
            sync: LogSync::default(),
            bodies: Share::NONE,
            body_limit: ByteSize::kib(64),
            training_files: None,
        }
    }
}

// === impl Keep ===

impl Keep {
    /// For how long.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_secs(u64::from(self.days) * 24 * 60 * 60)
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self { days: 30, bytes: ByteSize::gib(20) }
    }
}
