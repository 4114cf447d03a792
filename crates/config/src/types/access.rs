//! Who may call the gateway, and how much.

use std::time::SystemTime;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::budget::Budgets;
use super::share::Share;
use crate::Secret;
use crate::units;

/// Who may call the gateway.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// The key for the admin API, at least 16 characters. Without one there is no admin API, unless `admin` says otherwise.
    pub admin_key: Option<Secret>,
    /// Who may use the admin API.
    #[schemars(extend("default" = "key"))]
    pub admin: AdminFor,
    /// Whether callers without a key are welcome on an address that others can reach.
    #[schemars(extend("default" = false))]
    pub open: bool,
    /// The keys that clients call with.
    pub keys: Vec<ClientKey>,
    /// Whether keys count that are created while the gateway runs, and are kept in `keys.db` in `data_dir`. Without a word
    /// they do, and the file is made with the first of them. `true` also says that callers need a key although none is
    /// written here; so does an `admin_key` on an address that others can reach.
    pub created_keys: Option<bool>,
    /// What created keys are hashed with, at least 32 characters: the same for all gateways that have a `keys.db` in common.
    /// Without it there is one of the folder's own in `keys.pepper`.
    pub pepper: Option<Secret>,
    /// What all callers together may ask for, with or without a key.
    pub limits: CallerLimits,
    /// What all of them together may spend: one budget or several, each of which must have room.
    pub budget: Budgets,
}

/// Who may use the admin API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdminFor {
    /// Whoever shows `admin_key`; without one there is no admin API.
    #[default]
    Key,
    /// And programs on this machine, which need no key: those that call a loopback address by a loopback name, or a socket in
    /// the file system, and neither for a web page of another origin nor for somebody else, as a proxy does.
    Loopback,
}

/// How much may be asked for. What is not written is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallerLimits {
    /// The most requests in a minute.
    #[schemars(range(min = 1))]
    pub rpm: Option<u32>,
    /// The most tokens in a minute, in and out: what a request may take is counted ahead, and set right when it is done.
    #[schemars(range(min = 1))]
    pub tpm: Option<u32>,
    /// The most requests under way at once.
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
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
    #[serde(default = "all")]
    #[schemars(extend("default" = ["*"]))]
    pub models: Vec<String>,
    /// The providers that may answer it, by the names that they have here; `*` and `?` work.
    #[serde(default = "all")]
    #[schemars(extend("default" = ["*"]))]
    pub providers: Vec<String>,
    /// What it may be used for; empty is everything.
    #[serde(default)]
    pub operations: Vec<Use>,
    /// The most requests in a minute.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub rpm: Option<u32>,
    /// The most tokens in a minute, in and out: what a request may take is counted ahead, and set right when it is done.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub tpm: Option<u32>,
    /// The most requests under way at once.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
    /// What it may spend: one budget or several, each of which must have room.
    #[serde(default)]
    pub budget: Budgets,
    /// When it ends, such as `2027-01-01` or `2027-01-01T08:00:00Z`.
    #[serde(default, deserialize_with = "units::optional_time_of_day")]
    #[schemars(with = "Option<units::TimeOfDay>")]
    pub expires: Option<SystemTime>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Words that its calls are counted by beside its name, such as `team: search`.
    #[serde(default)]
    pub tags: IndexMap<String, String>,
    /// Of which of its calls the journal has what was said, in place of `log.bodies`.
    #[serde(default)]
    pub log_bodies: Option<Share>,
}

/// One kind of use of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Use {
    /// Chats, messages, responses, completions.
    Generate,
    /// Counting tokens.
    CountTokens,
    /// Vectors for texts.
    Embed,
    /// Speech and transcripts.
    Audio,
    /// Pictures.
    Images,
    /// Whatever else a provider has.
    Other,
}

// === impl ClientKey ===

impl ClientKey {
    /// How much it may be asked for.
    #[must_use]
    pub fn limits(&self) -> CallerLimits {
        CallerLimits { rpm: self.rpm, tpm: self.tpm, max_concurrent: self.max_concurrent }
    }
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}
