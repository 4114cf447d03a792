//! Errors: `{"message":..}`, with the type in the header `x-amzn-errortype` or, in a stream, in `:exception-type`.

use bytes::Bytes;

use super::{wire, write::object};
use crate::ir::{Blame, Complaint, Fault, FaultKind, Text};

/// The header that tells a client's SDK which exception to raise.
pub(super) const TYPE_HEADER: &str = "x-amzn-errortype";

/// Reads an error body. `None` if it is none.
pub(super) fn decode(body: &[u8]) -> Option<Complaint> {
    let wire: wire::Failure<'_> = serde_json::from_slice(body).ok()?;
    let message = wire.message.or(wire.message_upper).map(|text| text.to_string());
    let kind = wire.kind.map(|kind| type_name(&kind));
    (message.is_some() || kind.is_some()).then(|| Complaint { kind, message, ..Complaint::default() })
}

/// A type without what AWS puts around it (`prefix#Type:http://...`), with the capital letter that it has in headers.
pub(super) fn type_name(written: &str) -> String {
    let bare = written.split(':').next().unwrap_or_default();
    let bare = bare.rsplit('#').next().unwrap_or_default();
    let mut letters = bare.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// The body of an error answer. A body that the provider wrote for the client passes as it is.
pub(super) fn encode(fault: &Fault) -> Bytes {
    match &fault.body {
        Some(body) => body.clone(),
        None => object(|json| json.member_text("message", message(fault))).into(),
    }
}

/// The provider's words where the client may read them, else the gateway's.
pub(super) fn message(fault: &Fault) -> &str {
    let complaint = fault.complaint.as_deref();
    complaint.and_then(|complaint| complaint.message.as_deref()).unwrap_or(&fault.public)
}

/// The type for the header.
pub(super) fn kind(fault: &Fault) -> Text<'_> {
    let complaint = fault.complaint.as_deref().and_then(|complaint| complaint.kind.as_deref());
    // A provider of another dialect names its errors otherwise.
    if let Some(kind) = complaint.filter(|kind| kind.ends_with("Exception")) {
        return kind.into();
    }
    use FaultKind as K;
    let kind = match fault.kind {
        K::Unauthorized => "UnrecognizedClientException",
        K::Forbidden => "AccessDeniedException",
        K::NoRoute => "UnknownOperationException",
        K::UnknownModel | K::UpstreamNotFound => "ResourceNotFoundException",
        K::RateLimited => "ThrottlingException",
        // Not throttling: SDKs would try again.
        K::QuotaExhausted => "ServiceQuotaExceededException",
        K::Overloaded | K::NoDeployment | K::Busy => "ServiceUnavailableException",
        K::Timeout => "ModelTimeoutException",
        // A 400 whose cause is the config: asked again it would be the same.
        K::Unsupported => "ValidationException",
        other if other.blame() == Blame::Client => "ValidationException",
        _ => "InternalServerException",
    };
    kind.into()
}

/// The type of a failure inside a stream (API description, `ConverseStreamOutput`, has these five).
pub(super) fn stream_kind(fault: &Fault) -> &'static str {
    use FaultKind as K;
    match fault.kind {
        K::RateLimited | K::QuotaExhausted => "throttlingException",
        K::Overloaded | K::NoDeployment | K::Busy => "serviceUnavailableException",
        other if other.blame() == Blame::Client => "validationException",
        other if other.blame() == Blame::Gateway => "internalServerException",
        _ => "modelStreamErrorException",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_bared() {
        assert_eq!(type_name("ValidationException:http://internal.amazon.com/coral/"), "ValidationException");
        assert_eq!(type_name("com.amazon#throttlingException"), "ThrottlingException");
        assert_eq!(type_name(""), "");
    }

    #[test]
    fn words_and_types() {
        let mut fault = Fault::new(FaultKind::UnknownModel, "no model `x`").with_detail("secret");
        assert_eq!(encode(&fault), r#"{"message":"no model `x`"}"#);
        assert_eq!(kind(&fault), "ResourceNotFoundException");
        let read = decode(br#"{"message":"m","__type":"com.amazon#validationException"}"#).unwrap();
        assert_eq!(read.kind.as_deref(), Some("ValidationException"));
        fault.complaint = Some(Box::new(read));
        assert_eq!((kind(&fault), message(&fault)), ("ValidationException".into(), "m"));
        assert_eq!(decode(b"{}"), None);
        assert_eq!(decode(b"<html>"), None);
        assert_eq!(stream_kind(&Fault::new(FaultKind::Cut, "")), "modelStreamErrorException");
    }
}
