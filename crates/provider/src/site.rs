//! One configured provider, checked and precomputed, so that a request costs one path and no parsing.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, header::AUTHORIZATION};
use lockgate_protocol::{
    dialect::Operation,
    forms::Form,
    ir::{Fault, Losses, Room},
    resume::Prefill,
};

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Outbound, Prepared, Reply, Talk},
    headers::OperatorHeaders,
    kind::Kind,
    pass::{Pass, Proof, Terms, secret_value},
    place::{Place, Wish},
    preset::StreamUsage,
    providers::find,
    quirks, room,
};

/// One configured provider.
#[derive(Debug, Clone)]
pub struct Site {
    kind: Kind,
    place: Place,
    headers: OperatorHeaders,
}

impl Site {
    /// A provider as the config has it.
    ///
    /// # Errors
    /// The first thing that is missing or cannot be meant, with the remedy.
    pub fn new(kind: &str, wish: Wish<'_>, headers: &[(String, String)]) -> Result<Self, SiteError> {
        let kind = find(kind).ok_or_else(|| SiteError::UnknownKind(kind.to_owned()))?;
        let place = kind.provider.locate(&Wish { preset: kind.preset, ..wish })?;
        let mut own = OperatorHeaders::default();
        own.add(headers)?;
        Ok(Self { kind, place, headers: own })
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
        let mut own = self.headers.clone();
        own.add(headers)?;
        let has_none = own.is_empty();
        let OperatorHeaders { fixed: mut map, copied } = own;
        let mut keys = None;
        match proof {
            Proof::Key(key) if !key.is_empty() => self.kind.provider.authorise(key, &mut map)?,
            Proof::Token(token) => {
                map.insert(AUTHORIZATION, secret_value(&format!("Bearer {token}"))?);
            }
            Proof::Keys(signing) => keys = Some(signing.clone()),
            // An operator who writes headers may show the credential in one of them.
            Proof::Key(_) | Proof::Nothing if self.kind.needs_key() && has_none => {
                return Err(SiteError::KeyMissing { kind: self.kind.name(), env: self.kind.key_variable() });
            }
            Proof::Key(_) | Proof::Nothing => {}
        }
        for (name, value) in &terms.headers {
            // What the operator wrote stands.
            if !map.contains_key(name) {
                map.insert(name, secret_value(value)?);
            }
        }
        let address = terms.base_url.as_deref().map(Address::parse).transpose()?;
        let project = terms.project.clone().or_else(|| self.place.project.clone());
        Ok(Pass { headers: map, copied, keys, address, project, form: terms.form })
    }

    /// Says where one request goes and which headers it carries.
    ///
    /// # Errors
    /// A `BadRequest` fault when the client's path or model would leave the provider's own paths.
    pub fn prepare(&self, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        self.kind.provider.prepare(&self.place, ask)
    }

    /// Takes out of a request's headers what the provider would refuse it for, and names it.
    pub fn screen(&self, headers: &mut HeaderMap, losses: &mut Losses) {
        self.kind.provider.screen(headers, losses);
    }

    /// The body as the service takes it, where it is known to refuse a field of its dialect or to have it under another
    /// name; what is taken out is named.
    pub fn fit(&self, talk: &Talk<'_>, body: Vec<Bytes>, losses: &mut Losses) -> Vec<Bytes> {
        match self.kind.preset {
            Some(preset)
                if talk.operation == Operation::Generate
                    && self.kind.speaks().first() == Some(&talk.dialect) =>
            {
                quirks::fit(preset, body, losses)
            }
            _ => body,
        }
    }

    /// The form in which the provider takes such a body from whoever shows `pass`.
    pub fn form(&self, pass: &Pass, talk: &Talk<'_>) -> &'static dyn Form {
        self.kind.provider.form(pass, talk)
    }

    /// Whether [`sign`](Self::sign) may have anything to do.
    pub fn signs(&self) -> bool {
        self.kind.provider.signs()
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

    /// What the provider says is left of the credential's limits, in the headers of an answer of any status; `now` is the
    /// wall clock at its arrival, for moments.
    pub fn room(&self, headers: &HeaderMap, now: SystemTime) -> Room {
        room::read(headers, now)
    }

    /// The cloud's region that requests are sent to, where that is known.
    pub fn region(&self) -> Option<&str> {
        self.place.region.as_deref()
    }

    /// What the provider is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How the provider can be brought to report usage in a stream.
    pub fn stream_usage(&self) -> StreamUsage {
        self.kind.stream_usage()
    }

    /// How a model is handed the beginning of its answer, where the provider is known for more than its dialect says.
    pub fn prefill(&self) -> Option<Prefill> {
        self.kind.prefill()
    }
}
