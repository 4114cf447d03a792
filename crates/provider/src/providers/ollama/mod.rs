//! Ollama in its own dialect: no key unless somebody put one in front, paths under `/api`.

use http::HeaderMap;
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared},
    place::{Place, Wish},
    provider::Provider,
    providers::openai::{bearer, flat, no_api_version},
};

pub(crate) struct Ollama;

impl Provider for Ollama {
    fn kind(&self) -> &'static str {
        "ollama"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["ollama"]
    }

    fn needs_key(&self) -> bool {
        false
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let mut address = Address::parse(wish.base_url.unwrap_or("http://localhost:11434"))?;
        // The SDK is given the host; people paste the front of a path.
        if let Some(host) = address.path.strip_suffix("/api") {
            address.path = host.to_owned();
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
