//! Asks for a count of tokens: `POST /v1/messages/count_tokens`.

use super::request_encode;
use crate::{
    codec::{Call, Encoded, Target},
    counting::{Counting, number, only},
    ir::{Fault, Request},
};

/// What the API takes here (type stubs of the official SDK, `MessageCountTokensParams`).
const MEMBERS: &[&str] = &[
    "cache_control",
    "context_management",
    "mcp_servers",
    "messages",
    "model",
    "output_config",
    "speed",
    "system",
    "thinking",
    "tool_choice",
    "tools",
];

/// See the module.
pub(super) struct CountTokens;

impl Counting for CountTokens {
    fn call(&self, _: &str) -> Call {
        Call { tail: "/messages/count_tokens".to_owned(), query: None }
    }

    fn encode(&self, request: &Request<'_>, target: Target<'_>) -> Result<Encoded, Fault> {
        let Encoded { body, losses } = request_encode::encode(request, target, None);
        Ok(Encoded { body: only(&body, MEMBERS), losses })
    }

    fn decode(&self, body: &[u8]) -> Result<u64, Fault> {
        number(body, "input_tokens")
    }
}
