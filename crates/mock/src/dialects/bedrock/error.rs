//! Bedrock's refusals: `{"message"}`, the type in a header; word for word where they have been seen on the wire.

use std::{borrow::Cow, fmt};

use http::{HeaderName, HeaderValue};
use serde_json::json;

use super::{Refusal, signature::Denied};
use crate::reply::{Reply, json_bytes};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: u16,
    kind: &'static str,
    message: Cow<'static, str>,
}

/// What stands behind the types of Bedrock's own errors: fixture bedrock-converse/non-stream/error-400-context.
const BEDROCK: &str = "http://internal.amazon.com/coral/com.amazon.bedrock/";
/// And behind those of the front that all services share: fixture bedrock-converse/non-stream/error-403-auth.
const FRONT: &str = "http://internal.amazon.com/coral/com.amazon.coral.service/";
const WRONG_KEY: &str = "Authentication failed: Please make sure your API Key is valid.";

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, kind, message: message.into() }
    }

    /// A 400 for what the request says.
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    /// A 400 that the model's maker says.
    pub(super) fn model(message: impl fmt::Display) -> Self {
        Self::invalid(format!("The model returned the following errors: {message}"))
    }

    /// A 400 for a member nobody knows, at a place written as a JSON pointer.
    pub(super) fn extraneous(place: impl fmt::Display, key: &str) -> Self {
        Self::invalid(format!(
            "Malformed input request: #{place}: extraneous key [{key}] is not permitted, please reformat your input and \
             try again."
        ))
    }

    /// A 400 for a member that the model asked for does not take: fixture bedrock-converse/non-stream/error-400-s3uri.
    pub(super) fn unsupported(field: &str) -> Self {
        Self::invalid(format!("This model doesn't support the {field} field. Remove {field} and try again."))
    }

    /// A 400 for JSON of the wrong types.
    pub(super) fn serialization(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "SerializationException", message)
    }

    pub(super) fn unknown_operation() -> Self {
        Self::new(404, "UnknownOperationException", "")
    }

    /// Fixture bedrock-converse/non-stream/error-400-model.
    pub(super) fn no_such_model() -> Self {
        Self::invalid("The provided model identifier is invalid.")
    }

    /// A well-formed ARN of nothing.
    pub(super) fn no_such_resource() -> Self {
        Self::not_found("Could not resolve the foundation model from the provided model identifier.")
    }

    pub(super) fn not_found(message: &'static str) -> Self {
        Self::new(404, "ResourceNotFoundException", message)
    }

    pub(super) fn denied(message: &'static str) -> Self {
        Self::new(403, "AccessDeniedException", message)
    }

    pub(super) fn no_key() -> Self {
        Self::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    }

    pub(super) fn wrong_key() -> Self {
        Self::denied(WRONG_KEY)
    }

    /// Fixture bedrock-converse/non-stream/error-403-auth.
    pub(super) fn wrong_token() -> Self {
        Self::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    }

    /// A signature that is not believed.
    pub(super) fn denied_by_front(denied: Denied) -> Self {
        Self::new(denied.status, denied.kind, denied.message)
    }

    /// Its type.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn into_reply(self) -> Reply {
        let body = match (self.kind, &*self.message) {
            ("UnknownOperationException", _) => {
                json!({ "Output": { "__type": "com.amazon.coral.service#UnknownOperationException" }, "Version": "1.0" })
            }
            // Keys are checked by another front, which has its own spelling.
            (_, WRONG_KEY) => json!({ "Message": WRONG_KEY }),
            (_, message) => json!({ "message": message }),
        };
        let mut reply = Reply::json(self.status, json_bytes(&body));
        let from_front = matches!(
            self.kind,
            "UnknownOperationException"
                | "SerializationException"
                | "UnrecognizedClientException"
                | "MissingAuthenticationTokenException"
                | "InvalidSignatureException"
                | "IncompleteSignatureException"
                | "ExpiredTokenException"
        );
        let space = if from_front { FRONT } else { BEDROCK };
        if let Ok(kind) = HeaderValue::from_str(&format!("{}:{space}", self.kind)) {
            reply.headers.push((HeaderName::from_static("x-amzn-errortype"), kind));
        }
        reply
    }

    /// What the provider says when the request is not at fault.
    pub(super) fn of(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Quota => Self::new(
                429,
                "ThrottlingException",
                "Too many tokens per day, please wait before trying again.",
            ),
            // Fixture bedrock-converse/non-stream/error-400-context.
            Refusal::ContextLength => Self::model(
                "Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try \
                 again.",
            ),
            Refusal::ContentFilter => Self::model("Output blocked by content filtering policy"),
            Refusal::Prefill => Self::model(
                "This model does not support assistant message prefill. The conversation must end with a user message.",
            ),
            Refusal::Status(status) => Self::of_status(status),
        }
    }

    fn of_status(status: u16) -> Self {
        const UNEXPECTED: &str =
            "The system encountered an unexpected error during processing. Try your request again.";
        match status {
            401 => Self { status, ..Self::wrong_token() },
            403 => Self::denied("You don't have access to the model with the specified model ID."),
            404 => Self::no_such_resource(),
            408 => {
                Self::new(408, "ModelTimeoutException", "Model processing timed out. Try your request again.")
            }
            424 => Self::new(424, "ModelErrorException", UNEXPECTED),
            429 => {
                Self::new(429, "ThrottlingException", "Too many requests, please wait before trying again.")
            }
            503 => {
                Self::new(503, "ServiceUnavailableException", "Bedrock is unable to process your request.")
            }
            500.. => Self::new(status, "InternalServerException", UNEXPECTED),
            _ => Self::new(status, "ValidationException", "The request was refused."),
        }
    }
}
