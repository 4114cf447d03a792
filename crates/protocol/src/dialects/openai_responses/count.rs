//! Counts of tokens: `POST /v1/responses/input_tokens`.

use bytes::Bytes;

use super::encode_request;
use crate::{
    codec::{Call, Encoded, Target},
    counting::{Counting, number, only},
    ir::{Fault, Request},
};

/// What the API takes here (OpenAI's API description, `TokenCountsBody`).
const MEMBERS: &[&str] = &[
    "conversation",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

/// The answer to such a request (`TokenCountsResource`).
pub(super) fn answer(tokens: u64) -> Bytes {
    format!("{{\"object\":\"response.input_tokens\",\"input_tokens\":{tokens}}}").into()
}

/// See the module.
pub(super) struct InputTokens;

impl Counting for InputTokens {
    fn call(&self, _: &str) -> Call {
        Call { tail: "/responses/input_tokens".to_owned(), query: None }
    }

    fn encode(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        let Encoded { body, losses } = encode_request::encode(request, target);
        Ok(Encoded { body: only(&body, MEMBERS), losses })
    }

    fn decode(&self, body: &[u8]) -> Result<u64, Fault> {
        number(body, "input_tokens")
    }
}
