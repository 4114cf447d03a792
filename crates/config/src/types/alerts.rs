//! When operators are told that something is the matter, and how.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::units;

/// When the operator is told, by a line in the log, that something is the matter, and that it is over.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// How long a deployment, or what else was told of, is not told of again.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "300s"))]
    pub cooldown: Duration,
}

// === impl Alerts ===

impl Default for Alerts {
    fn default() -> Self {
        Self { cooldown: Duration::from_secs(300) }
    }
}
