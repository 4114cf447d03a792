//! Errors in Google's shape: `{"error":{"code","message","status","details"}}`.

use bytes::Bytes;

use super::{wire, write};
use crate::ir::{Complaint, Fault};

/// HTTP statuses with Google's names for them. Source: google.rpc.Code.
const STATUSES: &[(u16, &str)] = &[
    (400, "INVALID_ARGUMENT"),
    (401, "UNAUTHENTICATED"),
    (403, "PERMISSION_DENIED"),
    (404, "NOT_FOUND"),
    (405, "UNIMPLEMENTED"),
    (408, "DEADLINE_EXCEEDED"),
    (409, "ABORTED"),
    (413, "INVALID_ARGUMENT"),
    (415, "INVALID_ARGUMENT"),
    (422, "INVALID_ARGUMENT"),
    (429, "RESOURCE_EXHAUSTED"),
    (499, "CANCELLED"),
    (500, "INTERNAL"),
    (502, "UNAVAILABLE"),
    (503, "UNAVAILABLE"),
    (504, "DEADLINE_EXCEEDED"),
];

/// The name for what has none.
const UNKNOWN: &str = "UNKNOWN";

/// The whole body of an error answer. A body that the provider wrote for the client passes as it is.
pub(super) fn body(fault: &Fault) -> Bytes {
    if let Some(body) = &fault.body {
        return body.clone();
    }
    let mut out = Vec::with_capacity(256);
    write::object(&mut out, |object| object.object("error", |error| write(error, fault)));
    out.into()
}

