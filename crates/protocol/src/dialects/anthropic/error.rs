//! Errors in the shape the official SDKs parse: `{"type":"error","error":{"type","message"}}`.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::write::{Object, event};
use crate::ir::{Blame, Complaint, Fault, FaultKind, Text};

/// The statuses with the classes of their errors (type `ErrorObject` of the official SDK, and the API's table of HTTP
/// errors). Words of other dialects may be the same, but stand at other statuses.
const CLASSES: &[(u16, &str)] = &[
    (400, INVALID),
    (401, "authentication_error"),
    (402, "billing_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (408, TIMEOUT),
    (413, "request_too_large"),
    (429, "rate_limit_error"),
    (500, FAILED),
    (504, TIMEOUT),
    (529, OVERLOADED),
];
const INVALID: &str = "invalid_request_error";
const TIMEOUT: &str = "timeout_error";
const FAILED: &str = "api_error";
const OVERLOADED: &str = "overloaded_error";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    /// What AWS puts around InvokeModel says only this.
    #[serde(borrow, alias = "Message")]
    message: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireError<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    error_code: Option<Text<'a>>,
}

/// Reads an error body of the API or of a host that serves it.
pub(super) fn decode(body: &[u8]) -> Option<Complaint> {
    let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
    let error: WireError<'_> = match wire.error {
        // Some servers of this dialect say the error as a bare text.
        Some(raw) if raw.get().starts_with('"') => {
            WireError { message: serde_json::from_str(raw.get()).ok(), ..WireError::default() }
        }
        Some(raw) => serde_json::from_str(raw.get()).ok()?,
        None => WireError { message: wire.message, ..WireError::default() },
    };
    let code = error.details.and_then(|raw| serde_json::from_str::<Details<'_>>(raw.get()).ok()?.error_code);
    let spelled = |raw: &RawValue| raw.get().trim_matches('"').to_owned();
    let complaint = Complaint {
        kind: error.kind.map(|kind| kind.to_string()),
        code: code.map(|code| code.to_string()).or_else(|| error.code.map(spelled)),
        param: None,
        message: error.message.map(|message| message.to_string()),
    };
    (complaint != Complaint::default()).then_some(complaint)
}

/// The whole body of an error answer. A body that an API of this dialect wrote for the client passes as it is.
pub(super) fn body(fault: &Fault) -> Bytes {
    let own = fault.body.as_ref().filter(|body| {
        serde_json::from_slice::<Wire<'_>>(body)
            .is_ok_and(|wire| wire.kind.is_some_and(|kind| kind == "error") && wire.error.is_some())
    });
    if let Some(body) = own {
        return body.clone();
    }
    let mut out = Vec::new();
    let mut into = Object::new(&mut out);
    into.value("type", "error");
    object(&mut into, fault);
    drop(into);
    out.into()
}

/// The error as the last event of a stream.
pub(super) fn frame(fault: &Fault) -> Bytes {
    let mut out = Vec::new();
    event(&mut out, "error", |into| object(into, fault));
    out.into()
}

fn object(into: &mut Object<'_>, fault: &Fault) {
    let complaint = fault.complaint.as_deref();
    let mut error = into.object("error");
    error.value("type", class(fault));
    let said = complaint.and_then(|complaint| complaint.message.as_deref());
    error.value("message", &*message(fault.kind, said.unwrap_or(&fault.public)));
}

/// Clients of this dialect know a full context by its words and shorten the conversation then.
fn message(kind: FaultKind, said: &str) -> Cow<'_, str> {
    const WORDS: &str = "prompt is too long";
    if kind == FaultKind::ContextLength && !said.contains(WORDS) {
        Cow::Owned(format!("{WORDS}: {said}"))
    } else {
        Cow::Borrowed(said)
    }
}

/// The class that the status says: a provider's own word may be another dialect's (a model that is not found is an
/// `invalid_request_error` elsewhere), and the bodies of this one pass as they are.
fn class(fault: &Fault) -> &'static str {
    let known = CLASSES.iter().find(|(status, _)| *status == fault.status);
    match (fault.kind, known) {
        // The status is the gateway's own.
        (FaultKind::Overloaded | FaultKind::Busy, _) => OVERLOADED,
        (_, Some((_, class))) => class,
        (kind, None) if kind.blame() == Blame::Client || (400..500).contains(&fault.status) => INVALID,
        _ => FAILED,
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
        check(&fault, r#"{"type":"error","error":{"type":"not_found_error","message":"no model `x`"}}"#);
        fault.complaint = Some(Box::new(Complaint {
            kind: Some("invalid_request_error".into()),
            message: Some("m".into()),
            ..Complaint::default()
        }));
        check(&fault, r#"{"type":"error","error":{"type":"not_found_error","message":"m"}}"#);
        let own =
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#;
        fault.body = Some(Bytes::from_static(own.as_bytes()));
        check(&fault, own);
        fault.body = Some(Bytes::from_static(b"{\"error\":{\"message\":\"of another dialect\"}}"));
        check(&fault, r#"{"type":"error","error":{"type":"not_found_error","message":"m"}}"#);
    }

    #[test]
    fn every_fault_has_the_class_of_its_status() {
        let class = |kind| class(&Fault::new(kind, "x"));
        assert_eq!(class(FaultKind::Unauthorized), "authentication_error");
        assert_eq!(class(FaultKind::KeyRefused), "api_error", "the key that was refused is not the client's");
        assert_eq!(class(FaultKind::MethodNotAllowed), "invalid_request_error");
        assert_eq!(class(FaultKind::QuotaExhausted), "rate_limit_error");
        assert_eq!(class(FaultKind::Overloaded), "overloaded_error");
        assert_eq!(class(FaultKind::Timeout), "timeout_error");
        let mut fault = Fault::new(FaultKind::Refused, "x");
        fault.status = 422;
        assert_eq!(super::class(&fault), "invalid_request_error");
    }

    #[test]
    fn a_full_context_is_said_in_the_words_clients_look_for() {
        check(
            &Fault::new(FaultKind::ContextLength, "9000 tokens, 8192 allowed"),
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9000 tokens, 8192 allowed"}}"#,
        );
    }

    #[test]
    fn bodies_of_the_api_and_of_its_hosts_are_read() {
        let read = |body: &str| {
            let complaint = decode(body.as_bytes())?;
            Some((complaint.kind.unwrap_or_default(), complaint.code.unwrap_or_default(), complaint.message?))
        };
        let expect = |kind: &str, code: &str, message: &str| {
            Some((kind.to_owned(), code.to_owned(), message.to_owned()))
        };
        assert_eq!(
            read(
                r#"{"type":"error","error":{"type":"api_error","message":"m","details":{"error_code":"c"}}}"#
            ),
            expect("api_error", "c", "m")
        );
        assert_eq!(read(r#"{"message":"The provided model identifier is invalid."}"#), {
            expect("", "", "The provided model identifier is invalid.")
        });
        assert_eq!(read(r#"{"error":{"code":400,"message":"m","status":"x"}}"#), expect("", "400", "m"));
        assert_eq!(read(r#"{"error":"m"}"#), expect("", "", "m"));
        assert_eq!(read("{}"), None);
        assert_eq!(read("<html>"), None);
    }
}
