//! Anthropic's refusals, word for word where they have been seen on the wire.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Call, Refusal};
use crate::reply::{Reply, json_bytes};

/// A refusal and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: u16,
    kind: &'static str,
    message: Cow<'static, str>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind, message: message.into() }
    }

    /// A 400.
    pub(super) fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    pub(super) fn unauthorized(message: &'static str) -> Self {
        Self::new(401, "authentication_error", message)
    }

    pub(super) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, "not_found_error", message)
    }

    pub(super) fn no_prefill() -> Self {
        Self::bad(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        )
    }

    pub(super) fn wrong_method() -> Self {
        Self::new(405, "invalid_request_error", "Method Not Allowed")
    }

    pub(super) fn no_such_model(model: &str) -> Self {
        Self::not_found(format!("model: {model}"))
    }

    /// The body, with the id its header has too.
    pub(super) fn body(&self, call: &Call<'_>) -> Value {
        json!({
            "type": "error",
            "error": { "type": self.kind, "message": self.message },
            "request_id": super::request_id(call),
        })
    }

    pub(super) fn into_reply(self, call: &Call<'_>) -> Reply {
        Reply::json(self.status, json_bytes(&self.body(call)))
    }

    /// What the provider says when the request is not at fault.
    pub(super) fn of(refusal: Refusal, model: &str) -> Self {
        match refusal {
            // An empty account is a 400 here, not a 429.
            Refusal::Quota => Self::bad(
                "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade \
                 or purchase credits.",
            ),
            Refusal::ContextLength => Self::bad("prompt is too long: 210000 tokens > 200000 maximum"),
            Refusal::ContentFilter => Self::bad("Output blocked by content filtering policy"),
            Refusal::Prefill => Self::no_prefill(),
            Refusal::Status(status) => Self::of_status(status, model),
        }
    }

    fn of_status(status: u16, model: &str) -> Self {
        match status {
            401 => Self::unauthorized("invalid x-api-key"),
            402 => Self::new(402, "billing_error", "Your account has a billing problem."),
            403 => Self::new(
                403,
                "permission_error",
                "Your API key does not have permission to use the specified resource.",
            ),
            404 => Self::no_such_model(model),
            413 => Self::new(413, "request_too_large", "Request exceeds the maximum size"),
            429 => Self::new(
                429,
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute. For details, \
                 refer to: https://docs.claude.com/en/api/rate-limits.",
            ),
            504 => Self::new(504, "timeout_error", "Request timed out"),
            529 => Self::new(529, "overloaded_error", "Overloaded"),
            500.. => Self::new(status, "api_error", "Internal server error"),
            _ => Self::new(status, "invalid_request_error", "The request was refused."),
        }
    }
}
