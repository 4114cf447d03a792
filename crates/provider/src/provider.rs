//! The seam: what a provider has to know, the one table of providers, and what goes in and comes out.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use lockgate_protocol::ir::Fault;

use crate::{
    address::SiteError,
    classify,
    providers::{
        azure::Azure, openai::OpenAi, openai_compatible::OpenAiCompatible, openai_compatible::presets,
    },
    site::{Credential, Place, Site, Wish},
};

/// A kind of place that answers: where its paths are, how it is shown a credential, what its failures mean.
///
/// Implementations are stateless; what one configured provider needs is in its [`Site`] and [`Credential`]s.
pub trait Provider: Sync {
    /// The name in the config's `kind`.
    fn kind(&self) -> &'static str;

    /// Whether the config has to name the base URL because there is no usual one.
    fn needs_base_url(&self) -> bool {
        false
    }

    /// Whether the place answers nobody without a key.
    fn needs_key(&self) -> bool {
        true
    }

    /// The environment variables from which a start without a config file learns of this provider.
    fn environment(&self) -> Option<Environment> {
        None
    }

    /// Turns what the operator wrote into the address under which the provider's paths are.
    ///
    /// # Errors
    /// What is missing or cannot be meant, with the remedy.
    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError>;

    /// Puts the secret where the provider looks for it; the value is marked sensitive.
    ///
    /// # Errors
    /// [`SiteError::KeyUnfit`] when no header can carry the secret.
    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError>;

    /// Says where one request goes and which headers it carries.
    ///
    /// # Errors
    /// A `BadRequest` fault when the client's path or model would leave the provider's own paths.
    fn prepare(&self, site: &Site, ask: &Ask<'_>) -> Result<Prepared, Fault>;

    /// Says what a failure means; also asked about an error body inside a 200.
    fn classify(&self, reply: &Reply<'_>) -> Fault {
        classify::classify(reply)
    }
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// Every provider, in the order of the documentation: the ones with paths of their own before the one that stands
/// for all the others.
pub const PROVIDERS: &[&dyn Provider] = &[&OpenAi, &Azure, &OpenAiCompatible];

/// What a config's `kind` stands for.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// How to talk to it.
    pub provider: &'static dyn Provider,
    /// The row of the presets table, when `kind` names one.
    pub preset: Option<&'static presets::Preset>,
}

impl Kind {
    /// The name as the config writes it.
    pub fn name(&self) -> &'static str {
        self.preset.map_or_else(|| self.provider.kind(), |preset| preset.name.as_str())
    }

    /// Whether the config has to name the base URL.
    pub fn needs_base_url(&self) -> bool {
        self.preset.is_none() && self.provider.needs_base_url()
    }

    /// Whether the place answers nobody without a key.
    pub fn needs_key(&self) -> bool {
        self.preset.map_or_else(|| self.provider.needs_key(), |preset| preset.key == presets::Key::Required)
    }

    /// How the place can be brought to report usage in a stream.
    pub fn stream_usage(&self) -> presets::StreamUsage {
        self.preset.map_or(presets::StreamUsage::Ask, |preset| preset.stream_usage)
    }

    /// The environment variable that usually holds the key, for hints and examples.
    pub fn key_variable(&self) -> Option<&'static str> {
        match self.preset {
            Some(preset) => preset.env.as_deref(),
            None => self.provider.environment().map(|row| row.api_key),
        }
    }

    /// The environment variables from which a start without a config file learns of this kind.
    pub fn environment(&self) -> Option<Environment> {
        match self.preset {
            Some(preset) => preset.environment(),
            None => self.provider.environment(),
        }
    }
}

/// The kind of that name: a provider of its own or a preset.
pub fn find(kind: &str) -> Option<Kind> {
    all().find(|known| known.name() == kind)
}

/// Every name that a config's `kind` may have: [`PROVIDERS`], then the presets in the order of their table.
pub fn kinds() -> Vec<&'static str> {
    all().map(|kind| kind.name()).collect()
}

/// Where a start without a config file looks for keys, best known first.
pub fn environment() -> Vec<Environment> {
    all().filter_map(|kind| kind.environment()).collect()
}

fn all() -> impl Iterator<Item = Kind> {
    let own = PROVIDERS.iter().map(|provider| Kind { provider: *provider, preset: None });
    let presets =
        presets::presets().iter().map(|preset| Kind { provider: &OpenAiCompatible, preset: Some(preset) });
    own.chain(presets)
}

/// The variables that tell of one kind; named as the provider's own SDK names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment {
    /// The kind they tell of.
    pub kind: &'static str,
    /// Holds the API key; the kind is found when it is set.
    pub api_key: &'static str,
    /// Holds another base URL than the usual one, or the only one where there is no usual one.
    pub base_url: Option<&'static str>,
    /// Holds the version of the API, where the provider has one.
    pub api_version: Option<&'static str>,
}

/// One request as the gateway wants it sent.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The HTTP method.
    pub method: &'a Method,
    /// The path after the version segment, starting with a slash, e.g. `/chat/completions`.
    pub tail: &'a str,
    /// The query to pass on, without its question mark.
    pub query: Option<&'a str>,
    /// The model as the provider knows it; for Azure the deployment.
    pub model: &'a str,
    /// The credential, made once by [`Site::credential`].
    pub credential: &'a Credential,
}

/// Where one request goes and what it carries.
#[derive(Debug)]
pub struct Prepared {
    /// The whole address.
    pub uri: Uri,
    /// Authentication (marked sensitive) and the operator's headers; the gateway adds the content's own to it.
    pub headers: HeaderMap,
}

/// An answer that is a failure.
#[derive(Debug)]
pub struct Reply<'a> {
    /// The HTTP status; a 2xx when the error came inside a successful answer.
    pub status: u16,
    /// The answer's headers.
    pub headers: &'a HeaderMap,
    /// The answer's body, bounded by the gateway.
    pub body: &'a Bytes,
    /// The wall clock at the answer's arrival, for hints that name a date.
    pub now: SystemTime,
}
