//! The Anthropic Messages dialect, of the API versions 2023-06-01 and 2026-10-21.
//!
//! Facts are from the types of the official Python SDK, 0.125 and 2.12, and from recorded traffic. Reading and writing a
//! body of this dialect is the identity but for these:
//!
//! - Content that is one plain text block is written as text; a `system` that is one likewise. Messages of the role
//!   `system` in front of the conversation join `system`.
//! - Members that are null are left out where the API takes absence for the same, and so are `stream: false`, empty
//!   `citations`, empty `content` of a tool result, the tool type `custom`.
//! - `output_format` is written as `output_config.format`.
//! - `max_tokens` is filled in if it is missing; thinking that nobody signed or that another provider signed is left out
//!   of requests, and ids of calls that the API would refuse are mapped: all but the last are named as losses.
//! - Answers always have `stop_sequence` and all four counts of `usage`.
//! - Streams have no place for `caller` of a call, for `container` and `context_management`, nor for the members of `usage`
//!   beyond the counts.

mod base64;
mod block_decode;
mod block_encode;
pub(super) mod closed;
mod error;
mod model;
mod models;
mod reasoning;
mod request_decode;
mod request_encode;
mod response;
mod stream_decode;
mod stream_encode;
mod tools_encode;
mod turns;
mod watch;
mod wire;
mod write;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::{Complaint, Fault, Request, Response},
    json,
    splice::Edits,
};

/// The name in config, records and the tables.
pub(super) const NAME: &str = "anthropic";

/// See the module.
#[derive(Debug)]
pub(super) struct Anthropic;

/// See the module.
#[derive(Debug)]
pub(super) struct AnthropicCodec;

/// How a host that names the model in the path takes the body of a request: Bedrock InvokeModel, Vertex rawPredict.
#[derive(Debug, Clone, Copy)]
pub struct Hosted<'a> {
    /// `anthropic_version`, e.g. `bedrock-2023-05-31` or `vertex-2023-10-16`.
    pub version: &'a str,
    /// The names that the API takes in the header `anthropic-beta`; if there are none, those in the client's body stay.
    pub betas: &'a [&'a str],
    /// Whether `stream` stays in the body (Vertex) or is said by the path (Bedrock).
    pub stream_in_body: bool,
}

/// Writes a request for a host: as [`Codec::encode_request`] does, but without `model` and with `anthropic_version`.
pub fn encode_hosted(request: &Request<'_>, target: Target<'_>, host: Hosted<'_>) -> Encoded {
    request_encode::encode(request, target, Some(host))
}

const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::POST, "/v1/messages", Operation::Generate),
    endpoint(Method::POST, "/v1/messages/count_tokens", Operation::CountTokens),
    endpoint(Method::GET, "/v1/models", Operation::ListModels),
    endpoint(Method::GET, "/v1/models/*", Operation::GetModel),
];

const fn endpoint(method: Method, path: &'static str, operation: Operation) -> Endpoint {
    Endpoint::new(method, path, "/v1", operation)
}

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn codec(&self) -> &'static dyn Codec {
        &AnthropicCodec
    }

    fn claims(&self, headers: &HeaderMap, _: Option<&str>) -> bool {
        headers.contains_key("anthropic-version")
    }

    fn model_list(&self, names: &[&str]) -> Option<Bytes> {
        Some(models::list(names))
    }

    fn model(&self, name: &str) -> Option<Bytes> {
        Some(models::one(name))
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        // The last is Claude Code's; a gateway behind this one may balance by it.
        &["anthropic-version", "anthropic-beta", "x-claude-code-session-id"]
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        &["anthropic-ratelimit-*", "request-id", "x-should-retry"]
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        // Streams always report it.
        Ok(false)
    }

    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer {
        let object = match json::Object::scan(body) {
            Ok(object) => object,
            Err(error) => return Answer::Garbled(error.to_string()),
        };
        let member = |name| object.get(body, name).ok().flatten().map(|range| &body[range]);
        if member("type") == Some(b"\"error\"") {
            return Answer::Failed;
        }
        // A count of tokens is an answer that consumed none.
        let usage = if operation == Operation::Generate { member("usage") } else { None };
        let usage = usage.and_then(|raw| wire::Usage::read(std::str::from_utf8(raw).ok()?));
        Answer::Whole(usage.map(Into::into))
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(watch::MessageWatch::default())
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}

impl Codec for AnthropicCodec {
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    fn call(&self, _: &str, _: bool) -> Call {
        Call { tail: "/messages".to_owned(), query: None }
    }

    fn decode_request<'a>(&self, head: RequestHead<'_>, body: &'a [u8]) -> Result<Request<'a>, Fault> {
        request_decode::decode(head, body)
    }

    fn encode_request(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        Ok(request_encode::encode(request, target, None))
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, Fault> {
        response::decode(body)
    }

    fn encode_response(&self, response: &Response<'_>, reply: Reply<'_>) -> Encoded {
        response::encode(response, reply)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply))
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}
