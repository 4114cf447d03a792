//! A service or server that speaks another provider's dialect, under a name of its own.

use lockgate_protocol::json::Places;
use lockgate_protocol::resume::Prefill;
use serde::Deserialize;

use crate::environment::Environment;

/// One row of the presets: a service or server under a name of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name in the config's `kind`.
    pub name: String,
    /// Its name in OpenTelemetry's conventions for generative AI (`gen_ai.provider.name`), where they have another.
    #[serde(default)]
    pub trace_name: Option<String>,
    /// What the OpenAI SDK would be given as `base_url`.
    pub base_url: String,
    /// The environment variable that usually holds the key.
    #[serde(default)]
    pub env: Option<String>,
    /// Whether a start without a config file takes `env` as a wish to use this service. Off where the variable is
    /// somebody else's (a GitHub token is set for other reasons) or another row's.
    #[serde(default = "yes")]
    pub discover: bool,
    /// Whether the service answers nobody without a key.
    pub key: Key,
    /// The dialects it speaks, if they are not just the one of its provider.
    #[serde(default)]
    pub speaks: Vec<String>,
    /// How to get usage in a stream.
    pub stream_usage: StreamUsage,
    /// How a model is handed the beginning of its answer, where the service documents that it goes on with it.
    #[serde(default)]
    pub prefill: Option<Prefill>,
    /// Fields of a request for an answer that it refuses requests for: taken out, each a loss.
    #[serde(default)]
    pub refuses: Vec<Places>,
    /// Fields that it refuses requests for and that ask for what it does anyway: taken out without a word.
    #[serde(default)]
    pub needless: Vec<Places>,
    /// Fields that it has under another name.
    #[serde(default)]
    pub renames: Vec<Rename>,
    /// Whether it takes tools of plain text; where it does not, functions are made of them.
    #[serde(default = "yes")]
    pub custom_tools: bool,
    /// What is odd about it, for the documentation.
    #[serde(default)]
    pub note: Option<String>,
}

/// A field that a service has under another name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The field as its dialect has it.
    pub of: Places,
    /// Its name there.
    pub to: String,
}

/// Whether a service wants a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// It answers nobody without one.
    Required,
    /// A server of one's own: as its operator started it.
    Optional,
}

/// How a provider can be brought to report usage in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamUsage {
    /// `stream_options.include_usage` asks for it.
    Ask,
    /// It comes unasked, and asking may be refused.
    Always,
    /// It does not come, and asking is refused.
    Never,
}

impl Preset {
    pub(crate) fn environment(&'static self) -> Option<Environment> {
        let api_key = self.env.as_deref().filter(|_| self.discover)?;
        Some(Environment { kind: &self.name, api_key, base_url: None, api_version: None, region: &[] })
    }
}

fn yes() -> bool {
    true
}
