//! The OpenAI Chat Completions dialect, and the other model endpoints that share its errors.
//!
//! Two sides: what passes through is watched ([`OpenAiChat`]), what comes from or goes to another dialect is decoded
//! and encoded ([`OpenAiChatCodec`]). Decoding and encoding again is the identity but for these normalisations:
//!
//! Requests
//! - Members that are null are left out; so are `logprobs: false`, `top_logprobs: 0` and an empty `annotations`.
//! - Empty content is `null` beside calls and `""` elsewhere; content of one plain text is a string; a bare string in a
//!   list of parts is a text part. Several leading system and developer messages without names become one with several
//!   parts, in the role of the first.
//! - A refusal is the member `refusal`, not a part; a URL that stood alone is the member `url`.
//! - `include_usage` is always asked for in a stream: [`crate::ir::Usage`] is what the call is billed by.
//! - A tool message has a `name` only if its call is unknown. Blank arguments are `{}`; arguments that came as an
//!   object are its text; a call of a whole message has no `index`. `tool_choice: "any"` is `"required"`.
//! - `cache_control` of five minutes has no `ttl`; one on a message stands on its last part.
//! - `max_tokens` wins over `max_completion_tokens`; counts have no fraction.
//!
//! Answers
//! - `refusal`, `logprobs` and `finish_reason` always stand there; empty content as above.
//! - Reasoning is `reasoning_content`, wherever it stood; for a client that itself sent `reasoning_details`, these
//!   and `reasoning`. Parts of content are joined.
//! - Usage has the counts of the conversation model, then what else was said (costs, predictions, text tokens); counts of
//!   nothing among the latter are left out.
//! - In a stream the role comes in a chunk of its own, usage only to those who asked, log probabilities, citations and
//!   pictures in chunks of their own; `service_tier`, `system_fingerprint` and the like are in every chunk from the
//!   one on in which they came, those of a choice in its last; `obfuscation` is left out. A finish reason is the one
//!   that follows from the content.
//!
//! Mappings from other dialects that are not losses: several texts of the assistant are joined; media of a tool result
//! go into the next message of the user behind a text that names the call; a failed tool result begins with `Error`; a
//! document of plain text, in base64 or not, is a text part, with its name and context before it, and so are those of a
//! document of blocks before its blocks; a file without a name gets one; the developer's role is the system's; long ids of calls are shortened; ids of items are names of their own
//! dialect only. Proofs of reasoning, which clients have no place for, are losses unless the gateway keeps them.

mod codec;
mod completions;
mod decode_messages;
mod decode_parts;
mod decode_request;
mod decode_response;
mod decode_stream;
mod embed;
mod encode_assistant;
mod encode_messages;
mod encode_parts;
mod encode_request;
mod encode_response;
mod encode_stream;
mod error;
mod few;
mod interleave;
mod media;
mod models;
mod object;
mod prefill;
mod reasoning;
mod request;
mod stream;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;

use codec::OpenAiChatCodec;
pub(super) use error::{body as error_body, object as error_object, translated as translated_error};
pub(super) use wire::{DetailNames, Usage as WireUsage, failure, usage_kept, usage_rest};

use crate::{
    affinity::{Id, Signs},
    codec::Codec,
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::Fault,
    json,
    output_limit::OutputLimit,
    splice::Edits,
};

/// The dialect's name.
const NAME: &str = "openai-chat";

/// The words of [`crate::ir::Request::spelling`] in this dialect: which of several names a client used.
struct Spelling;

impl Spelling {
    /// The leading instructions are the developer's, not the system's.
    const DEVELOPER: &str = "developer";
    /// `functions`, `function_call` and the role `function`, not `tools`, `tool_calls` and `tool`.
    const FUNCTIONS: &str = "functions";
    /// `max_tokens`, not `max_completion_tokens`.
    const MAX_TOKENS: &str = "max_tokens";
    /// `stop` is a string, not a list.
    const STOP: &str = "stop";
    /// `safety_identifier`, not `user`.
    const SAFETY_IDENTIFIER: &str = "safety_identifier";
    /// OpenRouter's `reasoning`.
    const REASONING: &str = "reasoning";
    /// The `thinking` of DeepSeek and Z.ai.
    const THINKING: &str = "thinking";
}

