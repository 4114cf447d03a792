//! The OpenAI Responses dialect.
//!
//! A conversation is a flat list of items here, and turns elsewhere: the decoder puts the reasoning, the message and the
//! calls of one turn into one message, and the encoder takes them apart again. What it reads and writes again is the
//! same up to these normalisations.
//!
//! Requests:
//! - Members that are `null`, `stream: false`, and empty `tools`, `include`, `text` and `reasoning` are left out.
//! - An `input` of one text becomes a user message; a message of one plain text has that text as its `content`.
//! - What stands before the conversation (`instructions`, leading system and developer messages) is written as
//!   `instructions` if it is one plain text, else as one developer message.
//! - `type: message` is left out where there is no id. `status: completed` is left out, but written for messages of the
//!   model and calls that have an id. Ids of tool outputs are left out; nothing refers to them.
//! - The text of a part is `output_text` in the model's turns and `input_text` in all others; empty `annotations` and
//!   `logprobs` are left out, but `annotations` are written in messages with an id.
//! - In `include` the reasoning's proof and the log probabilities come last. `top_logprobs` brings its `include` along.
//! - `safety_identifier` without `user` is written as `user`, `reasoning.generate_summary` as `summary`.
//! - `content` of reasoning is left out if it is empty.
//!
//! Answers:
//! - Members that repeat the request are written from the request that is answered, the documented defaults included;
//!   the provider's book-keeping (`billing`, `tool_usage`, `completed_at`, ...) is not kept.
//! - Messages get new ids. Reasoning without text and proof is left out, and so is the `status` of reasoning.
//! - Log probabilities stand at the first text. Of usage, members that say nothing are left out (zeros that the model does
//!   not count).
//! - In a stream `phase` stands where its message ends.

mod codec;
mod conversation;
mod count;
mod decode_request;
mod decode_response;
mod decode_stream;
mod echo;
mod encode_items;
mod encode_output;
mod encode_parts;
mod encode_request;
mod encode_stream;
mod error;
mod items;
mod media;
mod references;
mod settings;
mod stream;
mod wire;
mod write;

use bytes::Bytes;
use http::Method;

use codec::OpenAiResponsesCodec;

use super::openai_chat;
use crate::{
    affinity::{Id, Signs},
    codec::Codec,
    conversations::Conversations,
    dialect::{Answer, Dialect, Endpoint, Operation, Watch},
    envelope::Envelope,
    ir::Fault,
    output_limit::OutputLimit,
    splice::Edits,
};

/// The dialect's name.
const HERE: &str = "openai-responses";

/// See the module.
#[derive(Debug)]
pub(super) struct OpenAiResponses;

const fn endpoint(method: Method, path: &'static str, operation: Operation) -> Endpoint {
    Endpoint::new(method, path, "/v1", operation)
}

const ENDPOINTS: &[Endpoint] = &[
    endpoint(Method::POST, "/v1/responses", Operation::Generate),
    endpoint(Method::GET, "/v1/responses/*", Operation::Kept),
    endpoint(Method::DELETE, "/v1/responses/*", Operation::Kept),
    endpoint(Method::POST, "/v1/responses/*/cancel", Operation::Kept),
    endpoint(Method::POST, "/v1/responses/input_tokens", Operation::CountTokens),
    // Compacting, which names a model.
    endpoint(Method::POST, "/v1/responses/*", Operation::Other),
];

/// Headers of the dialect, and those by which Codex names its session and the features it makes use of: 0.169 sends the
/// hyphenated ones, older versions the others. What it says about its installation is not among them.
const REQUEST_HEADERS: &[&str] = &[
    "conversation_id",
    "openai-beta",
    "openai-*",
    "session-id",
    "session_id",
    "thread-id",
    "x-client-request-id",
    "x-codex-beta-features",
    "x-codex-window-id",
];

/// Of an answer that is continued by its id, whoever keeps it knows where it was made.
const SIGNS: Signs = Signs {
    ids: &[Id::at(&["prompt_cache_key"]), Id::at(&["conversation"]), Id::at(&["conversation", "id"])],
    system: &["instructions"],
    turns: "input",
    content: "content",
    nobody_is_user: false,
    continues: "previous_response_id",
};

impl Dialect for OpenAiResponses {
    fn name(&self) -> &'static str {
        HERE
    }

    fn signs(&self) -> Option<&'static Signs> {
        Some(&SIGNS)
    }

    fn codec(&self) -> &'static dyn Codec {
        &OpenAiResponsesCodec
    }

    fn conversations(&self) -> Option<&'static dyn Conversations> {
        Some(&conversation::KeptResponses)
    }

    fn endpoints(&self) -> &'static [Endpoint] {
        ENDPOINTS
    }

    fn request_headers(&self) -> &'static [&'static str] {
        REQUEST_HEADERS
    }

    fn withheld_headers(&self) -> &'static [&'static str] {
        openai_chat::WITHHELD_HEADERS
    }

    fn output_limit(&self) -> OutputLimit {
        OutputLimit { tokens: &["max_output_tokens"], answers: &[] }
    }

    fn answer_headers(&self) -> &'static [&'static str] {
        openai_chat::ANSWER_HEADERS
    }

    fn ask_usage(&self, _: Operation, _: &Envelope, _: &mut Edits) -> Result<bool, Fault> {
        // A Responses stream always ends with its usage.
        Ok(false)
    }

    fn read_answer(&self, operation: Operation, body: &[u8]) -> Answer {
        match (operation, openai_chat::read_answer(body)) {
            // A failure of long ago is not one of this call, and neither is what it cost.
            (Operation::Kept, Answer::Whole(_) | Answer::Failed) => Answer::Whole(None),
            (_, answer) => answer,
        }
    }

    fn watch(&self, _: Operation, _: bool) -> Box<dyn Watch> {
        Box::new(stream::ResponseWatch::default())
    }

    fn sign_of_life(&self, operation: Operation) -> Option<&'static str> {
        matches!(operation, Operation::Generate | Operation::Complete)
            .then_some(crate::framing::sse::SIGN_OF_LIFE)
    }

    fn error_body(&self, fault: &Fault) -> Bytes {
        openai_chat::error_body(fault)
    }
}
