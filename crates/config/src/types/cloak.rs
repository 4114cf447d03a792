//! Requests made uniform before they leave.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;

/// Makes requests uniform before they leave: who asks, with which program and about whom is the operator's to show. The
/// terms of the provider apply. A nearer `cloak` (of the credential, else of the provider) replaces a farther one whole.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cloak {
    /// Which requests are cloaked.
    #[schemars(extend("default" = "never"))]
    pub mode: CloakMode,
    /// The clients that `mode: auto` leaves alone, by their `User-Agent`; `*` and `?` work, and case does not count.
    pub native: Vec<String>,
    /// Headers in place of those by which the client would be known. Their values are kept as secret as keys.
    pub headers: IndexMap<String, Secret>,
    /// The operator's own system prompt.
    pub system: Option<CloakSystem>,
    /// What becomes of the ids of end users and of sessions.
    #[schemars(extend("default" = "drop"))]
    pub user: CloakUser,
    /// Words that are replaced by placeholders on the way out, and put back in the answer, whatever their case. No
    /// message about the config shows them.
    pub words: Vec<Secret>,
    /// What pseudonyms and placeholders are derived from, at least 16 characters: who does not know it cannot check a
    /// guess. Without it they follow from where the cloak is written, which can be guessed.
    pub secret: Option<Secret>,
}

/// Which requests are cloaked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloakMode {
    /// Those of clients that are not `native`.
    Auto,
    /// All.
    Always,
    /// None.
    #[default]
    Never,
}

/// The operator's own system prompt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloakSystem {
    /// What it says.
    pub text: String,
    /// Where it stands.
    #[serde(default)]
    #[schemars(extend("default" = "before"))]
    pub place: CloakPlace,
}

/// Where the operator's system prompt stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloakPlace {
    /// Before the client's.
    #[default]
    Before,
    /// In place of the client's system prompt and developer messages.
    Replace,
}

/// What becomes of the ids of end users and of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloakUser {
    /// They are left out.
    #[default]
    Drop,
    /// Names take their places that are always the same for the same id.
    Pseudonym,
    /// They stay.
    Keep,
}
