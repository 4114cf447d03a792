//! settle: the call goes on record before the last byte goes to the client.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use lockgate_protocol::ir::{Blame, Fault, FaultKind};
use lockgate_store::Ended;

use crate::{
    body::AnswerBody,
    data_path::{call::Call, limits},
    fleet::Deployment,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-lockgate-attempts");
const DEPLOYMENT: HeaderName = HeaderName::from_static("x-lockgate-deployment");
const OVERHEAD: HeaderName = HeaderName::from_static("x-lockgate-overhead-us");
const LOSS: HeaderName = HeaderName::from_static("x-lockgate-loss");
/// Read by the OpenAI and Anthropic SDKs, which would otherwise multiply the gateway's retries by their own.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The header that names the call.
pub(crate) fn mark_id(id: &str, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The headers that every answer to a call carries.
pub(crate) fn mark(call: &Call, deployment: Option<&Deployment>, headers: &mut HeaderMap) {
    mark_id(&call.id, headers);
    limits::mark(call, headers);
    headers.insert(ATTEMPTS, HeaderValue::from(call.attempts()));
    headers
        .insert(OVERHEAD, HeaderValue::from(u64::try_from(call.overhead().as_micros()).unwrap_or(u64::MAX)));
    if !call.losses.is_empty()
        && let Ok(losses) = HeaderValue::from_str(
            &call.losses.to_string().replace(|c: char| !c.is_ascii_graphic() && c != ' ', "?"),
        )
    {
        headers.insert(LOSS, losses);
    }
    if let Some(deployment) = deployment {
        headers.insert(DEPLOYMENT, deployment.header.clone());
    }
}

/// The answer to a call that failed before its commit: the fault, in the client's dialect.
pub(crate) fn refuse(mut call: Box<Call>, fault: &Fault) -> Response<AnswerBody> {
    call.setup().gateway.metrics.refused(fault.kind);
    call.refusal = Some(fault.kind.name());
    let body = call.dialect.error_body(fault);
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in call.dialect.error_headers(fault) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    mark(&call, None, headers);
    if let Some(wait) = fault.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil() as u64));
    }
    // A budget that is spent has nothing for a client that tries again and again.
    let is_spent = call.attempts() == 0 && fault.kind == FaultKind::QuotaExhausted;
    if is_spent || (call.attempts() > 0 && fault.kind.blame() == Blame::Upstream) {
        headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let AnswerBody::Whole(body) = response.body() {
        call.leaves(body);
    }
    call.tells(fault);
    call.settle(status.as_u16(), Ended::Refused);
    response
}

/// The answer to a call that came whole.
pub(crate) fn whole(
    mut call: Box<Call>,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Response<AnswerBody> {
    call.leaves(&body);
    call.settle(status.as_u16(), Ended::Answered);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// An answer of the gateway's own, which is no call of a model.
pub(crate) fn local(call: &Call, mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    mark_id(&call.id, response.headers_mut());
    limits::mark(call, response.headers_mut());
    response
}
