//! One configured provider, checked and precomputed, so that a request costs one path and no parsing.

use std::time::SystemTime;

use http::{HeaderMap, header::AUTHORIZATION};
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Outbound, Prepared, Reply},
    kind::Kind,
    pass::{Pass, Proof, Terms, add_headers, secret_value},
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
    pub fn new(kind: &str, wish: Wish<'_>, headers: &[(String, String)]) -> Result<Self, SiteError> {
        let kind = find(kind).ok_or_else(|| SiteError::UnknownKind(kind.to_owned()))?;
        let place = kind.provider.locate(&Wish { preset: kind.preset, ..wish })?;
        let mut map = HeaderMap::new();
        add_headers(&mut map, headers)?;
        Ok(Self { kind, place, headers: map })
    }

    /// What requests show with `proof` and a credential's own headers, which win over the provider's.
    ///
    /// # Errors
    /// No proof where one is needed, or something that no header can carry.
    pub fn pass(
        &self,
        proof: &Proof,
        terms: &Terms,
        headers: &[(String, String)],
    ) -> Result<Pass, SiteError> {
        let mut map = self.headers.clone();
        add_headers(&mut map, headers)?;
        let mut keys = None;
        match proof {
            Proof::Key(key) if !key.is_empty() => self.kind.provider.authorise(key, &mut map)?,
            Proof::Token(token) => {
                map.insert(AUTHORIZATION, secret_value(&format!("Bearer {token}"))?);
            }
            Proof::Keys(signing) => keys = Some(signing.clone()),
            // An operator who writes headers may show the credential in one of them.
            Proof::Key(_) | Proof::Nothing if self.kind.needs_key() && map.is_empty() => {
                return Err(SiteError::KeyMissing { kind: self.kind.name(), env: self.kind.key_variable() });
            }
            Proof::Key(_) | Proof::Nothing => {}
        }
        let address = terms.base_url.as_deref().map(Address::parse).transpose()?;
        Ok(Pass { headers: map, keys, address, project: terms.project.clone() })
    }

    /// Says where one request goes and which headers it carries.
    ///
    /// # Errors
    /// A `BadRequest` fault when the client's path or model would leave the provider's own paths.
    pub fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        self.kind.provider.prepare(&self.place, ask)
    }

    /// Signs a request that is ready to leave, where the provider wants that. Nothing may change it afterwards.
    ///
    /// # Errors
    /// A `KeyRefused` fault when the keys for it are missing.
    pub fn sign(&self, pass: &Pass, request: &mut Outbound<'_>, now: SystemTime) -> Result<(), Fault> {
        self.kind.provider.sign(&self.place, pass, request, now)
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
