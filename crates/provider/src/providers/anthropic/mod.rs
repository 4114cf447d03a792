//! Anthropic: `x-api-key`, a version in a header, every path under `/v1`.

pub(crate) mod betas;

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

pub(crate) struct Anthropic;

/// What the headers begin with that say what is left of a limit, and until when
/// (`anthropic-ratelimit-requests-remaining`).
pub(crate) const LIMIT_HEADERS: &str = "anthropic-ratelimit-";

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl Provider for Anthropic {
    fn kind(&self) -> &'static str {
        "anthropic"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["anthropic"]
    }

    fn is_at(&self, host: &str) -> bool {
        host == "api.anthropic.com"
    }

    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "ANTHROPIC_API_KEY",
            base_url: Some("ANTHROPIC_BASE_URL"),
            api_version: None,
            region: &[],
        })
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let mut address = Address::parse(wish.base_url.unwrap_or("https://api.anthropic.com"))?;
        if !address.has_version() {
            address.path.push_str("/v1");
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

    /// Requests without a version are refused; a client that brings one is spoken to in its own.
    fn usual_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }
}
