//! OpenAI itself: bearer key, every path under `/v1`.

use http::{HeaderMap, header::AUTHORIZATION};
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    environment::Environment,
    exchange::{Ask, Prepared},
    pass::secret_value,
    place::{Place, Wish},
    provider::Provider,
};

pub(crate) struct OpenAi;

impl Provider for OpenAi {
    fn kind(&self) -> &'static str {
        "openai"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["openai-chat", "openai-responses"]
    }

    fn is_at(&self, host: &str) -> bool {
        host == "api.openai.com"
    }

    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "OPENAI_API_KEY",
            base_url: Some("OPENAI_BASE_URL"),
            api_version: None,
            region: &[],
        })
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let mut address = Address::parse(wish.base_url.unwrap_or("https://api.openai.com/v1"))?;
        // A version anywhere in the path is the operator's own layout, as at gateways of the `/v1/{account}/openai` kind.
        if !address.has_version() {
            address.path.push_str("/v1");
        }
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        bearer(secret, headers)
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        flat(place, ask)
    }
}

/// The tail straight under the prefix.
pub(crate) fn flat(place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
    let mut path = String::with_capacity(place.path_size(ask));
    path.push_str(place.prefix(ask));
    place.prepare_under(path, ask)
}

/// `Authorization: Bearer`, whatever the operator's own headers say.
pub(crate) fn bearer(secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
    headers.insert(AUTHORIZATION, secret_value(&format!("Bearer {secret}"))?);
    Ok(())
}

/// Only some providers have versions of their API to choose from.
pub(crate) fn no_api_version(wish: &Wish<'_>) -> Result<(), SiteError> {
    match wish.api_version {
        None => Ok(()),
        Some(written) => Err(SiteError::ApiVersion {
            written: written.to_owned(),
            why: "this kind of provider has no such choice; take it out",
        }),
    }
}
