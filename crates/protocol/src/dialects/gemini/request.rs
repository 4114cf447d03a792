//! Requests.

mod read;
mod tools;
mod turns;
mod write;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    codec::RequestHead,
    ir::{Fault, Request},
};

pub(super) use read::read;
pub(super) use write::write;

/// What members of nested objects that only Gemini knows are called in the request's `extra`.
const CONFIG: &str = "generationConfig.";
const TOOL_CONFIG: &str = "toolConfig.";
const CALLING: &str = "toolConfig.functionCallingConfig.";

/// A request to count tokens: the conversation itself, or a whole request around it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Count<'a> {
    #[serde(borrow, default, alias = "generate_content_request")]
    generate_content_request: Option<&'a RawValue>,
}

/// Reads a request to count tokens (discovery document, schema `CountTokensRequest`).
pub(super) fn decode_count<'a>(head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
    let inner =
        serde_json::from_slice::<Count<'a>>(body).ok().and_then(|count| count.generate_content_request);
    read(head, inner.map_or(body, |inner| inner.get().as_bytes()))
}
