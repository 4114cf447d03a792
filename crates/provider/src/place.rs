//! Where a provider is: what the operator wrote about it, and the address that comes of it.

use http::HeaderMap;
use lockgate_protocol::ir::{Fault, FaultKind};

use crate::{
    address::Address,
    exchange::{Ask, Prepared},
    path,
    preset::Preset,
};

/// How many headers are added to those of the credential, about: room is made for them once.
const MORE_HEADERS: usize = 10;

/// What the operator wrote about where a provider is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// The preset the kind names; [`Site::new`](crate::Site::new) fills it in.
    pub preset: Option<&'static Preset>,
    /// `base_url`.
    pub base_url: Option<&'a str>,
    /// `api_version`.
    pub api_version: Option<&'a str>,
    /// `region`, for clouds that have several.
    pub region: Option<&'a str>,
    /// The region that the machine's own settings name, for when neither `region` nor `base_url` does.
    pub usual_region: Option<&'a str>,
    /// `project`, for clouds that bill one.
    pub project: Option<&'a str>,
}

/// Where a provider's paths are.
#[derive(Debug, Clone)]
pub struct Place {
    /// Scheme, host and path prefix.
    pub(crate) address: Address,
    /// What every query begins with, percent-encoded.
    pub(crate) query: Option<String>,
    /// The cloud's region or location, for clouds that have it in their paths too.
    pub(crate) region: Option<String>,
    /// The cloud's project that the operator wrote.
    pub(crate) project: Option<String>,
}

impl Place {
    /// A place that is known by its address alone.
    pub(crate) fn at(address: Address) -> Self {
        Self { address, query: None, region: None, project: None }
    }

    /// The path under which the provider's paths are for this ask, without trailing slash.
    pub(crate) fn prefix<'a>(&'a self, ask: &Ask<'a>) -> &'a str {
        &ask.pass.address.as_ref().unwrap_or(&self.address).path
    }

    /// The request at `prefix` + the ask's tail and query, with the credential's headers.
    pub(crate) fn prepare_under(&self, mut prefix: String, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        path::push_tail(&mut prefix, ask.tail).map_err(|why| bad_path("path", why))?;
        path::push_query(&mut prefix, self.query.as_deref(), ask.query)
            .map_err(|why| bad_path("path", why))?;
        let address = ask.pass.address.as_ref().unwrap_or(&self.address);
        let uri = address.uri(prefix).ok_or_else(|| bad_path("path", "it is too long"))?;
        let shown = &ask.pass.headers;
        let mut headers = HeaderMap::with_capacity(shown.len() + MORE_HEADERS);
        headers.extend(shown.iter().map(|(name, value)| (name.clone(), value.clone())));
        Ok(Prepared { uri, headers })
    }

    /// How long the path of an ask gets, so that it is allocated once.
    pub(crate) fn path_size(&self, ask: &Ask<'_>) -> usize {
        let query = self.query.as_ref().map_or(0, |query| query.len() + 1);
        self.prefix(ask).len() + ask.tail.len() + query + ask.query.map_or(0, |query| query.len() + 1)
    }
}

/// The client's words are not repeated: they may be long, and the log has the request.
pub(crate) fn bad_path(what: &str, why: &str) -> Fault {
    Fault::new(FaultKind::BadRequest, format!("the {what} cannot be asked of a provider: {why}"))
}
