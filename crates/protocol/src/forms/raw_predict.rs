//! rawPredict and streamRawPredict: the model in the path, the version in the body; answers and streams are the maker's.

use bytes::Bytes;

use super::{Dressing, Form, joined};
use crate::{
    dialect::Operation,
    dialects::Host,
    ir::{Fault, FaultKind},
    json::Object,
    splice::{Edits, json_string},
};

#[derive(Debug)]
pub(super) struct RawPredict;

/// What the version in the body stands in for.
const VERSION_HEADER: &str = "anthropic-version";
/// The version that the host has a name of its own for. Later ones go by the maker's name (`lib/vertex/_client.py` of the
/// official SDK 2.12, which writes `2026-10-21`).
const FIRST_VERSION: &str = "2023-06-01";

impl Form for RawPredict {
    fn name(&self) -> &'static str {
        "raw-predict"
    }

    fn keeps_model(&self) -> bool {
        false
    }

    fn dress(&self, pieces: Vec<Bytes>, dressing: Dressing<'_>) -> Result<Vec<Bytes>, Fault> {
        let asked = dressing.headers.remove(VERSION_HEADER);
        let version = match asked.as_ref().and_then(|version| version.to_str().ok()) {
            None | Some(FIRST_VERSION) => Host::RawPredict.version(),
            Some(later) => later,
        };
        // A request to count goes to a path without a model, so the model stands in its body: the name alone, without the
        // publisher that the operator may have written in front.
        let counts = dressing.operation == Operation::CountTokens;
        let name = dressing.model.rsplit('/').next().filter(|_| counts);
        spliced(&joined(pieces), version, name)
    }

    /// The maker's error is `{"type": "error", ...}`; the host's own is `{"error": {...}}`, or that in a list.
    fn keeps_error(&self, body: &[u8]) -> bool {
        let kind = |object: Object| Some(&body[object.get(body, "type").ok()??]);
        Object::scan(body).ok().and_then(kind) == Some(b"\"error\"")
    }
}

/// The body with the version, and with this model or none.
fn spliced(body: &Bytes, version: &str, model: Option<&str>) -> Result<Vec<Bytes>, Fault> {
    let object = Object::scan(body)
        .map_err(|error| Fault::new(FaultKind::BadRequest, format!("the body cannot be sent: {error}")))?;
    let (cuts, kept) = object.without(body, &["model", "anthropic_version"]);
    let mut front = b"\"anthropic_version\":".to_vec();
    front.extend_from_slice(&json_string(version));
    if let Some(model) = model {
        front.extend_from_slice(b",\"model\":");
        front.extend_from_slice(&json_string(model));
    }
    if kept > 0 {
        front.push(b',');
    }
    let mut edits = Edits::default();
    edits.replace(object.inside..object.inside, front);
    cuts.into_iter().for_each(|cut| edits.replace(cut, Bytes::new()));
    Ok(edits.apply(body))
}
