//! The Anthropic Messages dialect, of the API versions 2023-06-01 and 2026-10-21.
//!
//! Facts are from the types of the official Python SDK, 0.125 and 2.12, and from recorded traffic. Reading and writing a
//! body of this dialect is the identity but for these:
//!
//! - Content that is one plain text block is written as text; a `system` that is one likewise. Messages of the role
//!   `system` in front of the conversation join `system`.
//! - Members that are null are left out where the API takes absence for the same, and so are `stream: false`, empty
//!   `citations`, empty `content` of a tool result, the tool type `custom`.
//! - `output_format` is written as `output_config.format`, the tier `default`, which the API does not know, as
//!   `standard_only`.
//! - `max_tokens` is filled in if it is missing; thinking that nobody signed or that another provider signed is left out
//!   of requests, and ids of calls that the API would refuse are mapped: all but the last are named as losses.
//! - Answers always have `stop_sequence` and all four counts of `usage`, and `cache_creation` if anything was written to
//!   the cache for an hour, else not.
//! - An answer does not say when it was made; that of another dialect is left out without a word, as its id is changed.
//! - Streams say `container`, `context_management` and the members of `usage` beyond the counts, `service_tier` among
//!   them, in `message_delta`, wherever they came; what is null is left out.

mod base64;
mod block_decode;
mod block_encode;
pub(super) mod citation;
mod count;
mod error;
mod hosted;
mod limits;
pub(super) mod model;
mod models;
pub(super) mod proof;
pub(super) mod reasoning;
mod request_decode;
mod request_encode;
mod response;
pub(super) mod schema;
mod stream_decode;
mod stream_encode;
mod tier;
mod tools_encode;
mod turns;
mod watch;
mod wire;
mod write;

pub use hosted::{Host, Hosted, hosted_body};
use model::Traits;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::{
    affinity::{Id, Signs},
    codec::{Call, Codec, Encoded, Framing, Reply, RequestHead, StreamDecoder, StreamEncoder, Target},
    counting::Counting,
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::{Complaint, Fault, Request, Response},
    json,
    limit_headers::LimitHeaders,
    output_limit::OutputLimit,
    resume::Prefill,
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

/// Writes a request for a host: as [`Codec::encode_request`] does, but without `model` and with `anthropic_version`.
pub fn encode_hosted(request: &Request<'_>, target: Target<'_>, hosted: Hosted<'_>) -> Encoded {
    request_encode::encode(request, target, Some(hosted))
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

/// Claude Code writes its session into the user's id.
const SIGNS: Signs = Signs {
    ids: &[Id { path: &["metadata", "user_id"], with: "session" }],
    system: &["system"],
    turns: "messages",
    content: "content",
    nobody_is_user: false,
    continues: "",
};

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
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

    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &["max_tokens"], answers: &[] }
    }

    fn limit_headers(&self) -> &'static LimitHeaders {
        &limits::LIMITS
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

    fn sign_of_life(&self, operation: Operation) -> Option<&'static str> {
        matches!(operation, Operation::Generate | Operation::Complete)
            .then_some(crate::framing::sse::SIGN_OF_LIFE)
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

    fn counting(&self) -> Option<&'static dyn Counting> {
        Some(&count::CountTokens)
    }

    fn decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn encoder(&self, reply: Reply<'_>) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(reply))
    }

    fn prefill(&self, request: &Request<'_>, model: &str, _: Option<Prefill>) -> Option<Prefill> {
        Traits::of(model).takes_prefill(request).then_some(Prefill::Plain)
    }

    fn decode_error(&self, body: &[u8]) -> Option<Complaint> {
        error::decode(body)
    }

    fn encode_error(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}
