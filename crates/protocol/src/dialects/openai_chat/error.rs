//! Errors in the shape the OpenAI SDKs parse: `{"error":{"message","type","param","code"}}`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::object::read;
use crate::ir::{Complaint, Fault, FaultKind, Text};

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

/// The error object for `fault`: the provider's sentence and field where the client may read them, else the gateway's
/// words. Classes are always OpenAI's own; a provider's code stays where there is no word of OpenAI's for what happened
/// and it looks like one.
pub(in crate::dialects) fn object(fault: &Fault) -> Object<'_> {
    let complaint = fault.complaint.as_ref();
    let said = |part: fn(&crate::ir::Complaint) -> &Option<String>| {
        complaint.and_then(|complaint| part(complaint).as_deref())
    };
    Object {
        message: said(|complaint| &complaint.message).unwrap_or(&fault.public),
        r#type: class(fault),
        param: said(|complaint| &complaint.param),
        code: said(|complaint| &complaint.code)
            .filter(|code| !has_code(fault.kind) && is_code(code))
            .or_else(|| Some(fault.kind.name())),
    }
}

/// The whole body of an error answer. A body that the provider wrote for the client passes as it is.
pub(in crate::dialects) fn body(fault: &Fault) -> Bytes {
    match &fault.body {
        Some(body) => body.clone(),
        None => translated(fault),
    }
}

/// The error answer for a client whose provider speaks another dialect: the provider's body stays behind.
pub(in crate::dialects) fn translated(fault: &Fault) -> Bytes {
    serde_json::to_vec(&Body { error: object(fault) }).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// Reads an error body. The clones differ: an `error` that is an object or a sentence, Mistral's `detail`, vLLM's
/// members without a wrapper, Google's list of one; codes are text or numbers.
pub(super) fn decode(body: &[u8]) -> Option<Complaint> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Wire<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        message: Option<&'a RawValue>,
        #[serde(borrow)]
        detail: Option<&'a RawValue>,
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        code: Option<&'a RawValue>,
        #[serde(borrow)]
        param: Option<&'a RawValue>,
    }

    let wire = if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<Vec<Wire<'_>>>(body).ok()?.into_iter().next()?
    } else {
        serde_json::from_slice::<Wire<'_>>(body).ok()?
    };
    let inner = wire.error.and_then(read::<Wire<'_>>).unwrap_or_default();
    let sentence = wire.error.and_then(read::<Text<'_>>).map(|text| text.to_string());
    let either = |inner: Option<&RawValue>, outer: Option<&RawValue>| inner.or(outer).and_then(spelled);
    let complaint = Complaint {
        kind: either(inner.kind, wire.kind),
        code: either(inner.code, wire.code),
        param: either(inner.param, wire.param),
        message: sentence
            .or_else(|| either(inner.message, wire.message))
            .or_else(|| either(inner.detail, wire.detail)),
    };
    (complaint != Complaint::default()).then_some(complaint)
}

/// A text, or any other value as it is spelled.
fn spelled(raw: &RawValue) -> Option<String> {
    read::<Text<'_>>(raw).map_or_else(
        || (raw.get() != "null").then(|| raw.get().to_owned()),
        |text| (!text.is_empty()).then(|| text.to_string()),
    )
}

/// Whether the kind's name is OpenAI's code for it, which its SDKs' users match on.
fn has_code(kind: FaultKind) -> bool {
    use FaultKind::{ContextLength, QuotaExhausted, RateLimited};
    matches!(kind, ContextLength | QuotaExhausted | RateLimited)
}

/// Whether a code is spelled as OpenAI spells codes; others have numbers or capitals.
fn is_code(code: &str) -> bool {
    code.starts_with(|first: char| first.is_ascii_lowercase())
        && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The class names OpenAI uses. Whoever is to blame, a status that blames the request has the class that says so, as
/// OpenAI's own 404 for a model has.
fn class(fault: &Fault) -> &'static str {
    match (fault.kind, fault.status) {
        (FaultKind::RateLimited, _) => "rate_limit_error",
        (FaultKind::QuotaExhausted, _) => "insufficient_quota",
        (_, 400..=499) => "invalid_request_error",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        fault.complaint =
            Some(Box::new(Complaint { kind: Some("other_error".into()), ..Complaint::default() }));
        let expect = r#"{"error":{"message":"no model `x`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#;
        assert_eq!(translated(&fault), expect, "no words of another dialect");
    }

    #[test]
    fn classes_and_codes_are_openais() {
        let check = |kind, code: &str, expect: [&str; 2]| {
            let mut fault = Fault::new(kind, "m");
            let words = Complaint {
                kind: Some("overloaded_error".into()),
                code: Some(code.into()),
                ..Complaint::default()
            };
            fault.complaint = Some(Box::new(words));
            let error = serde_json::to_value(object(&fault)).unwrap();
            assert_eq!([&error["type"], &error["code"]], expect, "{kind:?}");
        };
        check(FaultKind::Refused, "unsupported_value", ["invalid_request_error", "unsupported_value"]);
        check(FaultKind::Refused, "INVALID_ARGUMENT", ["invalid_request_error", "invalid_request"]);
        check(FaultKind::Refused, "400", ["invalid_request_error", "invalid_request"]);
        check(FaultKind::ContextLength, "too_long", ["invalid_request_error", "context_length_exceeded"]);
        check(FaultKind::RateLimited, "1302", ["rate_limit_error", "rate_limit_exceeded"]);
        check(FaultKind::UpstreamNotFound, "", ["invalid_request_error", "upstream_not_found"]);
        check(FaultKind::Overloaded, "", ["server_error", "upstream_overloaded"]);
    }

    #[test]
    fn every_shape_of_error_body_is_read() {
        let check = |body: &str, expect: [Option<&str>; 4]| {
            let complaint = decode(body.as_bytes()).unwrap();
            let Complaint { kind, code, param, message } = &complaint;
            assert_eq!([kind, code, param, message].map(|part| part.as_deref()), expect, "{body}");
        };
        check(
            r#"{"error":{"message":"m","type":"t","param":"p","code":"c"}}"#,
            [Some("t"), Some("c"), Some("p"), Some("m")],
        );
        check(r#"{"error":{"message":"m","code":401,"param":null}}"#, [None, Some("401"), None, Some("m")]);
        check(r#"{"error":"m","code":"c"}"#, [None, Some("c"), None, Some("m")]);
        check(r#"{"detail":"m"}"#, [None, None, None, Some("m")]);
        check(r#"{"detail":[{"loc":["x"]}]}"#, [None, None, None, Some(r#"[{"loc":["x"]}]"#)]);
        check(r#"{"object":"error","message":"m","type":"t"}"#, [Some("t"), None, None, Some("m")]);
        check(r#"[{"error":{"code":400,"message":"m"}}]"#, [None, Some("400"), None, Some("m")]);
        for body in ["", "nope", "[]", "{}", "7", r#"{"error":null}"#] {
            assert_eq!(decode(body.as_bytes()), None, "{body}");
        }
    }
}
