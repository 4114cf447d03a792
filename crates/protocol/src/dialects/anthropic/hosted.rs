//! The forms in which hosts take and give this dialect that have the model in the path: InvokeModel and rawPredict.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

use super::stream_decode::Decoder;
use crate::{
    codec::{Call, Framing, StreamDecoder},
    dialects::bedrock::invoke,
    ir::{Fault, FaultKind, Request, Text},
    json::{self, Object},
    splice::{Edits, json_string},
};

/// A host of the maker's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// InvokeModel and InvokeModelWithResponseStream: the path says whether to stream, names of betas stand in the body,
    /// streams are events in chunks of an AWS event stream (recordings `bedrock-invoke`; `lib/bedrock/_client.py` of the
    /// official SDK).
    InvokeModel,
    /// rawPredict and streamRawPredict of a publisher's model: `stream` stays in the body, names of betas in their header,
    /// streams are as at the maker's (recordings `vertex-*`; `lib/vertex/_client.py` of the official SDK).
    RawPredict,
}

/// How a host takes the body of a request.
#[derive(Debug, Clone, Copy)]
pub struct Hosted<'a> {
    /// The host.
    pub host: Host,
    /// Names of betas that shall stand in the body, behind those that the client's body has: what the client sent in the
    /// header `anthropic-beta`, for a host that takes no such header.
    pub betas: &'a [&'a str],
}

/// Members of a body that a host has its own word for.
const OWN: &[&str] = &["model", "anthropic_version"];
/// What need not be encoded in one segment of a path (RFC 3986, "unreserved"), and the `@` before a model's version.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

impl Host {
    /// What stands in the body in place of the header `anthropic-version`.
    pub fn version(self) -> &'static str {
        match self {
            Self::InvokeModel => invoke::ANTHROPIC_VERSION,
            Self::RawPredict => "vertex-2023-10-16",
        }
    }

    /// Whether the body says if the answer shall be streamed; else only the path does.
    pub fn streams_by_body(self) -> bool {
        self == Self::RawPredict
    }

    /// Whether names of betas stand in the body; else in the header `anthropic-beta`.
    pub fn takes_betas_in_body(self) -> bool {
        self == Self::InvokeModel
    }

    /// Where a request for `model` goes: behind the host, or behind the project and location.
    pub fn call(self, model: &str, stream: bool) -> Call {
        match self {
            Self::InvokeModel => invoke::target(model, stream),
            Self::RawPredict => {
                let verb = if stream { "streamRawPredict" } else { "rawPredict" };
                let model = utf8_percent_encode(model, SEGMENT);
                Call { tail: format!("/publishers/anthropic/models/{model}:{verb}"), query: None }
            }
        }
    }

    /// How its streams are framed.
    pub fn framing(self) -> Framing {
        match self {
            Self::InvokeModel => Framing::EventStream,
            Self::RawPredict => Framing::Sse,
        }
    }

    /// Starts to read one of its streams.
    pub fn decoder(self) -> Box<dyn StreamDecoder> {
        let decoder = Box::new(Decoder::default());
        match self {
            Self::InvokeModel => Box::new(invoke::Unwrap::new(decoder)),
            Self::RawPredict => decoder,
        }
    }
}

/// A body for the API itself as the host takes it, in pieces that are views of `body` wherever nothing changed. Fails with
/// `BadRequest` if it is not a JSON object, or if the names of betas in it are not texts.
pub fn hosted_body(body: &Bytes, hosted: Hosted<'_>) -> Result<Vec<Bytes>, Fault> {
    let bad = |error: String| Fault::new(FaultKind::BadRequest, format!("the body cannot be sent: {error}"));
    let object = Object::scan(body).map_err(|error| bad(error.to_string()))?;
    let betas = object.get(body, "anthropic_beta").map_err(|error| bad(error.to_string()))?;
    let betas = betas.map(|range| serde_json::from_slice::<&RawValue>(&body[range])).transpose();
    let betas = betas.map_err(|error| bad(error.to_string()))?;
    let betas = union(betas, hosted.betas)
        .ok_or_else(|| bad("`anthropic_beta` must be a list of names in double quotes".to_owned()))?;
    let mut gone = OWN.to_vec();
    if !hosted.host.streams_by_body() {
        gone.push("stream");
    }
    if !hosted.betas.is_empty() {
        gone.push("anthropic_beta");
    }
    let (cuts, kept) = object.without(body, &gone);
    let mut front = b"\"anthropic_version\":".to_vec();
    front.extend_from_slice(&json_string(hosted.host.version()));
    if !hosted.betas.is_empty() {
        front.extend_from_slice(b",\"anthropic_beta\":");
        front.extend_from_slice(&json::bytes(&betas));
    }
    if kept > 0 {
        front.push(b',');
    }
    let mut edits = Edits::default();
    edits.replace(object.inside..object.inside, front);
    cuts.into_iter().for_each(|cut| edits.replace(cut, Bytes::new()));
    Ok(edits.apply(body))
}

/// The names in `anthropic_beta` of a client's own body, then those of `more` that are not among them; `None` if it is not a
/// list of names.
fn union<'t>(own: Option<&'t RawValue>, more: &[&'t str]) -> Option<Vec<Text<'t>>> {
    let mut names: Vec<Text<'t>> = match own {
        Some(raw) => serde_json::from_str::<Option<_>>(raw.get()).ok()?.unwrap_or_default(),
        None => Vec::new(),
    };
    for name in more {
        if !names.iter().any(|known| *known == **name) {
            names.push((*name).into());
        }
    }
    Some(names)
}

/// The names of betas of a request of this dialect that is written for a host.
pub(super) fn betas<'t>(request: &'t Request<'_>, hosted: Hosted<'t>) -> Vec<Text<'t>> {
    let own = request.extra.iter().find(|(key, _)| *key == "anthropic_beta").map(|(_, raw)| &**raw);
    let own = own.filter(|_| request.origin == super::NAME);
    union(own, hosted.betas).or_else(|| union(None, hosted.betas)).unwrap_or_default()
}
