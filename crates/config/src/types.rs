//! The config file as types: each field's doc comment is its description in the schema and in the errors.

mod access;
mod alerts;
mod auth;
mod budget;
mod cloak;
mod health;
mod listen;
mod log;
mod model;
mod price;
mod provider;
mod receivers;
mod retry;
mod rules;
mod served;
mod server;
mod server_tls;
mod share;
mod telemetry;
mod tls;
mod training;

use std::path::PathBuf;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;

pub use access::{Access, AdminFor, CallerLimits, ClientKey, Use};
pub use alerts::{Alerts, ErrorRate};
pub use auth::Auth;
pub use budget::{Budget, Budgets, Per};
pub use cloak::{Cloak, CloakMode, CloakPlace, CloakSystem, CloakUser};
pub use health::{CheckMethod, Health, HealthOverride};
pub(crate) use listen::Detailed;
pub use listen::{Address, Listen, Listener, ListenerTls};
pub use log::{Keep, Log, LogFormat, LogLevel, LogSync};
pub use model::{Commit, Model, OnLoss, Strategy};
pub use price::{Price, PriceTier, Usd};
pub use provider::{Credential, Provider, Timeouts, WireApi};
pub use receivers::{AlertKind, MailTls, Mailbox, Mailboxes, Receiver, Receivers};
pub use retry::{Retry, RetryOverride};
pub use rules::{FilterRule, Match, Rules, SetRule};
pub use served::Served;
pub use server::{Cors, MetricsAccess, Server};
pub use server_tls::{ClientAuth, ServerTls};
pub use share::Share;
pub use telemetry::{Otlp, OtlpProtocol, Telemetry};
pub use tls::Tls;
pub(crate) use training::TrainingDetails;
pub use training::{TrainingFiles, TrainingForm, TrainingReasoning};

/// The whole configuration of one gateway.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the gateway listens and what it accepts.
    pub server: Server,
    /// Who may call the gateway.
    pub access: Access,
    /// The places that answer, by the name that targets use for them.
    pub providers: IndexMap<String, Provider>,
    /// The names that clients ask for, and what answers them.
    pub models: IndexMap<String, Model>,
    /// How requests are spread over the targets of every model that does not say it itself.
    #[schemars(extend("default" = "round_robin"))]
    pub strategy: Strategy,
    /// How often and how long an answer is tried for; a model can override each value.
    pub retry: Retry,
    /// When a deployment is left alone, and for how long; a model can override each value.
    pub health: Health,
    /// When the operator is told that something is the matter, and how.
    pub alerts: Alerts,
    /// What models cost, by `provider/upstream-model`; `*` and `?` work, and the first that fits counts.
    pub prices: IndexMap<String, Price>,
    /// The proxy to every provider that names no other: `http://`, `https://`, `socks5://` or `socks5h://`, with
    /// `user:password@` where it wants one; `direct` is none. Without it `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY` of the environment count, though never for loopback addresses.
    pub proxy: Option<Secret>,
    /// What is changed in the bodies that go to providers.
    pub rules: Rules,
    /// How requests are made uniform before they leave, to every provider that says nothing else.
    pub cloak: Option<Cloak>,
    /// What the gateway writes about itself, and of the calls it answers.
    pub log: Log,
    /// What an OpenTelemetry collector is sent.
    pub telemetry: Telemetry,
    /// The folder for what the gateway keeps: the journal of all calls, what is made of it, training files. A relative path
    /// begins at the working directory; it is made where it is missing.
    #[schemars(extend("default" = "data"))]
    pub data_dir: DataDir,
}

/// The folder for what the gateway keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct DataDir(pub PathBuf);

impl Default for DataDir {
    fn default() -> Self {
        Self(PathBuf::from("data"))
    }
}
