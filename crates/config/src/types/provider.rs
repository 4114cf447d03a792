//! The places that answer, and the keys and accounts there.

use indexmap::IndexMap;
use lockgate_protocol::dialects::WIRE_APIS;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;
use crate::target::one;
use crate::types::{Auth, Cloak, Served, Tls};
use crate::units;

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
    /// stands for the client's header of that name, where it sent one; a text that begins with `$` is written `$$$$...`.
    #[serde(default)]
    pub headers: IndexMap<String, Secret>,
    /// The proxy to this provider, in place of the top-level `proxy`; `direct` is none. Credentials can have their own.
    #[serde(default)]
    pub proxy: Option<Secret>,
    /// How TLS is done, where the public roots are not enough.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How requests to this provider are made uniform before they leave, in place of the top-level `cloak`.
    #[serde(default)]
    pub cloak: Option<Cloak>,
    /// The dialects it speaks, the one to translate to first, where that is not what its kind says.
    #[serde(default)]
    pub speaks: Vec<String>,
    /// Which of OpenAI's two APIs it is asked in, where that is not what its kind says: short for `speaks`.
    #[serde(default)]
    #[schemars(extend("x-also" = "wire-api"))]
    pub wire_api: Option<WireApi>,
    /// The models it is known to serve, so that a client may ask for them by bare name; `*` and `?` work.
    #[serde(default)]
    pub models: Vec<Served>,
    /// The models it is not asked for, whatever else says so; `*` and `?` work, and case does not count.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Makes its models callable as `prefix/model` too, which then means this provider.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Whether its models are only callable with the prefix.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub force_prefix: bool,
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
    /// Who is asked first: as long as credentials of a higher priority answer, the others wait.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000), extend("default" = 0))]
    pub priority: i32,
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
    /// The models it is known to serve, in place of the provider's; it is asked for no others.
    #[serde(default)]
    pub models: Vec<Served>,
    /// The provider's model that it is checked with in the background, whatever it serves: by a call every
    /// `health.interval`, else every 30 s. What comes of it counts for all that it is asked for.
    #[serde(default)]
    pub check_model: Option<String>,
    /// The models it is not asked for, beside the provider's; `*` and `?` work, and case does not count.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Makes its models callable as `prefix/model` too, which then means this credential; in place of the provider's.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Whether its models are only callable with the prefix.
    #[serde(default)]
    #[schemars(extend("default" = false))]
    pub force_prefix: bool,
    /// The most requests it is asked for in a minute.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub rpm: Option<u32>,
    /// The most tokens, in and out, that it is asked for in a minute.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub tpm: Option<u32>,
    /// The most requests it is asked for at once.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_concurrent: Option<u32>,
    /// The dialects it is spoken to in, in place of the provider's.
    #[serde(default)]
    pub speaks: Vec<String>,
    /// Which of OpenAI's two APIs it is asked in: short for `speaks`.
    #[serde(default)]
    #[schemars(extend("x-also" = "wire-api"))]
    pub wire_api: Option<WireApi>,
    /// What it is given less or more time for than the model's `retry` says.
    #[serde(default)]
    pub timeouts: Option<Timeouts>,
    /// How requests that use this credential are made uniform before they leave, in place of the provider's `cloak`.
    #[serde(default)]
    pub cloak: Option<Cloak>,
}

/// One of OpenAI's two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WireApi {
    /// `/chat/completions`.
    Chat,
    /// `/responses`.
    Responses,
}

/// How long a credential's provider may take, where that is not what the model says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// The longest one connection may take to open.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub connect: Option<std::time::Duration>,
    /// The longest a streamed answer may take until its headers and first bytes are there.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub first_byte: Option<std::time::Duration>,
    /// The longest a streamed answer may be silent once it has begun.
    #[serde(deserialize_with = "units::optional_duration")]
    #[schemars(with = "Option<units::Time>")]
    pub stall: Option<std::time::Duration>,
}

// === impl WireApi ===

impl WireApi {
    /// The dialect it stands for.
    pub fn dialect(self) -> &'static str {
        let [chat, responses] = WIRE_APIS;
        match self {
            Self::Chat => chat.1.name(),
            Self::Responses => responses.1.name(),
        }
    }
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
            cloak: None,
            wire_api: None,
            models: Vec::new(),
            exclude: Vec::new(),
            prefix: None,
            force_prefix: false,
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
            priority: 0,
            models: Vec::new(),
            check_model: None,
            exclude: Vec::new(),
            prefix: None,
            force_prefix: false,
            rpm: None,
            tpm: None,
            max_concurrent: None,
            speaks: Vec::new(),
            wire_api: None,
            timeouts: None,
            cloak: None,
        }
    }
}
