//! Whoever speaks OpenAI's dialect at another address: bearer key where one is wanted, paths as the operator wrote them.

pub(crate) mod presets;

use http::HeaderMap;
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared},
    place::{Place, Wish},
    provider::Provider,
    providers::openai::{bearer, flat, no_api_version},
};

pub(crate) struct OpenAiCompatible;

impl Provider for OpenAiCompatible {
    fn kind(&self) -> &'static str {
        "openai-compatible"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["openai-chat"]
    }

    fn needs_base_url(&self) -> bool {
        true
    }

    /// Servers of one's own mostly ask for none.
    fn needs_key(&self) -> bool {
        false
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let usual = wish.preset.map(|preset| Address::parse(&preset.base_url)).transpose()?;
        let address = match (wish.base_url, usual) {
            (None, None) => return Err(SiteError::BaseUrlMissing(self.kind())),
            (None, Some(usual)) => usual,
            (Some(written), usual) => {
                let mut address = Address::parse(written)?;
                // A host alone means the usual layout at another host; a path is kept as written.
                if address.path.is_empty() {
                    address.path = usual.map_or_else(|| "/v1".to_owned(), |usual| usual.path);
                }
                address
            }
        };
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        bearer(secret, headers)
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        flat(place, ask)
    }
}