/// The members of the error object: the provider's own words where the client may read them, else the gateway's.
pub(super) fn write(error: &mut write::Object<'_>, fault: &Fault) {
    let complaint = fault.complaint.as_deref();
    let message = complaint.and_then(|complaint| complaint.message.as_deref());
    error.plain("code", fault.status);
    error.text("message", message.unwrap_or(&fault.public));
    let known = STATUSES.iter().find(|row| row.0 == fault.status).map_or(UNKNOWN, |row| row.1);
    let said = complaint.and_then(|complaint| complaint.kind.as_deref());
    let said = said.filter(|kind| kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'));
    error.text("status", said.unwrap_or(known));
    error.array("details", |details| {
        details.object(|info| {
            info.text("@type", "type.googleapis.com/google.rpc.ErrorInfo");
            let reason = complaint.and_then(code).and_then(reason).or_else(|| reason(fault.kind.name()));
            info.text("reason", reason.as_deref().unwrap_or(UNKNOWN));
            info.text("domain", "lockgate");
        });
        if let Some(param) = complaint.and_then(|complaint| complaint.param.as_deref()) {
            details.object(|bad| {
                bad.text("@type", "type.googleapis.com/google.rpc.BadRequest");
                bad.array("fieldViolations", |fields| fields.object(|field| field.text("field", param)));
            });
        }
        if let Some(wait) = fault.retry_after {
            details.object(|retry| {
                retry.text("@type", "type.googleapis.com/google.rpc.RetryInfo");
                retry.text("retryDelay", &format!("{}s", wait.as_secs_f64()));
            });
        }
    });
}

/// The provider's code, unless it only repeats the class of the error.
fn code(complaint: &Complaint) -> Option<&str> {
    let is_class = |code: &str| complaint.kind.as_deref() == Some(code) || code.ends_with("_error");
    complaint.code.as_deref().filter(|code| !is_class(code))
}

/// A code as Google spells reasons, `[A-Z][A-Z0-9_]+[A-Z0-9]` of at most 63 letters (`google.rpc.ErrorInfo`); `None` for
/// one that is not a word, such as a number.
fn reason(code: &str) -> Option<String> {
    let odd = |c: char| !c.is_ascii_alphanumeric();
    let spelled: String =
        code.chars().take(63).map(|c| if odd(c) { '_' } else { c.to_ascii_uppercase() }).collect();
    let spelled = spelled.trim_end_matches('_');
    (spelled.len() > 2 && spelled.starts_with(|c: char| c.is_ascii_uppercase())).then(|| spelled.to_owned())
}

/// Reads an error body. A stream that was not asked for as SSE answers with an array of one error.
pub(super) fn read(body: &[u8]) -> Option<Complaint> {
    let error = match serde_json::from_slice::<wire::ErrorBody<'_>>(body) {
        Ok(body) => body.error?,
        Err(_) => serde_json::from_slice::<Vec<wire::ErrorBody<'_>>>(body).ok()?.first()?.error?,
    };
    if let Some(message) = wire::string(error) {
        return Some(Complaint { message: Some(message.to_string()), ..Complaint::default() });
    }
    let status: wire::Status<'_> = serde_json::from_str(error.get()).ok()?;
    let details = status.details.unwrap_or_default();
    let reason = details.iter().find_map(|detail| detail.reason.as_deref());
    let field = details
        .iter()
        .flat_map(|detail| detail.violations.iter().flatten())
        .find_map(|field| field.field.as_deref());
    let number = status.code.map(|code| code.get().trim_matches('"').to_owned());
    Some(Complaint {
        kind: status.status.map(|status| status.to_string()),
        code: reason.map(str::to_owned).or(number),
        param: field.map(str::to_owned),
        message: status.message.map(|message| message.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ir::FaultKind;

    #[test]
    fn what_is_written_can_be_read() {
        let mut fault = Fault::new(FaultKind::RateLimited, "too many requests");
        fault.retry_after = Some(Duration::from_millis(34_500));
        let bytes = body(&fault);
        assert_eq!(
            bytes,
            r#"{"error":{"code":429,"message":"too many requests","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"RATE_LIMIT_EXCEEDED","domain":"lockgate"},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.5s"}]}}"#
        );
        let complaint = read(&bytes).unwrap();
        assert_eq!(complaint.kind.as_deref(), Some("RESOURCE_EXHAUSTED"));
        assert_eq!(complaint.code.as_deref(), Some("RATE_LIMIT_EXCEEDED"));
    }

    #[test]
    fn a_reason_is_a_word() {
        let spelled = |code: &str| reason(code).unwrap_or_default();
        assert_eq!(spelled("model.not-found"), "MODEL_NOT_FOUND");
        assert_eq!(spelled(&"x".repeat(99)).len(), 63);
        for code in ["401", "429", "", "ab", "_x_y", "_"] {
            assert_eq!(reason(code), None, "{code}");
        }
        let mut fault = Fault::new(FaultKind::RateLimited, "m");
        fault.complaint = Some(Box::new(Complaint { code: Some("429".into()), ..Complaint::default() }));
        assert!(String::from_utf8_lossy(&body(&fault)).contains(r#""reason":"RATE_LIMIT_EXCEEDED""#));
    }

    #[test]
    fn a_class_is_no_reason() {
        let check = |kind: &str, code: &str, expect: &str| {
            let mut fault = Fault::new(FaultKind::ContextLength, "m");
            let (kind, code) = (Some(kind.to_owned()), Some(code.to_owned()));
            fault.complaint = Some(Box::new(Complaint { kind, code, ..Complaint::default() }));
            let body = body(&fault);
            let said = serde_json::from_slice::<serde_json::Value>(&body).unwrap();
            assert_eq!(said["error"]["details"][0]["reason"], expect);
        };
        check("invalid_request_error", "invalid_request_error", "CONTEXT_LENGTH_EXCEEDED");
        check("", "invalid_request_error", "CONTEXT_LENGTH_EXCEEDED");
        check("too_big", "too_big", "CONTEXT_LENGTH_EXCEEDED");
        check("invalid_request_error", "string_above_max_length", "STRING_ABOVE_MAX_LENGTH");
    }

    #[test]
    fn the_providers_words_win_and_odd_bodies_are_read_as_far_as_they_go() {
        let mut fault = Fault::new(FaultKind::Refused, "refused");
        let complaint = Complaint {
            kind: Some("invalid_request_error".into()),
            code: Some("bad-thing".into()),
            param: Some("contents[0]".into()),
            message: Some("no".into()),
        };
        fault.complaint = Some(Box::new(complaint));
        assert_eq!(
            body(&fault),
            r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BAD_THING","domain":"lockgate"},{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"contents[0]"}]}]}}"#
        );
        assert_eq!(read(&body(&fault)).unwrap().param.as_deref(), Some("contents[0]"));
        fault.body = Some(Bytes::from_static(b"{\"as\":\"it was\"}"));
        assert_eq!(body(&fault), r#"{"as":"it was"}"#);
        assert_eq!(read(br#"[{"error":{"code":404,"message":"m"}}]"#).unwrap().code.as_deref(), Some("404"));
        assert_eq!(read(br#"{"error":"m"}"#).unwrap().message.as_deref(), Some("m"));
        assert!(read(b"{}").is_none() && read(b"<html>").is_none());
    }
}
