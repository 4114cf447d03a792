//! The places that answer, and the keys and accounts there.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;
use crate::target::one;
use crate::types::{Auth, Tls};

/// A place that answers: a kind, a URL, and the keys for it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// What the provider speaks and how it is asked, such as `openai` or `vllm`.
    pub kind: String,
    /// Where it is, as its own SDK takes it: for the OpenAI family including `/v1`.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The key, where there is one; several go under `credentials`.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// What proves who asks, where it is not a key and there is one; several go under `credentials`.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Several keys or accounts, each balanced and rested on its own.
    #[serde(default)]
    pub credentials: Vec<Credential>,
    /// The `api-version` that Azure deployment URLs are asked with.
    #[serde(default)]
    pub api_version: Option<String>,
    /// The cloud's region (Bedrock) or location (Vertex).
    #[serde(default)]
    pub region: Option<String>,
    /// The cloud's project that is billed (Vertex, Gemini's sign-in).
    #[serde(default)]
    pub project: Option<String>,
    /// Headers sent with each request to this provider. Their values are kept as secret as keys. `$Name` as a whole value
    /// stands for the client's header of that name, where it sent one.
    #[serde(default)]
    pub headers: IndexMap<String, Secret>,
    /// The proxy to this provider, in place of the top-level `proxy`; `direct` is none. Credentials can have their own.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// How TLS is done, where the public roots are not enough.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// The dialects it speaks, the one to translate to first, where that is not what its kind says.
    #[serde(default)]
    pub speaks: Vec<String>,
    /// The models it is known to serve, so that a client may ask for them by bare name; `*` and `?` work.
    #[serde(default)]
    pub models: Vec<String>,
}

/// One key or account at a provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// What logs and pages call it; without one it is numbered.
    #[serde(default)]
    pub name: Option<String>,
    /// The key or token, as the provider gave it out.
    #[serde(default)]
    pub api_key: Option<Secret>,
    /// What proves who asks, where it is not a key.
    #[serde(default)]
    pub auth: Option<Auth>,
    /// Its share of the provider's requests, next to the other credentials.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000), extend("default" = 1))]
    pub weight: u32,
    /// Whether it is left out for now.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub disabled: bool,
    /// Headers sent with each request that uses this credential. Their values are kept as secret as keys. `$Name` as a
    /// whole value stands for the client's header of that name, where it sent one.
    #[serde(default)]
    pub headers: IndexMap<String, Secret>,
    /// The proxy for this credential, in place of the provider's; `direct` is none.
    #[serde(default)]
    pub proxy: Option<Secret>,
}

// === impl Provider ===

impl Provider {
    /// A provider of a kind, with nothing else said about it.
    pub fn new(kind: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            base_url: None,
            api_key: None,
            auth: None,
            credentials: Vec::new(),
            api_version: None,
            region: None,
            project: None,
            speaks: Vec::new(),
            headers: IndexMap::new(),
            proxy: None,
            tls: None,
            models: Vec::new(),
        }
    }
}

// === impl Credential ===

impl Default for Credential {
    fn default() -> Self {
        Self {
            name: None,
            api_key: None,
            auth: None,
            weight: one(),
            disabled: false,
            headers: IndexMap::new(),
            proxy: None,
        }
    }
}
