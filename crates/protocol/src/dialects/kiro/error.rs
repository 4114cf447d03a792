//! Errors: `{"message":..,"reason":..}`, with the type in `__type` or, in a stream, in `:exception-type`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ir::{Complaint, Fault, Text};

/// What an error body has.
#[derive(Deserialize, Serialize)]
pub(super) struct Failure<'a> {
    /// The type, perhaps with a name space before a `#`.
    #[serde(rename = "__type", borrow, default, skip_serializing_if = "Option::is_none")]
    kind: Option<Text<'a>>,
    #[serde(borrow, alias = "Message", default, skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
    /// A finer word for the type, such as `MONTHLY_REQUEST_COUNT`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
}

/// Reads an error body; `None` if it is none.
pub(super) fn decode(body: &[u8]) -> Option<Complaint> {
    let failure: Failure<'_> = serde_json::from_slice(body).ok()?;
    let kind = failure.kind.as_deref().map(|kind| kind.rsplit('#').next().unwrap_or_default().to_owned());
    let message = failure.message.map(|text| text.to_string());
    let code = failure.reason.map(|text| text.to_string());
    let is_error = message.is_some() || kind.is_some() || code.is_some();
    is_error.then(|| Complaint { kind, code, message, ..Complaint::default() })
}

/// The body that a failure inside a stream would have had as an answer of its own.
pub(super) fn of_frame(kind: &str, payload: &[u8]) -> Bytes {
    let said: Option<Failure<'_>> = serde_json::from_slice(payload).ok();
    let failure = match said {
        Some(said) => Failure { kind: Some(kind.into()), ..said },
        None => Failure { kind: Some(kind.into()), message: None, reason: None },
    };
    serde_json::to_vec(&failure).map_or_else(|_| Bytes::new(), Bytes::from)
}

/// The words of a fault; nobody reads them in this dialect.
pub(super) fn encode(fault: &Fault) -> Bytes {
    let failure = Failure { kind: None, message: Some(fault.public.as_str().into()), reason: None };
    serde_json::to_vec(&failure).map_or_else(|_| Bytes::new(), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_types_and_reasons() {
        let body = br#"{"__type":"com.amazon.aws.codewhisperer#ThrottlingException","message":"slow down","reason":"DAILY_REQUEST_COUNT"}"#;
        let read = decode(body).unwrap();
        assert_eq!(read.kind.as_deref(), Some("ThrottlingException"));
        assert_eq!(
            (read.code.as_deref(), read.message.as_deref()),
            (Some("DAILY_REQUEST_COUNT"), Some("slow down"))
        );
        assert_eq!(decode(br#"{"Message":"no"}"#).unwrap().message.as_deref(), Some("no"));
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(b"<html>"), None);
        let inside = of_frame("ValidationException", br#"{"message":"Input is too long."}"#);
        assert_eq!(inside, r#"{"__type":"ValidationException","message":"Input is too long."}"#);
        assert_eq!(of_frame("InternalServerException", b"?"), r#"{"__type":"InternalServerException"}"#);
    }
}
