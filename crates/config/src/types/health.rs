//! When a deployment is left alone, for how long, and whether it is looked after in between.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::units;

/// When a deployment is left alone, and for how long.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// How many faults in a row, within `error_window`, make a deployment be left alone.
    #[schemars(range(min = 1, max = 1000), extend("default" = 5))]
    pub error_threshold: u32,
    /// How long faults are remembered.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "300s"))]
    pub error_window: Duration,
    /// The longest a deployment or a credential is left alone before one request tries it again, whatever its provider
    /// asked for.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "300s"))]
    pub max_cooldown: Duration,
    /// How long a deployment is left alone whose provider said no time. Without it a second after `error_threshold` faults,
    /// twice as long after each failed try, at most 15 s; and rate limits count from the third in a row.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub cooldown: Option<Duration>,
    /// How often each deployment is checked in the background. Without it and the next two nothing is sent that no
    /// client asked for; with one of them every 30 s.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub interval: Option<Duration>,
    /// What is asked in a check: `models` unless there is a `check_model`.
    pub method: Option<CheckMethod>,
    /// The provider's model that checks are made with, where that is not the deployment's own.
    pub check_model: Option<String>,
}

/// What one model does differently from the top-level `health`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthOverride {
    /// How many faults in a row make a deployment be left alone.
    #[schemars(range(min = 1, max = 1000))]
    pub error_threshold: Option<u32>,
    /// How long faults are remembered.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub error_window: Option<Duration>,
    /// The longest a deployment or a credential is left alone.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub max_cooldown: Option<Duration>,
    /// How long a deployment is left alone whose provider said no time.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub cooldown: Option<Duration>,
    /// How often each deployment is checked in the background.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub interval: Option<Duration>,
    /// What is asked in a check.
    pub method: Option<CheckMethod>,
    /// The provider's model that checks are made with.
    pub check_model: Option<String>,
}

/// What is asked in a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckMethod {
    /// The provider's list of models: costs nothing, and says only that the provider is there and takes the credential.
    Models,
    /// An answer of one token: says that the model answers, and is billed.
    Call,
}

// === impl Health ===

impl Default for Health {
    fn default() -> Self {
        Self {
            error_threshold: 5,
            error_window: Duration::from_secs(300),
            max_cooldown: Duration::from_secs(300),
            cooldown: None,
            interval: None,
            method: None,
            check_model: None,
        }
    }
}

impl Health {
    /// How often is checked where nobody says how often.
    pub const USUAL_INTERVAL: Duration = Duration::from_secs(30);

    /// How often and what is asked in the background; `None` if nothing is.
    pub fn check(&self) -> Option<(Duration, CheckMethod)> {
        let usual = if self.check_model.is_some() { CheckMethod::Call } else { CheckMethod::Models };
        let is_on = self.interval.is_some() || self.method.is_some() || self.check_model.is_some();
        is_on.then(|| (self.interval.unwrap_or(Self::USUAL_INTERVAL), self.method.unwrap_or(usual)))
    }
}

// === impl HealthOverride ===

impl HealthOverride {
    /// The values that hold for this model: its own where it has one, else those of `base`.
    pub fn over(&self, base: &Health) -> Health {
        Health {
            error_threshold: self.error_threshold.unwrap_or(base.error_threshold),
            error_window: self.error_window.unwrap_or(base.error_window),
            max_cooldown: self.max_cooldown.unwrap_or(base.max_cooldown),
            cooldown: self.cooldown.or(base.cooldown),
            interval: self.interval.or(base.interval),
            method: self.method.or(base.method),
            check_model: self.check_model.clone().or_else(|| base.check_model.clone()),
        }
    }
}
