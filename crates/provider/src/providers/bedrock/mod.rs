//! Amazon Bedrock: the model is a path segment, the region a part of the host; a bearer key is shown, or the request signed.

use std::time::SystemTime;

use http::HeaderMap;
use lockgate_protocol::{
    forms::{self, Form},
    ir::{Fault, FaultKind, Losses},
};

use crate::{
    address::{Address, SiteError},
    environment::Environment,
    exchange::{Ask, Outbound, Prepared, Talk},
    pass::Pass,
    path,
    place::{Place, Wish, bad_path},
    provider::Provider,
    providers::anthropic::betas::{self, Host},
    providers::openai::{bearer, flat, no_api_version},
    sigv4::{self, Scope},
};

pub(crate) struct Bedrock;

impl Provider for Bedrock {
    fn kind(&self) -> &'static str {
        "bedrock"
    }

    fn trace_name(&self) -> &'static str {
        "aws.bedrock"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["bedrock", "anthropic"]
    }

    fn is_at(&self, host: &str) -> bool {
        host.starts_with("bedrock-runtime.") && host.ends_with(".amazonaws.com")
    }

    /// Models of one maker are asked in that maker's own dialect too, by InvokeModel.
    fn speaks_for(&self, model: &str) -> Option<&'static [&'static str]> {
        Some(if is_claude(model) { self.speaks() } else { &["bedrock"] })
    }

    fn form(&self, _: &Pass, talk: &Talk<'_>) -> &'static dyn Form {
        match talk.dialect {
            "anthropic" => forms::INVOKE_MODEL,
            _ => forms::PLAIN,
        }
    }

    /// The variables of AWS's SDKs; a key that is shown as it is goes before all that requests could be signed with.
    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "AWS_BEARER_TOKEN_BEDROCK",
            base_url: Some("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
            api_version: None,
            region: &["AWS_REGION", "AWS_DEFAULT_REGION"],
        })
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let written = wish.base_url.map(Address::parse).transpose()?;
        let hosts = written.as_ref().and_then(|address| region_of(address.host()));
        let region = wish.region.or(hosts).or(wish.usual_region).map(str::to_owned);
        if let Some(region) = region.as_deref().filter(|region| !is_region(region)) {
            return Err(SiteError::Region(region.to_owned()));
        }
        let address = match (written, &region) {
            (Some(address), _) => address,
            (None, Some(region)) => {
                Address::parse(&format!("https://bedrock-runtime.{region}.amazonaws.com"))?
            }
            (None, None) => return Err(SiteError::RegionMissing(self.kind())),
        };
        Ok(Place { region, ..Place::at(address) })
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
        let verb = match ask.tail {
            "/messages" if ask.stream => "invoke-with-response-stream",
            "/messages" => "invoke",
            "/messages/count_tokens" => "count-tokens",
            tail => tail.rsplit('/').next().unwrap_or_default(),
        };
        let is_hosted = ask.tail.starts_with("/messages");
        if !is_hosted && !ask.tail.starts_with("/model/") || !VERBS.contains(&verb) {
            return flat(place, ask);
        }
        let mut prefix = String::with_capacity(place.path_size(ask) + 16);
        prefix.push_str(place.prefix(ask));
        prefix.push_str("/model");
        path::push_id(&mut prefix, ask.model).map_err(|why| bad_path("model", why))?;
        let tail = format!("/{verb}");
        let query = ask.query.filter(|_| !is_hosted);
        place.prepare_under(prefix, &Ask { tail: &tail, query, ..*ask })
    }

    fn signs(&self) -> bool {
        true
    }

    fn sign(
        &self,
        place: &Place,
        pass: &Pass,
        request: &mut Outbound<'_>,
        now: SystemTime,
    ) -> Result<(), Fault> {
        // Without keys the request shows a bearer key, or what the operator's own headers say.
        let Some(keys) = pass.keys() else { return Ok(()) };
        let refused = |why: String| {
            Fault::new(FaultKind::KeyRefused, "the gateway could not sign the request").with_detail(why)
        };
        let region = place.region.as_deref();
        let region = region.ok_or_else(|| refused(SiteError::RegionMissing(self.kind()).to_string()))?;
        sigv4::sign(request, keys, Scope { region, service: SERVICE }, now)
            .map_err(|error| refused(error.to_string()))
    }
}

/// The name that the service's signatures are made for, whichever of its hosts is asked.
const SERVICE: &str = "bedrock";

/// The paths behind a model.
const VERBS: &[&str] =
    &["converse", "converse-stream", "invoke", "invoke-with-response-stream", "count-tokens"];

/// Whether InvokeModel takes the messages of Claude's maker for a model: `anthropic.claude-...`, also behind a region's or a
/// profile's name. What an ARN of one's own stands for nobody can tell.
fn is_claude(model: &str) -> bool {
    model.split(['.', '/', ':']).any(|part| part == "anthropic")
}

/// The region in a host of the service's own: `bedrock-runtime.eu-central-1.amazonaws.com`, `-fips`, and private ones
/// such as `vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let mut labels = host.split('.').skip_while(|label| !label.starts_with(SERVICE));
    labels.nth(1).filter(|label| is_region(label))
}

/// Whether it is written as AWS writes its regions: `eu-central-1`, `us-gov-west-1`.
pub fn is_region(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.split('-').count() >= 3 && text.split('-').all(is_part)
}
