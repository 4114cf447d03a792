//! Amazon Bedrock with a bearer API key: the model is a path segment, the region a part of the host.

use http::HeaderMap;
use lockgate_protocol::ir::{Fault, Losses};

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared},
    path,
    place::{Place, Wish, bad_path},
    provider::Provider,
    providers::anthropic::betas::{self, Host},
    providers::openai::{bearer, flat, no_api_version},
};

pub(crate) struct Bedrock;

impl Provider for Bedrock {
    fn kind(&self) -> &'static str {
        "bedrock"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["bedrock"]
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let address = match (wish.base_url, wish.region) {
            (Some(written), _) => Address::parse(written)?,
            (None, Some(region)) if is_region(region) => {
                Address::parse(&format!("https://bedrock-runtime.{region}.amazonaws.com"))?
            }
            (None, Some(region)) => return Err(SiteError::Region(region.to_owned())),
            (None, None) => return Err(SiteError::RegionMissing(self.kind())),
        };
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        bearer(secret, headers)
    }

    /// Only requests of the dialect that has betas bring some.
    fn screen(&self, headers: &mut HeaderMap, losses: &mut Losses) {
        betas::screen(Host::InvokeModel, headers, losses);
    }

    /// `/model/{id}/{verb}`: ids have colons and, as ARNs, slashes, which are encoded here and nowhere else.
    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        let verb = ask.tail.rsplit('/').next().unwrap_or_default();
        if !ask.tail.starts_with("/model/") || !VERBS.contains(&verb) {
            return flat(place, ask);
        }
        let mut prefix = String::with_capacity(place.path_size(ask) + 16);
        prefix.push_str(place.prefix(ask));
        prefix.push_str("/model");
        path::push_id(&mut prefix, ask.model).map_err(|why| bad_path("model", why))?;
        let ask =
            Ask { tail: ask.tail.rsplit_once('/').map_or("", |(front, _)| &ask.tail[front.len()..]), ..*ask };
        place.prepare_under(prefix, &ask)
    }
}

/// The paths behind a model.
const VERBS: &[&str] =
    &["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"];

/// `eu-central-1`, `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.split('-').count() >= 3 && text.split('-').all(is_part)
}
