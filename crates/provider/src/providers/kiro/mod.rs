//! Kiro: one path, in the region of the account's profile, and the profile in the body.
//!
//! Host and path as in caidaoli/kiro2api and justlovemaki/AIClient-2-API; that hosts are `q.{region}.amazonaws.com` is also
//! in AWS's own client (aws/amazon-q-developer-cli, `api_client/endpoints.rs`).

use http::HeaderMap;
use lockgate_protocol::{
    forms::{self, Form},
    ir::{Fault, FaultKind},
};

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared, Talk},
    pass::Pass,
    place::{Place, Wish},
    provider::Provider,
    providers::{
        bedrock::is_region,
        openai::{bearer, flat, no_api_version},
    },
};

pub(crate) struct Kiro;

/// The only thing it is asked.
const TAIL: &str = "/generateAssistantResponse";
/// Where accounts are served unless something else is said.
const USUAL_REGION: &str = "us-east-1";

impl Provider for Kiro {
    fn kind(&self) -> &'static str {
        "kiro"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["kiro"]
    }

    fn form(&self, _: &Pass, _: &Talk<'_>) -> &'static dyn Form {
        forms::PROFILED
    }

    /// The account's content is not to be kept to improve the service, unless the operator says `false`.
    fn usual_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-amzn-codewhisperer-optout", "true")]
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let region = wish.region.unwrap_or(USUAL_REGION);
        if !is_region(region) {
            return Err(SiteError::Region(region.to_owned()));
        }
        let address = match wish.base_url {
            Some(written) => Address::parse(written)?,
            None => Address::parse(&format!("https://q.{region}.amazonaws.com"))?,
        };
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        bearer(secret, headers)
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        if ask.tail != TAIL {
            let text =
                "the model's provider has no such endpoint: it continues conversations and nothing else";
            return Err(Fault::new(FaultKind::Unsupported, text));
        }
        flat(place, ask)
    }
}
