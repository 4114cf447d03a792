//! Google's refusals, word for word where they have been seen on the wire.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Call, Refusal, proto::Violation};
use crate::reply::{Payload, Reply};

const JSON: &str = "application/json; charset=UTF-8";

/// A refusal and its body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    code: u16,
    message: Cow<'static, str>,
    status: &'static str,
    details: Vec<Value>,
}

impl ApiError {
    fn new(code: u16, status: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), status, details: Vec::new() }
    }

    fn detail(mut self, detail: Value) -> Self {
        self.details.push(detail);
        self
    }

    /// A 400.
    pub(super) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// A body that is not what the API's messages look like: all its faults at once.
    pub(super) fn violations(violations: &[Violation]) -> Self {
        let texts: Vec<_> = violations.iter().map(|violation| violation.text.as_str()).collect();
        let fields: Vec<_> = violations
            .iter()
            .map(|Violation { field, text }| match field.as_str() {
                "" => json!({ "description": text }),
                field => json!({ "field": field, "description": text }),
            })
            .collect();
        Self::invalid(texts.join("\n")).detail(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": fields,
        }))
    }

    /// A body whose parts do not fit together: all faults at once, one a line.
    pub(super) fn faults(faults: &[String]) -> Self {
        let lines: String =
            faults.iter().map(|fault| format!("* GenerateContentRequest.{fault}\n")).collect();
        Self::invalid(lines)
    }

    pub(super) fn no_key() -> Self {
        Self::new(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
             other form of API consumer identity to call this API.",
        )
    }

    /// A wrong key is a 400 here: fixtures gemini/non-stream/error-400-api-key.
    pub(super) fn wrong_key() -> Self {
        let message = "API key not valid. Please pass a valid API key.";
        Self::invalid(message)
            .detail(json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": { "service": "generativelanguage.googleapis.com" },
            }))
            .detail(json!({
                "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
                "locale": "en-US",
                "message": message,
            }))
    }

    pub(super) fn wrong_token() -> Self {
        Self::new(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
             authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        )
    }

    pub(super) fn no_such_model(call: &Call<'_>, model: &str, method: &str) -> Self {
        let version = if call.path.starts_with("/v1beta/") { "v1beta" } else { "v1" };
        let message = format!(
            "models/{model} is not found for API version {version}, or is not supported for {method}. Call ListModels to \
             see the list of available models and their supported methods."
        );
        Self::new(404, "NOT_FOUND", message)
    }

    /// What the provider says when the request is not at fault.
    pub(super) fn of(refusal: Refusal, call: &Call<'_>, model: &str) -> Self {
        match refusal {
            Refusal::Quota => Self::exhausted(model, "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
            Refusal::ContextLength => Self::invalid(
                "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ),
            Refusal::ContentFilter => Self::invalid("The prompt was blocked."),
            Refusal::Prefill => Self::invalid(
                "Please ensure that multiturn requests end with a user role or a function response.",
            ),
            Refusal::Status(status) => Self::of_status(status, call, model),
        }
    }

    fn of_status(status: u16, call: &Call<'_>, model: &str) -> Self {
        match status {
            401 => Self::wrong_token(),
            403 => Self::new(403, "PERMISSION_DENIED", "The caller does not have permission"),
            404 => Self::no_such_model(call, model, "generateContent"),
            // When to come back is in the details, and in no header: fixtures
            // gemini/non-stream/error-429-retry-info.
            429 => Self::exhausted(model, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
                .detail(retry_info("1s")),
            503 => Self::new(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
            504 => Self::new(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
            500.. => Self::new(
                status,
                "INTERNAL",
                "An internal error has occurred. Please retry or report in \
                 https://developers.generativeai.google/guide/troubleshooting",
            ),
            _ => Self::new(status, "INVALID_ARGUMENT", "Request contains an invalid argument."),
        }
    }

    fn exhausted(model: &str, quota: &str) -> Self {
        Self::new(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. For more information on this \
             error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
        )
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.Help",
            "links": [{
                "description": "Learn more about Gemini API quotas",
                "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
            }],
        }))
        .detail(json!({
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                "quotaId": quota,
                "quotaDimensions": { "location": "global", "model": model },
                "quotaValue": "10",
            }],
        }))
    }

    /// The body.
    pub(super) fn body(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message, "status": self.status });
        if !self.details.is_empty() {
            error["details"] = self.details.clone().into();
        }
        json!({ "error": error })
    }

    /// The refusal, as a list of one where `wrapped`.
    pub(super) fn into_reply(self, wrapped: bool) -> Reply {
        let body = if wrapped { json!([self.body()]) } else { self.body() };
        Reply::whole(self.code, JSON, pretty(&body))
    }
}

fn retry_info(delay: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay })
}

/// Puts when to come back where this provider says it: into the details of the error, which a 503 then has too.
pub(super) fn hint_retry(reply: &mut Reply, after: &str) {
    let Payload::Whole(body) = &reply.payload else { return };
    let Ok(mut body) = serde_json::from_slice::<Value>(body) else { return };
    let delay =
        if after.bytes().all(|byte| byte.is_ascii_digit()) { format!("{after}s") } else { after.to_owned() };
    let place = if body.is_array() { "/0/error" } else { "/error" };
    let Some(Value::Object(error)) = body.pointer_mut(place) else { return };
    let details = error.entry("details").or_insert_with(|| json!([]));
    if let Some(details) = details.as_array_mut() {
        let info = retry_info(&delay);
        details.retain(|detail| detail["@type"] != info["@type"]);
        details.push(info);
    }
    reply.payload = Payload::Whole(pretty(&body).into());
}

/// An address that is nothing at all: Google answers with a web page.
pub(super) fn no_such_page(call: &Call<'_>) -> Reply {
    let page = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error 404 (Not Found)!!1</title>\n  \
         <p><b>404.</b> <ins>That's an error.</ins>\n  <p>The requested URL <code>{}</code> was not found on this server.\n",
        call.path.replace(['<', '&'], "?")
    );
    Reply::whole(404, "text/html; charset=UTF-8", page)
}

/// A whole answer, indented as Google's are.
pub(super) fn ok(body: &impl serde::Serialize) -> Reply {
    Reply::whole(200, JSON, pretty(body))
}

/// JSON over several lines, with a line end.
pub(super) fn pretty(body: &impl serde::Serialize) -> Vec<u8> {
    // Our own types have string keys and a vector takes every byte: this cannot fail.
    let mut bytes = serde_json::to_vec_pretty(body).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
