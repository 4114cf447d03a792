//! How the requests of a credential are made uniform, and those of which clients.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, header};
use lockgate_config::{self as config, CloakMode, CloakPlace, CloakUser, Secret};
use lockgate_protocol::cloak::{self, Key, Settings, System, User};
use wildmatch::WildMatch;

use super::ProviderError;

/// A cloak of the config, ready for use.
#[derive(Debug)]
pub(crate) struct Cloak {
    /// The clients it leaves alone.
    native: Vec<WildMatch>,
    /// The operator's headers.
    pub(crate) headers: HeaderMap,
    /// What it does to what is said.
    pub(crate) talk: cloak::Cloak,
}

/// The cloaks of a whole config.
pub(super) struct Cloaks<'a> {
    /// For whoever has no other.
    top: Option<&'a config::Cloak>,
    /// Those that several credentials share, by where they are written: the words of each are made ready once.
    shared: HashMap<String, Option<Arc<Cloak>>>,
}

impl<'a> Cloaks<'a> {
    pub(super) fn new(top: Option<&'a config::Cloak>) -> Self {
        Self { top, shared: HashMap::new() }
    }

    /// The cloak of the credential `label` of `provider`: the nearest counts, and none if that cloaks nothing.
    pub(super) fn nearest(
        &mut self,
        (name, provider): (&str, &config::Provider),
        (label, row): (&str, &config::Credential),
    ) -> Result<Option<Arc<Cloak>>, ProviderError> {
        if let Some(own) = &row.cloak {
            return Cloak::new(own, &format!("{name}#{label}"));
        }
        let (config, place) = match (&provider.cloak, self.top) {
            (Some(config), _) => (config, name),
            (None, Some(config)) => (config, ""),
            (None, None) => return Ok(None),
        };
        if let Some(made) = self.shared.get(place) {
            return Ok(made.clone());
        }
        let made = Cloak::new(config, place)?;
        self.shared.insert(place.to_owned(), made.clone());
        Ok(made)
    }
}

impl Cloak {
    /// The cloak that is written at `place`; `None` if it cloaks nothing.
    fn new(config: &config::Cloak, place: &str) -> Result<Option<Arc<Self>>, ProviderError> {
        if config.mode == CloakMode::Never {
            return Ok(None);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let (name, value) = lockgate_provider::fixed_header(name, value.expose())
                .map_err(|why| ProviderError::Cloak(format!("its header `{name}` {why}")))?;
            headers.insert(name, value);
        }
        let native = match config.mode {
            CloakMode::Auto => {
                config.native.iter().map(|glob| WildMatch::new_case_insensitive(glob)).collect()
            }
            CloakMode::Always | CloakMode::Never => Vec::new(),
        };
        let talk = cloak::Cloak::new(settings(config, place)).map_err(ProviderError::Cloak)?;
        Ok(Some(Arc::new(Self { native, headers, talk })))
    }

    /// Whether it is for a client that sends `headers`.
    pub(super) fn is_for(&self, headers: &HeaderMap) -> bool {
        let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        !self.native.iter().any(|glob| glob.matches(agent))
    }
}

/// `place` stands in for a secret where there is none: so pseudonyms and placeholders outlive a restart, and the
/// credentials that share a cloak share them too, as a conversation that moves from one to the other needs.
fn settings(config: &config::Cloak, place: &str) -> Settings {
    let secret = config.secret.as_ref().map_or(place, Secret::expose);
    if config.secret.is_none() && (!config.words.is_empty() || config.user == CloakUser::Pseudonym) {
        tracing::warn!(
            place,
            "a cloak has no `secret`: who guesses where it is written can check guesses about its words and users"
        );
    }
    let system = config
        .system
        .as_ref()
        .map(|system| System { text: system.text.clone(), replaces: system.place == CloakPlace::Replace });
    let user = match config.user {
        CloakUser::Drop => User::Drop,
        CloakUser::Pseudonym => User::Pseudonym,
        CloakUser::Keep => User::Keep,
    };
    let words = config.words.iter().map(|word| word.expose().to_owned()).collect();
    Settings { key: Key::new(secret), system, user, words }
}
