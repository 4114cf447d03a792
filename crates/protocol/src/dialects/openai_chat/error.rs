//! Errors in the shape the OpenAI SDKs parse: `{"error":{"message","type","param","code"}}`.

use bytes::Bytes;
use serde::Serialize;

use crate::ir::{Blame, Fault, FaultKind};

#[derive(Serialize)]
struct Body<'a> {
    error: Object<'a>,
}

/// The inner object, which the Responses dialect puts into its own frames.
#[derive(Serialize)]
pub(in crate::dialects) struct Object<'a> {
    message: &'a str,
    r#type: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
}

/// The error object for `fault`: the provider's own words where the client may read them, else the gateway's.
pub(in crate::dialects) fn object(fault: &Fault) -> Object<'_> {
    let complaint = fault.complaint.as_ref();
    let said = |part: fn(&crate::ir::Complaint) -> &Option<String>| {
        complaint.and_then(|complaint| part(complaint).as_deref())
    };
    Object {
        message: said(|complaint| &complaint.message).unwrap_or(&fault.public),
        r#type: said(|complaint| &complaint.kind).unwrap_or_else(|| class(fault.kind)),
        param: said(|complaint| &complaint.param),
        code: said(|complaint| &complaint.code).or_else(|| Some(fault.kind.name())),
    }
}

/// The whole body of an error answer. A body that the provider wrote for the client passes as it is.
pub(in crate::dialects) fn body(fault: &Fault) -> Bytes {
    match &fault.body {
        Some(body) => body.clone(),
        None => serde_json::to_vec(&Body { error: object(fault) }).map_or_else(|_| Bytes::new(), Bytes::from),
    }
}

/// The class names OpenAI uses.
fn class(kind: FaultKind) -> &'static str {
    match (kind, kind.blame()) {
        (FaultKind::RateLimited, _) => "rate_limit_error",
        (FaultKind::QuotaExhausted, _) => "insufficient_quota",
        (_, Blame::Client) => "invalid_request_error",
        (_, Blame::Gateway | Blame::Upstream) => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Complaint;

    #[track_caller]
    fn check(fault: &Fault, expect: &str) {
        assert_eq!(body(fault), expect);
    }

    #[test]
    fn the_gateways_words_and_the_providers_words() {
        let mut fault = Fault::new(FaultKind::UnknownModel, "no model `x`").with_detail("secret");
        check(
            &fault,
            r#"{"error":{"message":"no model `x`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
        );
        fault.complaint = Some(Box::new(Complaint {
            code: Some("c".into()),
            message: Some("m".into()),
            param: Some("p".into()),
            kind: None,
        }));
        check(&fault, r#"{"error":{"message":"m","type":"invalid_request_error","param":"p","code":"c"}}"#);
        fault.body = Some(Bytes::from_static(b"{\"as\":\"it was\"}"));
        check(&fault, r#"{"as":"it was"}"#);
    }
}
