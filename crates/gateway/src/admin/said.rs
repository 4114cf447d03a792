//! What the admin API says, field by field: docs/admin.md is about these.

mod calls;
mod short;
mod stats;
mod usage;

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use calls::{CallBodies, CallBody, CallDetail, CallLine, CallTokens, CallTry, Calls, Missed};
pub use short::{ModelPlace, ModelStatus, Models, ProviderStatus, Providers, SystemInfo};
pub use stats::{
    DeploymentStats, HealthStatus, JournalStatus, Minute, ProjectionStatus, Second, Spread, Stats,
};
pub use usage::{Sums, Usage, UsageRow};

/// `GET /admin/v1/deployments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Deployments {
    /// Every deployment once, those of the config first and in its order.
    pub deployments: Vec<DeploymentStatus>,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentStatus {
    /// `provider/model#credential`.
    pub name: String,
    /// The provider's name in the config.
    pub provider: String,
    /// The model as the provider knows it.
    pub model: String,
    /// The credential's name, or its number in the list.
    pub credential: String,
    /// What it answers.
    pub serves: Vec<Serves>,
    /// How it is.
    #[serde(flatten)]
    pub condition: Condition,
}

/// A place of a deployment in a model's lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Serves {
    /// The name that clients ask for.
    pub model: String,
    /// `targets` (fallbacks are its later tiers), `on_context_length` or `on_content_filter`.
    pub list: String,
    /// The tier in that list, from nought.
    pub tier: usize,
}

/// How a deployment is at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// `closed` takes requests; `open`, `cooling` and `drained` take none; in `half_open` one request tries it.
    pub state: String,
    /// Why it is not to be asked or only tried: `open`, `drained`, `full`, or the kind of the fault.
    pub reason: Option<String>,
    /// Milliseconds until it may be asked again, where that is known.
    pub until_ms: Option<u64>,
    /// The same as a moment (RFC 3339, UTC).
    pub until: Option<String>,
    /// Requests that took part since the start.
    pub requests: u64,
    /// Those that were answered whole.
    pub answered: u64,
    /// Faults by kind, those of checks included.
    pub faults: BTreeMap<String, u64>,
    /// Requests under way.
    pub in_flight: usize,
    /// Faults in a row that count for the breaker.
    pub consecutive: usize,
    /// Mean milliseconds to the first token.
    pub first_token_ms: Option<f64>,
    /// The smaller part left of the provider's own limits, from 0 to 1.
    pub headroom: Option<f64>,
    /// How often its breaker opened.
    pub opened: u64,
    /// Requests that tried it after a rest.
    pub probes: u64,
}

/// `POST /admin/v1/deployments/{name}/test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tested {
    /// The deployment.
    pub name: String,
    /// `models` or `call`.
    pub method: String,
    /// The provider's model that was called; none for `models`.
    pub model: Option<String>,
    /// Whether what came is an answer.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
    /// What went wrong.
    pub fault: Option<FaultText>,
    /// How the deployment is after what was learned of it.
    #[serde(flatten)]
    pub condition: Condition,
}

/// A fault in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultText {
    /// Its kind, e.g. `upstream_key_refused`.
    pub kind: String,
    /// What happened, without any secret.
    pub text: String,
}

/// `GET /admin/v1/explain`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The name that was asked about.
    pub model: String,
    /// Whether a running gateway says so; else it is what the config alone comes to.
    pub live: bool,
    /// The client key that was asked about.
    pub key: Option<KeyRights>,
    /// How requests are spread within a tier.
    pub strategy: String,
    /// What holds for its calls.
    pub limits: CallLimits,
    /// What its calls may still try again.
    pub retries: Retries,
    /// What a call counts against: of the key that was asked about, of the model, of everybody together.
    pub allowed: Vec<Allowed>,
    /// Every place in its lists, in the order of asking.
    pub deployments: Vec<Candidate>,
}

/// What a key, a model or everybody together may ask for and spend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Allowed {
    /// Whose it is, in words; `this gateway` is everybody together.
    pub owner: String,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u32>,
    /// Requests under way at once.
    pub max_concurrent: Option<u32>,
    /// Those under way now, where they are limited.
    pub running: Option<u32>,
    /// Its budgets.
    pub budgets: Vec<BudgetState>,
}

/// One budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetState {
    /// In words, such as `$50 a month`.
    pub budget: String,
    /// `usd`, whose amounts are in millionths of a dollar, or `tokens`.
    pub of: String,
    /// How much there is.
    pub most: u64,
    /// What is spent of it; none where no gateway says so.
    pub spent: Option<u64>,
    /// What is kept of it for calls under way.
    pub kept: Option<u64>,
    /// Milliseconds until it begins anew, where it does so at once.
    pub renewed_in_ms: Option<u64>,
}

/// What a deployment charges, in millionths of a dollar for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceStatus {
    /// By the class of tokens; what is not here is as docs/prices.md says.
    pub figures: BTreeMap<String, u64>,
    /// What larger calls cost.
    pub tiers: Vec<TierStatus>,
    /// What a batch costs, in percent.
    pub batch: Option<u32>,
}

/// What a whole call costs once its input is larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TierStatus {
    /// The tokens of input above which it counts.
    pub above: u64,
    /// By the class of tokens.
    pub figures: BTreeMap<String, u64>,
}

