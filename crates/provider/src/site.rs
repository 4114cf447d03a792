//! One configured provider, checked and precomputed, so that a request costs one path and no parsing.

use http::HeaderMap;
use lockgate_protocol::ir::Fault;

use crate::{
    address::SiteError,
    credential::{Credential, add_headers},
    exchange::{Ask, Prepared, Reply},
    kind::Kind,
    place::{Place, Wish},
    preset::StreamUsage,
    providers::find,
};

/// One configured provider.
#[derive(Debug, Clone)]
pub struct Site {
    kind: Kind,
    place: Place,
    headers: HeaderMap,
}

impl Site {
    /// A provider as the config has it.
    ///
    /// # Errors
    /// The first thing that is missing or cannot be meant, with the remedy.
    pub fn new(
        kind: &str,
        base_url: Option<&str>,
        api_version: Option<&str>,
        headers: &[(String, String)],
    ) -> Result<Self, SiteError> {
        let kind = find(kind).ok_or_else(|| SiteError::UnknownKind(kind.to_owned()))?;
        let place = kind.provider.locate(&Wish { preset: kind.preset, base_url, api_version })?;
        let mut map = HeaderMap::new();
        add_headers(&mut map, headers)?;
        Ok(Self { kind, place, headers: map })
    }

    /// One credential of this provider: its secret, and its headers, which win over the provider's.
    ///
    /// # Errors
    /// No secret where one is needed, or something that no header can carry.
    pub fn credential(
        &self,
        secret: Option<&str>,
        headers: &[(String, String)],
    ) -> Result<Credential, SiteError> {
        let mut map = self.headers.clone();
        add_headers(&mut map, headers)?;
        match secret.filter(|secret| !secret.is_empty()) {
            Some(secret) => self.kind.provider.authorise(secret, &mut map)?,
            // An operator who writes headers may show the credential in one of them.
            None if self.kind.needs_key() && map.is_empty() => {
                return Err(SiteError::KeyMissing { kind: self.kind.name(), env: self.kind.key_variable() });
            }
            None => {}
        }
        Ok(Credential { headers: map })
    }

    /// Says where one request goes and which headers it carries.
    ///
    /// # Errors
    /// A `BadRequest` fault when the client's path or model would leave the provider's own paths.
    pub fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        self.kind.provider.prepare(&self.place, ask)
    }

    /// Says what a failure means.
    pub fn classify(&self, reply: &Reply<'_>) -> Fault {
        self.kind.provider.classify(reply)
    }

    /// What the provider is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How the provider can be brought to report usage in a stream.
    pub fn stream_usage(&self) -> StreamUsage {
        self.kind.stream_usage()
    }
}
