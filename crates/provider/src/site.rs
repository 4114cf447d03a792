//! One configured provider, checked and precomputed, so that a request costs one path and no parsing.

use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::ir::{Fault, FaultKind};

use crate::{
    address::{Address, SiteError},
    path,
    provider::{Ask, Kind, Prepared, Reply, find},
    providers::openai_compatible::presets::{Preset, StreamUsage},
};

/// What the operator wrote about where a provider is.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The preset the kind names.
    pub preset: Option<&'static Preset>,
    /// `base_url`.
    pub base_url: Option<&'a str>,
    /// `api_version`.
    pub api_version: Option<&'a str>,
}

/// Where a provider's paths are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Scheme, host and path prefix.
    pub(crate) address: Address,
    /// What every query begins with, percent-encoded.
    pub(crate) query: Option<String>,
}

/// One configured provider.
#[derive(Debug, Clone)]
pub struct Site {
    kind: Kind,
    place: Place,
    headers: HeaderMap,
}

/// What every request with one credential carries: the operator's headers and the proof of who asks.
///
/// Has no serialiser, and its `Debug` shows no secret: the value is marked sensitive.
#[derive(Debug, Clone)]
pub struct Credential {
    headers: HeaderMap,
}

/// Headers that frame the message or that the gateway writes itself.
const NOT_THE_OPERATORS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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
        self.kind.provider.prepare(self, ask)
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

    /// The path under which the provider's paths are, without trailing slash.
    pub(crate) fn prefix(&self) -> &str {
        &self.place.address.path
    }

    /// The request at `prefix` + the ask's tail and query, with the credential's headers.
    pub(crate) fn prepare_under(&self, mut prefix: String, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        path::push_tail(&mut prefix, ask.tail).map_err(|why| bad_path("path", why))?;
        path::push_query(&mut prefix, self.place.query.as_deref(), ask.query)
            .map_err(|why| bad_path("path", why))?;
        let uri = self.place.address.uri(prefix).ok_or_else(|| bad_path("path", "it is too long"))?;
        Ok(Prepared { uri, headers: ask.credential.headers.clone() })
    }

    /// How long the path of an ask gets, so that it is allocated once.
    pub(crate) fn path_size(&self, ask: &Ask<'_>) -> usize {
        let query = self.place.query.as_ref().map_or(0, |query| query.len() + 1);
        self.prefix().len() + ask.tail.len() + query + ask.query.map_or(0, |query| query.len() + 1)
    }
}

/// The client's words are not repeated: they may be long, and the log has the request.
pub(crate) fn bad_path(what: &str, why: &str) -> Fault {
    Fault::new(FaultKind::BadRequest, format!("the {what} cannot be asked of a provider: {why}"))
}

/// A header value that logs do not show.
pub(crate) fn secret_value(text: &str) -> Result<HeaderValue, SiteError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| SiteError::KeyUnfit)?;
    value.set_sensitive(true);
    Ok(value)
}

fn add_headers(map: &mut HeaderMap, headers: &[(String, String)]) -> Result<(), SiteError> {
    for (name, value) in headers {
        let refuse = |why| SiteError::Header { name: name.clone(), why };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse("that is no header name"))?;
        if NOT_THE_OPERATORS.contains(&parsed.as_str()) {
            return Err(refuse("the gateway writes it itself; take it out"));
        }
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| refuse("its value has a character that no header can carry"))?;
        // Operators put keys into headers of their own, so none of them is shown.
        value.set_sensitive(true);
        map.insert(parsed, value);
    }
    Ok(())
}
