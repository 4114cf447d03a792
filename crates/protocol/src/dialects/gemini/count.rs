//! Counts of tokens: `:countTokens` (discovery document, schemas `CountTokensRequest` and `CountTokensResponse`).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{request, resource, tail};
use crate::{
    codec::{Call, Encoded, RequestHead, Target},
    counting::{Counting, number},
    ir::{Fault, Request},
    splice::json_string,
};

/// A request to count tokens: the conversation itself, or a whole request around it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count<'a> {
    #[serde(borrow, default, alias = "generate_content_request")]
    generate_content_request: Option<&'a RawValue>,
}

/// Reads a request to count tokens.
pub(super) fn read<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    let inner =
        serde_json::from_slice::<Count<'a>>(body).ok().and_then(|count| count.generate_content_request);
    request::read(head, inner.map_or(body, |inner| inner.get().as_bytes()))
}

/// See the module.
pub(super) struct CountTokens;

impl Counting for CountTokens {
    fn call(&self, model: &str) -> Call {
        Call { tail: tail(model, "countTokens"), query: None }
    }

    /// A whole request, because only that has a place for instructions and tools; it names its model once more.
    fn encode(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        let Encoded { body: inner, losses } = request::write(request, target);
        let mut body = Vec::with_capacity(inner.len() + 64);
        body.extend_from_slice(b"{\"generateContentRequest\":{\"model\":");
        body.extend_from_slice(&json_string(&resource(target.model)));
        // Behind the brace that opens it; an empty request has nothing to separate.
        if inner != b"{}" {
            body.push(b',');
        }
        body.extend_from_slice(inner.get(1..).unwrap_or_default());
        body.push(b'}');
        Ok(Encoded { body, losses })
    }

    fn decode(&self, body: &[u8]) -> Result<u64, Fault> {
        number(body, "totalTokens")
    }
}
