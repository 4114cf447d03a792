//! Azure OpenAI and Foundry: `api-key` header; dated API versions with one path per deployment, or the v1 API.
//!
//! Both forms are described at learn.microsoft.com, "Azure OpenAI API version lifecycle": the v1 API
//! (`{endpoint}/openai/v1/`) needs no `api-version`, takes `preview` as one, and has the deployment's name in the
//! body's `model`; before it, `{endpoint}/openai/deployments/{name}/...` with a dated `api-version`.

use http::{HeaderMap, HeaderName};
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    environment::Environment,
    exchange::{Ask, Prepared},
    pass::secret_value,
    path,
    place::{Place, Wish, bad_path},
    provider::Provider,
    providers::openai::flat,
};

pub(crate) struct Azure;

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The operations that the dated versions have under each deployment; everything else is the resource's.
const PER_DEPLOYMENT: &[&str] = &["/chat/completions", "/completions", "/embeddings", "/audio/", "/images/"];

impl Provider for Azure {
    fn kind(&self) -> &'static str {
        "azure"
    }

    fn trace_name(&self) -> &'static str {
        "azure.ai.openai"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["openai-chat", "openai-responses"]
    }

    fn is_at(&self, host: &str) -> bool {
        [".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"]
            .iter()
            .any(|domain| host.ends_with(domain))
    }

    fn needs_base_url(&self) -> bool {
        true
    }

    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "AZURE_OPENAI_API_KEY",
            base_url: Some("AZURE_OPENAI_ENDPOINT"),
            api_version: Some("OPENAI_API_VERSION"),
            region: &[],
        })
    }

    /// The path tells the form from here on: `.../openai/v1` is the v1 API, `.../openai` the dated one.
    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        let mut address = Address::parse(wish.base_url.ok_or(SiteError::BaseUrlMissing(self.kind()))?)?;
        let version = wish.api_version.map(Version::parse).transpose()?;
        let written_v1 = address.path.ends_with("/openai/v1");
        if let (true, Some(Version::Dated(date))) = (written_v1, &version) {
            return Err(SiteError::ApiVersion {
                written: (*date).to_owned(),
                why: "the v1 API has no dated versions; take it out, or end `base_url` before `/openai/v1`",
            });
        }
        // Accepts the endpoint alone, with `/openai`, and with a pasted deployment.
        if let Some(at) = address.path.find("/openai/deployments") {
            address.path.truncate(at);
        }
        let endpoint = address.path.strip_suffix("/v1").unwrap_or(&address.path);
        let end = endpoint.strip_suffix("/openai").map_or(address.path.len(), str::len);
        address.path.truncate(end);
        let (path, query) = match version {
            Some(Version::Dated(date)) => ("/openai", Some(date)),
            Some(Version::Track(track)) => ("/openai/v1", Some(track)),
            Some(Version::V1) | None => ("/openai/v1", None),
        };
        address.path.push_str(path);
        let query = query.map(|version| format!("api-version={version}"));
        Ok(Place { query, ..Place::at(address) })
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        headers.insert(API_KEY, secret_value(secret)?);
        Ok(())
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        if place.prefix(ask).ends_with("/v1") || !is_per_deployment(ask.tail) {
            return flat(place, ask);
        }
        const DEPLOYMENTS: &str = "/deployments";
        let mut path = String::with_capacity(place.path_size(ask) + DEPLOYMENTS.len() + ask.model.len() + 1);
        path.push_str(place.prefix(ask));
        path.push_str(DEPLOYMENTS);
        path::push_name(&mut path, ask.model).map_err(|why| bad_path("deployment", why))?;
        place.prepare_under(path, ask)
    }
}

fn is_per_deployment(tail: &str) -> bool {
    PER_DEPLOYMENT
        .iter()
        .any(|known| if known.ends_with('/') { tail.starts_with(known) } else { tail == *known })
}

/// What `api_version` may say.
enum Version<'a> {
    /// `2024-10-21`, `2025-04-01-preview`.
    Dated(&'a str),
    /// `preview` or `latest`: the v1 API, said in the query.
    Track(&'a str),
    /// The v1 API as it is.
    V1,
}

impl<'a> Version<'a> {
    fn parse(written: &'a str) -> Result<Self, SiteError> {
        match written {
            "v1" => Ok(Self::V1),
            "preview" | "latest" => Ok(Self::Track(written)),
            _ if is_date(written.strip_suffix("-preview").unwrap_or(written)) => Ok(Self::Dated(written)),
            _ => Err(SiteError::ApiVersion {
                written: written.to_owned(),
                why: "write a date such as `2024-10-21` or `2025-04-01-preview`, or `v1` or `preview`",
            }),
        }
    }
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, b)| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() })
}