/// See the module.
#[derive(Debug)]
pub(super) struct OpenAiChat;

const fn endpoint(method: Method, path: &'static str, operation: Operation) -> Endpoint {
    Endpoint::new(method, path, "/v1", operation)
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

/// Headers of the dialect; what is named one by one is known not to say who asks.
const REQUEST_HEADERS: &[&str] = &["openai-beta", "openai-*", "x-client-request-id"];
/// These choose whose account pays and so are not the client's.
pub(super) const WITHHELD_HEADERS: &[&str] = &["openai-organization*", "openai-project*"];
/// Headers that the official SDKs read from answers.
pub(super) const ANSWER_HEADERS: &[&str] = &["openai-processing-ms", "openai-version", "x-ratelimit-*"];

/// `session_id` is OpenRouter's.
const SIGNS: Signs = Signs {
    ids: &[Id::at(&["prompt_cache_key"]), Id::at(&["session_id"])],
    system: &[],
    turns: "messages",
    content: "content",
    nobody_is_user: false,
    continues: "",
};

impl Dialect for OpenAiChat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn model_list(&self, names: &[&str]) -> Option<Bytes> {
        Some(models::list(names))
    }

    fn model(&self, name: &str) -> Option<Bytes> {
        Some(models::one(name))
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
    }

    fn codec(&self) -> &'static dyn Codec {
        &OpenAiChatCodec
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        REQUEST_HEADERS
    }

    fn withheld_headers(&self) -> &'static [&'static str] {
        WITHHELD_HEADERS
    }

    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &["max_completion_tokens", "max_tokens"], answers: &["n"] }
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

    /// Every answer of a model has its `choices`, so that an object without them is an error of another shape, such as
    /// the `{"message"}` or `{"detail"}` of something that stands before the model.
    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer {
        read_answer_with(body, (operation == Operation::Generate).then_some("choices"))
    }

    fn watch(&self, operation: Operation, spare_usage: bool) -> Box<dyn Watch> {
        match operation {
            Operation::Generate | Operation::Complete => Box::new(stream::ChunkWatch::new(spare_usage)),
            _ => Box::new(media::EventWatch::default()),
        }
    }

    fn join(&self, operation: Operation, payloads: &[Cow<'_, [u8]>]) -> Option<Bytes> {
        (operation == Operation::Complete).then(|| completions::join(payloads))?
    }

    fn sign_of_life(&self, operation: Operation) -> Option<&'static str> {
        matches!(operation, Operation::Generate | Operation::Complete)
            .then_some(crate::framing::sse::SIGN_OF_LIFE)
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        error::body(fault)
    }
}

/// Reads a whole answer: every OpenAI endpoint answers with an object that has an `error`, or may have a `usage`.
/// Endpoints of other servers may answer with another JSON value, which is passed on if it is whole.
pub(super) fn read_answer(body: &[u8]) -> Answer {
    read_answer_with(body, None)
}

/// The same, of an endpoint whose answers all have the member `needed`.
fn read_answer_with(body: &[u8], needed: Option<&str>) -> Answer {
    let object = match json::Object::scan(body) {
        Ok(object) => object,
        Err(_) if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok() => {
            return if needed.is_some() { Answer::Failed } else { Answer::Whole(None) };
        }
        Err(error) => return Answer::Garbled(error.to_string()),
    };
    let member = |name| object.get(body, name).ok().flatten().map(|range| &body[range]);
    let is_missing = needed.is_some_and(|name| member(name).is_none());
    if is_missing || member("error").is_some_and(|error| error != b"null") {
        return Answer::Failed;
    }
    Answer::Whole(member("usage").and_then(wire::Usage::read))
}
