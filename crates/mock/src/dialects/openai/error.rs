//! OpenAI's refusals, word for word where they have been seen on the wire.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Call, Refusal};
use crate::reply::{Reply, json_bytes};

/// A refusal and its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) message: Cow<'static, str>,
    pub(super) kind: &'static str,
    pub(super) param: Option<Cow<'static, str>>,
    pub(super) code: Option<Cow<'static, str>>,
}

const INVALID: &str = "invalid_request_error";

impl ApiError {
    fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), kind: INVALID, param: None, code: None }
    }

    /// A 400 without more.
    pub(super) fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, message)
    }

    /// Names the parameter at fault.
    pub(super) fn param(self, param: impl Into<Cow<'static, str>>) -> Self {
        Self { param: Some(param.into()), ..self }
    }

    /// Adds the code programs look at.
    pub(super) fn code(self, code: impl Into<Cow<'static, str>>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// The body as JSON.
    pub(super) fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        } })
    }

    pub(super) fn into_reply(self) -> Reply {
        Reply::json(self.status, json_bytes(&self.body()))
    }

    /// What the provider says when the request is not at fault.
    pub(super) fn of(refusal: Refusal, model: &str) -> Self {
        match refusal {
            Refusal::Quota => Self::new(
                429,
                "You exceeded your current quota, please check your plan and billing details. For more information \
                 on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
            )
            .kind("insufficient_quota")
            .code("insufficient_quota"),
            Refusal::ContextLength => Self::bad(
                "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 \
                 tokens. Please reduce the length of the messages.",
            )
            .param("messages")
            .code("context_length_exceeded"),
            Refusal::ContentFilter => Self::bad(
                "The response was filtered due to the prompt triggering the content management policy. Please \
                 modify your prompt and retry.",
            )
            .param("prompt")
            .code("content_filter"),
            // The API itself takes it; servers of open models say this, whose templates do not.
            Refusal::Prefill => Self::bad(
                "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
            ),
            Refusal::Status(status) => Self::of_status(status, model),
        }
    }

    fn of_status(status: u16, model: &str) -> Self {
        match status {
            401 => Self::wrong_key("sk-mock"),
            403 => Self::new(403, "Country, region, or territory not supported")
                .kind("request_forbidden")
                .code("unsupported_country_region_territory"),
            404 => Self::no_such_model(model),
            429 => {
                let limit = format!(
                    "Rate limit reached for {model} in organization org-mock on requests per min (RPM): Limit 3, \
                     Used 3, Requested 1. Please try again in 1s. Visit \
                     https://platform.openai.com/account/rate-limits to learn more."
                );
                Self::new(429, limit).kind("requests").code("rate_limit_exceeded")
            }
            503 => Self::new(503, "The engine is currently overloaded, please try again later")
                .kind("server_error"),
            500.. => {
                Self::new(status, "The server had an error while processing your request. Sorry about that!")
                    .kind("server_error")
            }
            _ => Self::new(status, "The request was refused."),
        }
    }

    // --- address and key ---

    pub(super) fn no_such_url(call: &Call<'_>) -> Self {
        Self::new(404, format!("Invalid URL ({} {})", call.method, call.path))
    }

    pub(super) fn wrong_method(call: &Call<'_>) -> Self {
        let hint = "(HINT: Perhaps you meant to use a different HTTP method?)";
        Self::new(405, format!("Not allowed to {} on {}. {hint}", call.method, call.path))
            .code("method_not_supported")
    }

    pub(super) fn no_key() -> Self {
        Self::new(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer \
             auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're \
             accessing the API from your browser and are prompted for a username and password. You can obtain an \
             API key from https://platform.openai.com/account/api-keys.",
        )
    }

    /// The real one shows a short key whole and the middle of a long one as asterisks.
    pub(super) fn wrong_key(key: &str) -> Self {
        let characters: Vec<char> = key.chars().collect();
        let shown: String = match characters.as_slice() {
            [head @ .., _, _, _, _] if characters.len() > 16 => {
                let tail = &characters[characters.len() - 4..];
                let hidden = std::iter::repeat_n(&'*', head.len() - 8);
                head[..8].iter().chain(hidden).chain(tail).collect()
            }
            all => all.iter().collect(),
        };
        let message = format!(
            "Incorrect API key provided: {shown}. You can find your API key at \
             https://platform.openai.com/account/api-keys."
        );
        Self::new(401, message).code("invalid_api_key")
    }

    pub(super) fn azure_no_access() -> Self {
        Self::new(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key \
             for an active subscription and use a correct regional API endpoint for your resource.",
        )
        .code("401")
    }

    pub(super) fn azure_not_found() -> Self {
        Self::new(404, "Resource not found").code("404")
    }

    pub(super) fn no_such_deployment() -> Self {
        Self::new(
            404,
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 \
             minutes, please wait a moment and try again.",
        )
        .code("DeploymentNotFound")
    }

    // --- body and model ---

    pub(super) fn wrong_content_type(given: &str, wanted: &str) -> Self {
        let message = format!(
            "Unsupported content type: '{given}'. This API method only accepts '{wanted}' requests, but you specified \
             the header 'Content-Type: {given}'. Please try again with a supported content type."
        );
        Self::bad(message).code("unsupported_content_type")
    }

    pub(super) fn not_json() -> Self {
        Self::bad(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP \
             library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you \
             have trouble figuring out how to fix this, please contact us through our help center at \
             help.openai.com.)",
        )
    }

    pub(super) fn not_a_form() -> Self {
        Self::bad("Could not parse multipart form")
    }

    pub(super) fn no_model() -> Self {
        Self::bad("you must provide a model parameter")
    }

    pub(super) fn no_such_model(model: &str) -> Self {
        Self::new(404, format!("The model `{model}` does not exist or you do not have access to it."))
            .code("model_not_found")
    }

    pub(super) fn not_a_chat_model() -> Self {
        Self::new(
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to \
             use v1/completions?",
        )
        .param("model")
    }

    pub(super) fn not_an_embedding_model() -> Self {
        Self::new(403, "You are not allowed to generate embeddings from this model")
    }

    // --- parameters ---

    pub(super) fn missing(param: &str) -> Self {
        Self::bad(format!("Missing required parameter: '{param}'."))
            .param(param.to_owned())
            .code("missing_required_parameter")
    }

    pub(super) fn unknown(param: &str) -> Self {
        Self::bad(format!("Unknown parameter: '{param}'.")).param(param.to_owned()).code("unknown_parameter")
    }

    pub(super) fn wrong_type(param: &str, expected: &str, given: &Value) -> Self {
        let given = match given {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(number) if number.is_f64() => "a decimal",
            Value::Number(_) => "an integer",
            Value::String(_) => "a string",
            Value::Array(items) if items.is_empty() => "an empty array",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Self::bad(format!("Invalid type for '{param}': expected {expected}, but got {given} instead."))
            .param(param.to_owned())
            .code("invalid_type")
    }

    /// A value that is none of the few allowed.
    pub(super) fn not_one_of(param: &str, given: &str, allowed: &[&str]) -> Self {
        let quoted: Vec<_> = allowed.iter().map(|value| format!("'{value}'")).collect();
        let list = match quoted.as_slice() {
            [] => String::new(),
            [only] => only.clone(),
            [one, two] => format!("{one} and {two}"),
            [head @ .., last] => format!("{}, and {last}", head.join(", ")),
        };
        Self::bad(format!("Invalid value: '{given}'. Supported values are: {list}."))
            .param(param.to_owned())
            .code("invalid_value")
    }

    pub(super) fn unsupported_parameter(param: &'static str, instead: Option<&str>) -> Self {
        let instead = instead.map(|other| format!(" Use '{other}' instead.")).unwrap_or_default();
        Self::bad(format!("Unsupported parameter: '{param}' is not supported with this model.{instead}"))
            .param(param)
            .code("unsupported_parameter")
    }

    pub(super) fn unsupported_value(param: &str, given: &str, remedy: &str) -> Self {
        Self::bad(format!("Unsupported value: '{param}' does not support {given} with this model.{remedy}"))
            .param(param.to_owned())
            .code("unsupported_value")
    }
}