/// What a client key may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRights {
    /// Its name.
    pub name: String,
    /// Whether it may use the model.
    pub may_use: bool,
}

/// Limits of a model's calls; times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallLimits {
    /// Most attempts that reach a provider.
    pub attempts: u32,
    /// The whole call.
    pub timeout_ms: u64,
    /// Until a streamed answer's head.
    pub first_byte_ms: u64,
    /// Until a streamed answer says something; absent where that depends on who else could be asked.
    pub first_token_ms: Option<u64>,
    /// Until an answer that is not streamed.
    pub answer_ms: u64,
    /// Between two pieces of a streamed answer.
    pub stall_ms: u64,
    /// Without output after this time somebody else is asked too.
    pub hedge_after_ms: Option<u64>,
    /// Faults in a row that open a breaker.
    pub error_threshold: u32,
    /// The time within which they happen.
    pub error_window_ms: u64,
    /// The longest rest.
    pub max_cooldown_ms: u64,
    /// How often deployments are checked in the background.
    pub check_every_ms: Option<u64>,
    /// By `models` or `call`.
    pub check_method: Option<String>,
    /// The provider's model that calls are made with, where that is not the deployment's own.
    pub check_model: Option<String>,
}

/// What a model's calls may try again, counted over the last ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Retries {
    /// Requests of clients.
    pub requests: u64,
    /// Retries that were made.
    pub retries: u64,
    /// Retries that would be allowed now.
    pub left: u64,
    /// Retries that were refused since the start.
    pub refused: u64,
}

/// One place in a model's lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The place in the order of asking within its list, from one, as far as the strategy can tell beforehand; none if it
    /// is not asked now.
    pub order: Option<usize>,
    /// `provider/model#credential`.
    pub name: String,
    /// `targets`, `on_context_length` or `on_content_filter`.
    pub list: String,
    /// The tier in that list, from nought.
    pub tier: usize,
    /// Its weight in the tier.
    pub weight: u32,
    /// The part of the tier's first attempts that it gets now, from 0 to 1; none where the strategy cannot tell.
    pub share: Option<f64>,
    /// What it charges; none where nobody knows.
    pub price: Option<PriceStatus>,
    /// How it is; a reason of `full` is the operator's own limit.
    #[serde(flatten)]
    pub condition: Condition,
}

/// `GET /admin/v1/gateway`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GatewayStatus {
    /// Its version.
    pub version: String,
    /// Milliseconds since its start.
    pub uptime_ms: u64,
    /// Whether it was told to stop and only finishes what runs.
    pub draining: bool,
    /// Requests of clients under way, and checks by a call.
    pub calls: usize,
    /// Connections of clients, this one included.
    pub connections: usize,
    /// Bytes of requests that are held.
    pub body_bytes: usize,
    /// Tasks: one for each connection, a few that last, and what outlives a request.
    pub tasks: usize,
    /// Attempts under way, over all deployments.
    pub attempts: usize,
    /// What the calls of each model may still try again.
    pub retries: BTreeMap<String, Retries>,
    /// How its config stands.
    pub config: ConfigStatus,
}

/// How the config stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigStatus {
    /// The file that it comes from; none if the gateway was started without one.
    pub source: Option<String>,
    /// Whose form the file has: `lockgate`, or the gateway that it was written for.
    pub form: Option<String>,
    /// When the one that counts began to (RFC 3339, UTC).
    pub loaded_at: String,
    /// How many have come in the place of another since the start.
    pub reloads: u64,
    /// The one that came last, if it was refused.
    pub last_error: Option<ConfigError>,
    /// What its owner should know, though nothing is wrong.
    pub notes: Vec<NoteText>,
}

/// A config that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigError {
    /// Since when no config that came was valid (RFC 3339, UTC).
    pub at: String,
    /// All that is wrong with the last one.
    pub problems: Vec<ProblemText>,
}

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemText {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The column in characters, from 1; 0 when it is about the file as a whole.
    pub column: usize,
    /// The key; empty at the top.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

/// Something to know about a config that is valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NoteText {
    /// The file.
    pub file: String,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The key; empty at the top.
    pub path: String,
    /// What there is to know.
    pub text: String,
}

/// `GET /admin/v1/config`; its `etag` stands for the file as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigText {
    /// The file.
    pub path: String,
    /// `yaml`, `json5` or `toml`.
    pub format: String,
    /// The file's text, with a marker in the place of each secret.
    pub text: String,
}

/// `PUT /admin/v1/config`; its `etag` stands for the new file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigChanged {
    /// What is different now, in words.
    pub changes: Vec<String>,
    /// Where the file is kept that was there before.
    pub backup: Option<String>,
}

/// `POST /admin/v1/config/reload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// What is different now, in words.
    pub changes: Vec<String>,
}

/// Why the admin API does not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdminError {
    /// What kind of refusal it is, e.g. `unknown_deployment`.
    pub code: String,
    /// The sentence for a person, with the remedy.
    pub message: String,
    /// What there is, where nothing is at the path that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What is wrong with a config that was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemText>,
}

/// The body of such an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: AdminError,
}

impl fmt::Display for AdminError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for AdminError {}
