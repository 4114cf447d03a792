//! What the admin API says under its short forms.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /admin/models`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Models {
    /// Every model of the config, in its order, then those that only clients have named.
    pub models: Vec<ModelStatus>,
}

/// One model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelStatus {
    /// The name that clients ask for.
    pub name: String,
    /// How its requests are spread within a tier.
    pub strategy: String,
    /// Who answers it, by the names of deployments, and where they stand in its lists.
    pub deployments: Vec<ModelPlace>,
}

/// A place in a model's lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelPlace {
    /// `provider/model#credential`.
    pub name: String,
    /// `targets` (fallbacks are its later tiers), `on_context_length` or `on_content_filter`.
    pub list: String,
    /// The tier in that list, from nought.
    pub tier: usize,
    /// How the deployment is.
    pub state: String,
}

/// `GET /api/providers`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Providers {
    /// Every provider that somebody asks, by its name.
    pub providers: Vec<ProviderStatus>,
}

/// One provider.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderStatus {
    /// Its name in the config.
    pub name: String,
    /// Whether any of its deployments takes requests.
    pub healthy: bool,
    /// How many deployments it has in which state.
    pub deployments: BTreeMap<String, usize>,
    /// Attempts since the start.
    pub requests: u64,
    /// Those that were answered whole.
    pub answered: u64,
    /// Attempts under way.
    pub in_flight: usize,
    /// Faults by kind, those of checks included.
    pub faults: BTreeMap<String, u64>,
}

/// `GET /api/system-info`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemInfo {
    /// `lockgate`.
    pub name: String,
    /// The gateway's version.
    pub version: String,
    /// When it was started (RFC 3339, UTC).
    pub started: String,
    /// Milliseconds since then.
    pub uptime_ms: u64,
    /// The process's number.
    pub pid: u32,
    /// The system, e.g. `linux`.
    pub os: String,
    /// The processor, e.g. `x86_64`.
    pub arch: String,
    /// Processors that it may use.
    pub cpus: usize,
    /// Requests of clients under way.
    pub calls: usize,
    /// Connections of clients.
    pub connections: usize,
    /// Models of the config, and those that only clients have named.
    pub models: usize,
    /// Providers of the config.
    pub providers: usize,
}
