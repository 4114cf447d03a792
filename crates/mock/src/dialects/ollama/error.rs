//! Ollama's refusals: `{"error":"text"}`, word for word where they have been seen on the wire or in its source.

use std::borrow::Cow;

use serde_json::json;

use super::Refusal;
use crate::reply::{Reply, json_bytes};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: u16,
    message: Cow<'static, str>,
    /// The router's own refusals are no JSON.
    is_plain: bool,
}

impl ApiError {
    fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), is_plain: false }
    }

    /// A 400.
    pub(super) fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, message)
    }

    /// A 500, which the server gives for options of a wrong type too.
    pub(super) fn failed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(500, message)
    }

    pub(super) fn no_such_page() -> Self {
        Self { is_plain: true, ..Self::new(404, "404 page not found") }
    }

    pub(super) fn wrong_method() -> Self {
        Self { is_plain: true, ..Self::new(405, "405 method not allowed") }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "unauthorized")
    }

    /// Fixture ollama/non-stream/error-404.
    pub(super) fn no_such_model(name: &str) -> Self {
        Self::new(404, format!("model '{name}' not found"))
    }

    /// What the request wants and the model cannot do.
    pub(super) fn cannot(name: &str, what: &str) -> Self {
        Self::bad(format!("{name:?} does not support {what}"))
    }

    /// What the provider says when the request is not at fault.
    pub(super) fn of(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Quota => {
                Self::new(429, "you've reached your weekly usage limit, please upgrade to continue")
            }
            Refusal::ContextLength => Self::bad("the input length exceeds the context length"),
            Refusal::ContentFilter => Self::bad("the request was refused by the content policy"),
            Refusal::Prefill => Self::bad("the last message must be the user's or a tool's"),
            Refusal::Status(status) => match status {
                401 => Self::unauthorized(),
                404 => Self::no_such_model(model),
                429 => Self::new(429, "too many concurrent requests"),
                503 => Self::new(503, "server busy, please try again.  maximum pending requests exceeded"),
                500.. => Self::new(status, "llama runner process has terminated: signal: killed"),
                _ => Self::new(status, "the request was refused"),
            },
        }
    }

    /// The body as JSON.
    pub(super) fn body(&self) -> Vec<u8> {
        json_bytes(&json!({ "error": self.message }))
    }

    pub(super) fn into_reply(self) -> Reply {
        if self.is_plain {
            return Reply::whole(self.status, "text/plain", self.message.into_owned());
        }
        Reply::whole(self.status, super::render::JSON, self.body())
    }
}
