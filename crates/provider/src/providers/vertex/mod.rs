//! Vertex AI: Google's cloud serves models of several publishers, each in its publisher's own dialect.
//!
//! Addresses and paths as Google's and Anthropic's SDKs make them (python-genai `_api_client.py`, anthropic-sdk-python
//! `lib/vertex/_client.py`): `/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:{verb}`; with
//! an API key and no project (express mode) `/v1/publishers/...`; every other publisher's models at the endpoint
//! `endpoints/openapi`, which speaks OpenAI's chat dialect and has the publisher in the model's name.

mod publisher;

use http::HeaderMap;
use lockgate_protocol::{
    forms::{self, Form},
    ir::{Fault, FaultKind, Losses},
};

use self::publisher::Publisher;
use super::gemini;
use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared, Talk},
    pass::{Pass, secret_value},
    path,
    place::{Place, Wish, bad_path},
    provider::Provider,
    providers::anthropic::betas::{self, Host},
    providers::openai::no_api_version,
};

pub(crate) struct Vertex;

/// Where models are asked for unless the operator names a location: Google routes to one that has room.
const ANYWHERE: &str = "global";
/// Locations of several regions, which have hosts of their own.
const MULTI_REGIONS: &[&str] = &["us", "eu"];

impl Provider for Vertex {
    fn kind(&self) -> &'static str {
        "vertex"
    }

    fn trace_name(&self) -> &'static str {
        "gcp.vertex_ai"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["gemini", "anthropic", "openai-chat"]
    }

    fn is_at(&self, host: &str) -> bool {
        host == "aiplatform.googleapis.com"
            || host.ends_with("-aiplatform.googleapis.com")
            || (host.starts_with("aiplatform.") && host.ends_with(".rep.googleapis.com"))
    }

    fn speaks_for(&self, model: &str) -> Option<&'static [&'static str]> {
        Some(Publisher::of(model).speaks)
    }

    fn form(&self, _: &Pass, talk: &Talk<'_>) -> &'static dyn Form {
        match talk.dialect {
            "anthropic" => forms::RAW_PREDICT,
            _ => forms::PLAIN,
        }
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let region = wish.region.unwrap_or(ANYWHERE);
        if !region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(SiteError::Region(region.to_owned()));
        }
        let mut address = match wish.base_url {
            Some(written) => Address::parse(written)?,
            None if region == ANYWHERE => Address::parse("https://aiplatform.googleapis.com")?,
            None if MULTI_REGIONS.contains(&region) => {
                Address::parse(&format!("https://aiplatform.{region}.rep.googleapis.com"))?
            }
            None => Address::parse(&format!("https://{region}-aiplatform.googleapis.com"))?,
        };
        if !address.has_version() {
            address.path.push_str("/v1");
        }
        let (region, project) = (Some(region.to_owned()), wish.project.map(str::to_owned));
        Ok(Place { region, project, ..Place::at(address) })
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        headers.insert(gemini::API_KEY, secret_value(secret)?);
        Ok(())
    }

    /// Only requests of the dialect that has betas bring some.
    fn screen(&self, headers: &mut HeaderMap, losses: &mut Losses) {
        betas::screen(Host::RawPredict, headers, losses);
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        let mut tail = String::with_capacity(160 + ask.tail.len() + ask.model.len());
        let has_project = push_scope(&mut tail, place, ask)?;
        let publisher = Publisher::of(ask.model);
        let query = match ask.tail {
            "/messages" => {
                push_model(&mut tail, publisher.name, publisher.model)?;
                tail.push_str(if ask.stream { ":streamRawPredict" } else { ":rawPredict" });
                None
            }
            "/messages/count_tokens" => {
                push_model(&mut tail, publisher.name, "count-tokens")?;
                tail.push_str(":rawPredict");
                None
            }
            "/chat/completions" => {
                tail.push_str("/endpoints/openapi/chat/completions");
                ask.query
            }
            other => {
                let verb =
                    other.strip_prefix("/models/").and_then(|rest| rest.rfind(':').map(|at| &rest[at..]));
                let verb = verb.ok_or_else(no_such_endpoint)?;
                push_model(&mut tail, publisher.name, publisher.model)?;
                tail.push_str(verb);
                ask.query
            }
        };
        if !has_project && publisher.name != publisher::GOOGLE {
            return Err(Fault::new(
                FaultKind::Unsupported,
                "an API key without a project serves Google's own models only; the gateway's operator has to write `project`",
            ));
        }
        place.prepare_under(place.prefix(ask).to_owned(), &Ask { tail: &tail, query, ..*ask })
    }
}

/// Where the project's models are; nothing for an API key without a project. True if there is a project.
fn push_scope(tail: &mut String, place: &Place, ask: &Ask<'_>) -> Result<bool, Fault> {
    let Some(project) = ask.pass.project() else {
        return match ask.pass.headers.contains_key(gemini::API_KEY) {
            true => Ok(false),
            false => Err(Fault::new(
                FaultKind::KeyRefused,
                "the gateway knows no project to bill; the gateway's operator has to write `project`",
            )),
        };
    };
    tail.push_str("/projects");
    path::push_name(tail, project).map_err(|why| bad_path("project", why))?;
    tail.push_str("/locations");
    path::push_name(tail, place.region.as_deref().unwrap_or(ANYWHERE))
        .map_err(|why| bad_path("region", why))?;
    Ok(true)
}

fn push_model(tail: &mut String, publisher: &str, model: &str) -> Result<(), Fault> {
    tail.push_str("/publishers");
    path::push_name(tail, publisher).map_err(|why| bad_path("model", why))?;
    tail.push_str("/models");
    path::push_model(tail, model).map_err(|why| bad_path("model", why))
}

fn no_such_endpoint() -> Fault {
    Fault::new(FaultKind::Unsupported, "Vertex AI has no such endpoint")
}
