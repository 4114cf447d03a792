//! How often and how long an answer is tried for.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::units;

/// How often and how long an answer is tried for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How often one request may be tried, the first time included. What reached no provider is not counted.
    #[schemars(range(min = 1, max = 10), extend("default" = 3))]
    pub attempts: u32,
    /// How many more requests, in per cent, providers may be sent because others failed: so that an outage is not
    /// multiplied. Ten a second are always allowed.
    #[schemars(range(min = 0, max = 1000), extend("default" = 20))]
    pub extra_load: u32,
    /// The longest a whole call may take, all attempts and the answer included.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "10m"))]
    pub timeout: Duration,
    /// The longest one connection to a provider may take to open.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "5s"))]
    pub connect: Duration,
    /// The longest a streamed answer may take until its headers are there.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "30s"))]
    pub first_byte: Duration,
    /// The longest a streamed answer may take, from the request on, until it says something: then the next deployment
    /// is asked. Without it 12 s, but only where there is a next one; `off` is no limit.
    #[serde(deserialize_with = "units::optional_duration_or_off")]
    #[schemars(with = "Option<units::TimeOrOff>")]
    pub first_token: Option<Duration>,
    /// The longest one deployment may take for an answer that is not streamed, or until a slow model says something.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "5m"))]
    pub answer: Duration,
    /// The longest a streamed answer may be silent once it has begun.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "60s"))]
    pub stall: Duration,
    /// How soon an attempt must have failed for the request to be tried again: what took longer is told the client, who
    /// has waited enough. Without it every failure before the answer has begun may be tried again.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub retry_on_failure_within: Option<Duration>,
}

/// What one model does differently from the top-level `retry`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOverride {
    /// How often one request may be tried, the first time included.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<u32>,
    /// How many more requests, in per cent, providers may be sent because others failed.
    #[schemars(range(min = 0, max = 1000))]
    pub extra_load: Option<u32>,
    /// The longest a whole call may take, all attempts and the answer included.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub timeout: Option<Duration>,
    /// The longest one connection to a provider may take to open.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub connect: Option<Duration>,
    /// The longest a streamed answer may take until its headers are there.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub first_byte: Option<Duration>,
    /// The longest a streamed answer may take until it says something; `off` is no limit.
    #[serde(deserialize_with = "units::optional_duration_or_off")]
    #[schemars(with = "Option<units::TimeOrOff>")]
    pub first_token: Option<Duration>,
    /// The longest one deployment may take for an answer that is not streamed.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub answer: Option<Duration>,
    /// The longest a streamed answer may be silent once it has begun.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub stall: Option<Duration>,
    /// How soon an attempt must have failed for the request to be tried again.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub retry_on_failure_within: Option<Duration>,
}

// === impl Retry ===

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            extra_load: 20,
            timeout: Duration::from_secs(600),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            first_token: None,
            answer: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            retry_on_failure_within: None,
        }
    }
}

// === impl RetryOverride ===

impl RetryOverride {
    /// The values that hold for this model: its own where it has one, else those of `base`.
    pub fn over(&self, base: &Retry) -> Retry {
        Retry {
            attempts: self.attempts.unwrap_or(base.attempts),
            extra_load: self.extra_load.unwrap_or(base.extra_load),
            timeout: self.timeout.unwrap_or(base.timeout),
            connect: self.connect.unwrap_or(base.connect),
            first_byte: self.first_byte.unwrap_or(base.first_byte),
            first_token: self.first_token.or(base.first_token),
            answer: self.answer.unwrap_or(base.answer),
            stall: self.stall.unwrap_or(base.stall),
            retry_on_failure_within: self.retry_on_failure_within.or(base.retry_on_failure_within),
        }
    }
}
