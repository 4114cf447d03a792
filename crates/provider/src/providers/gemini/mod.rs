//! The Gemini API: `x-goog-api-key`, every path under `/v1beta`.

use http::{HeaderMap, HeaderName};
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    environment::Environment,
    exchange::{Ask, Prepared},
    pass::secret_value,
    place::{Place, Wish},
    provider::Provider,
    providers::openai::{flat, no_api_version},
};

pub(crate) struct Gemini;

/// Never `?key=`: what is in a URL ends up in logs.
const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

impl Provider for Gemini {
    fn kind(&self) -> &'static str {
        "gemini"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "GEMINI_API_KEY",
            base_url: None,
            api_version: None,
            region: &[],
        })
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let mut address =
            Address::parse(wish.base_url.unwrap_or("https://generativelanguage.googleapis.com"))?;
        if !address.has_version() {
            address.path.push_str("/v1beta");
        }
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        headers.insert(API_KEY, secret_value(secret)?);
        Ok(())
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        flat(place, ask)
    }
}
