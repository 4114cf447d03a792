//! Refusals: a type, a sentence, and for some a reason.

use serde_json::json;

use crate::{
    dialects::Refusal,
    reply::{Reply, json_bytes},
};

/// A refusal.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    kind: &'static str,
    message: String,
    reason: Option<&'static str>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, message: message.into(), reason: None }
    }

    fn because(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// The service says no more than the first sentence; what follows is for whoever reads a failing test.
    pub(super) fn malformed(why: impl std::fmt::Display) -> Self {
        Self::new(400, "ValidationException", format!("Improperly formed request. {why}"))
    }

    pub(super) fn unknown_model() -> Self {
        let message = "Invalid model. Please select a different model to continue.";
        Self::new(400, "ValidationException", message).because("INVALID_MODEL_ID")
    }

    pub(super) fn denied(message: &'static str) -> Self {
        Self::new(403, "AccessDeniedException", message)
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new(
            404,
            "UnknownOperationException",
            "The requested operation is not recognized by the service.",
        )
    }

    pub(super) fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Quota => Self::new(402, "ServiceQuotaExceededException", "You have reached the limit.")
                .because("MONTHLY_REQUEST_COUNT"),
            Refusal::ContextLength => Self::new(400, "ValidationException", "Input is too long.")
                .because("CONTENT_LENGTH_EXCEEDS_THRESHOLD"),
            Refusal::ContentFilter => Self::malformed("inappropriate content"),
            Refusal::Prefill => Self::malformed("the conversation does not end with the user"),
            Refusal::Status(401 | 403) => {
                Self::denied("The bearer token included in the request is invalid.")
            }
            Refusal::Status(429) => Self::new(429, "ThrottlingException", "Too many requests, please wait."),
            Refusal::Status(503) => Self::new(503, "ServiceUnavailableException", "Service Unavailable"),
            Refusal::Status(status @ 500..) => Self::new(
                status,
                "InternalServerException",
                "Encountered an unexpected error when processing the request, please try again.",
            ),
            Refusal::Status(status) => Self::new(status, "ValidationException", "The request was refused."),
        }
    }

    /// Its type.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn into_reply(self) -> Reply {
        let kind = format!("com.amazon.aws.codewhisperer#{}", self.kind);
        let mut body = json!({ "__type": kind, "message": self.message });
        if let Some(reason) = self.reason {
            body["reason"] = reason.into();
        }
        Reply::json(self.status, json_bytes(&body))
    }
}
