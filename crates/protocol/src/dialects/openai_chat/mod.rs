//! The OpenAI Chat Completions dialect, and the other model endpoints that share its errors.

mod error;
mod media;
mod request;
mod stream;
mod wire;

use bytes::Bytes;
use http::Method;

pub(super) use error::{body as error_body, object as error_object};
pub(super) use wire::{Usage as WireUsage, failure};

use crate::{
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::Fault,
    json,
    splice::Edits,
};

/// See the module.
#[derive(Debug)]
pub(super) struct OpenAiChat;

const fn endpoint(method: Method, path: &'static str, operation: Operation) -> Endpoint {
    Endpoint { method, path, version: "/v1", operation }
}

/// Paths from the OpenAI API description; `/v1/rerank` is the shape that Jina, Cohere-compatible servers and vLLM share.
const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::POST, "/v1/chat/completions", Operation::Generate),
    endpoint(Method::POST, "/v1/completions", Operation::Complete),
    endpoint(Method::POST, "/v1/embeddings", Operation::Embed),
    endpoint(Method::POST, "/v1/images/*", Operation::Image),
    endpoint(Method::POST, "/v1/audio/*", Operation::Audio),
    endpoint(Method::POST, "/v1/moderations", Operation::Moderate),
    endpoint(Method::POST, "/v1/rerank", Operation::Rerank),
    endpoint(Method::GET, "/v1/models", Operation::ListModels),
    endpoint(Method::GET, "/v1/models/*", Operation::GetModel),
];

/// Headers of the dialect; the organisation and project headers choose whose account pays and so are not the client's.
pub(super) const REQUEST_HEADERS: &[&str] = &["openai-beta", "idempotency-key", "x-client-request-id"];
/// Headers that the official SDKs read from answers.
pub(super) const ANSWER_HEADERS: &[&str] = &["openai-processing-ms", "openai-version", "x-ratelimit-*"];

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        "openai-chat"
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        REQUEST_HEADERS
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        ANSWER_HEADERS
    }

    fn ask_usage(&self, operation: Operation, envelope: &Envelope, edits: &mut Edits) -> Result<bool, Fault> {
        match operation {
            Operation::Generate | Operation::Complete => request::ask_usage(envelope, edits),
            _ => Ok(false),
        }
    }

    fn read_answer(&self, _: Operation, body: &[u8]) -> Answer {
        read_answer(body)
    }

    fn watch(&self, operation: Operation, spare_usage: bool) -> Box<dyn Watch> {
        match operation {
            Operation::Generate | Operation::Complete => Box::new(stream::ChunkWatch::new(spare_usage)),
            _ => Box::new(media::EventWatch::default()),
        }
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}

/// Reads a whole answer: every OpenAI endpoint answers with an object that has an `error`, or may have a `usage`.
/// Endpoints of other servers may answer with another JSON value, which is passed on if it is whole.
pub(super) fn read_answer(body: &[u8]) -> Answer {
    let object = match json::Object::scan(body) {
        Ok(object) => object,
        Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => {
            return Answer::Whole(None);
        }
        Err(error) => return Answer::Garbled(error.to_string()),
    };
    let member = |name| object.get(body, name).ok().flatten().map(|range| &body[range]);
    if member("error").is_some_and(|error| error != b"null") {
        return Answer::Failed;
    }
    Answer::Whole(member("usage").and_then(wire::Usage::read))
}
