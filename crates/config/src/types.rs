//! The config file as types: each field's doc comment is its description in the schema and in the errors.

mod auth;
mod cloak;
mod provider;
mod rules;
mod served;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use bytesize::ByteSize;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;
use crate::target::Target;
use crate::units;

pub use auth::Auth;
pub use cloak::{Cloak, CloakMode, CloakPlace, CloakSystem, CloakUser};
pub use provider::{Credential, Provider, Timeouts, WireApi};
pub use rules::{FilterRule, Match, Rules, SetRule};
pub use served::Served;
pub use tls::Tls;

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
    /// How often and how long an answer is tried for; a model can override each value.
    pub retry: Retry,
    /// The proxy to every provider that names no other: `http://`, `https://`, `socks5://` or `socks5h://`, with
    /// `user:password@` where it wants one; `direct` is none. Without it `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY` of the environment count, though never for loopback addresses.
    pub proxy: Option<Secret>,
    /// What is changed in the bodies that go to providers.
    pub rules: Rules,
    /// How requests are made uniform before they leave, to every provider that says nothing else.
    pub cloak: Option<Cloak>,
    /// What the gateway writes about itself.
    pub log: Log,
}

/// Where the gateway listens and what it accepts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// The IP address and port to listen on. An address that others can reach needs `access.keys`.
    #[schemars(with = "units::Address", extend("default" = "127.0.0.1:8317"))]
    pub listen: SocketAddr,
    /// The largest request body that is accepted.
    #[serde(deserialize_with = "units::size")]
    #[schemars(with = "units::Size", extend("default" = "64MiB"))]
    pub max_body: ByteSize,
    /// How long running requests may still take after the gateway was told to stop.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "600s"))]
    pub drain: Duration,
}

/// Who may call the gateway.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Whether callers without a key are welcome on an address that others can reach.
    #[schemars(extend("default" = false))]
    pub open: bool,
    /// The keys that clients call with.
    pub keys: Vec<ClientKey>,
}

/// One key that a client calls with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientKey {
    /// Who the key belongs to, as logs and bills name it.
    pub name: String,
    /// The key itself, as the client sends it.
    pub key: Secret,
    /// The models this key may use; `*` and `?` stand for any characters and any one character.
    #[serde(default = "any_model")]
    #[schemars(extend("default" = ["*"]))]
    pub models: Vec<String>,
}

/// What answers a model name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// How requests are spread over the targets.
    #[schemars(extend("default" = "round_robin"))]
    pub strategy: Strategy,
    /// The pool that answers.
    pub targets: Vec<Target>,
    /// What is asked, in this order, when the whole pool has failed.
    pub fallback: Vec<Target>,
    /// Other names for the same model.
    pub aliases: Vec<String>,
    /// Whether a request that its target cannot be told everything of is translated all the same or refused.
    #[schemars(extend("default" = "allow"))]
    pub on_loss: OnLoss,
    /// What this model does differently from the top-level `retry`.
    pub retry: Option<RetryOverride>,
}

/// What becomes of a request that loses something in translation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLoss {
    /// It is translated; the answer names what was lost.
    #[default]
    Allow,
    /// It is refused with what would be lost.
    Reject,
}

/// How requests are spread over the targets of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// In turn, by weight.
    #[default]
    RoundRobin,
}

/// How often and how long an answer is tried for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How many deployments one request may be tried on, the first included.
    #[schemars(range(min = 1, max = 10), extend("default" = 3))]
    pub attempts: u32,
    /// The longest a whole call may take, all attempts and the answer included.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "10m"))]
    pub timeout: Duration,
    /// The longest one connection to a provider may take to open.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "5s"))]
    pub connect: Duration,
    /// The longest a streamed answer may take until its headers and first bytes are there.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "30s"))]
    pub first_byte: Duration,
    /// The longest a streamed answer may be silent once it has begun.
    #[serde(deserialize_with = "units::duration")]
    #[schemars(with = "units::Time", extend("default" = "60s"))]
    pub stall: Duration,
}

/// What one model does differently from the top-level `retry`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryOverride {
    /// How many deployments one request may be tried on, the first included.
    #[schemars(range(min = 1, max = 10))]
    pub attempts: Option<u32>,
    /// The longest a whole call may take, all attempts and the answer included.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub timeout: Option<Duration>,
    /// The longest one connection to a provider may take to open.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub connect: Option<Duration>,
    /// The longest a streamed answer may take until its headers and first bytes are there.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub first_byte: Option<Duration>,
    /// The longest a streamed answer may be silent once it has begun.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub stall: Option<Duration>,
}

/// What the gateway writes about itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// The least important thing that is still written.
    #[schemars(extend("default" = "info"))]
    pub level: LogLevel,
    /// How it is written.
    #[schemars(extend("default" = "text"))]
    pub format: LogFormat,
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

// === impl Server ===

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8317)),
            max_body: ByteSize::mib(64),
            drain: Duration::from_secs(600),
        }
    }
}

// === impl Retry ===

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            timeout: Duration::from_secs(600),
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(30),
            stall: Duration::from_secs(60),
        }
    }
}

// === impl RetryOverride ===

impl RetryOverride {
    /// The values that hold for this model: its own where it has one, else those of `base`.
    pub fn over(&self, base: &Retry) -> Retry {
        Retry {
            attempts: self.attempts.unwrap_or(base.attempts),
            timeout: self.timeout.unwrap_or(base.timeout),
            connect: self.connect.unwrap_or(base.connect),
            first_byte: self.first_byte.unwrap_or(base.first_byte),
            stall: self.stall.unwrap_or(base.stall),
        }
    }
}

fn any_model() -> Vec<String> {
    vec!["*".to_owned()]
}
