//! Errors: `{"error":"text"}`, whole or as a line of a stream; there is no type and no code.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ir::{Complaint, Fault};

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
}

/// The error answer for `fault`: the provider's own words where the client may read them, else the gateway's.
pub(super) fn body(fault: &Fault) -> Vec<u8> {
    let said = fault.complaint.as_ref().and_then(|complaint| complaint.message.as_deref());
    serde_json::to_vec(&Body { error: said.unwrap_or(&fault.public) }).unwrap_or_default()
}

/// The same for a client whose provider speaks the same dialect: a body that the provider wrote for the client passes.
pub(super) fn passed(fault: &Fault) -> Bytes {
    fault.body.clone().unwrap_or_else(|| body(fault).into())
}

/// The same as a line that ends a stream.
pub(super) fn line(fault: &Fault) -> Vec<u8> {
    let mut line = body(fault);
    line.push(b'\n');
    line
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// An error that is an object: the paths of the server that speak OpenAI's dialect, and proxies in front of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    message: Option<String>,
    r#type: Option<String>,
    param: Option<String>,
}

/// True if the object says that something failed.
pub(super) fn is_one(body: &[u8]) -> bool {
    serde_json::from_slice::<Read<'_>>(body).is_ok_and(|read| read.error.is_some())
}

/// The provider's words.
pub(super) fn read(body: &[u8]) -> Option<Complaint> {
    let error = serde_json::from_slice::<Read<'_>>(body).ok()?.error?.get();
    if let Ok(message) = serde_json::from_str(error) {
        return Some(Complaint { message: Some(message), ..Complaint::default() });
    }
    let object: Object = serde_json::from_str(error).ok()?;
    Some(Complaint { kind: object.r#type, code: None, param: object.param, message: object.message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    #[test]
    fn the_gateways_words_and_the_providers_words() {
        let mut fault = Fault::new(FaultKind::UnknownModel, "no model `x`").with_detail("secret");
        assert_eq!(body(&fault), br#"{"error":"no model `x`"}"#);
        assert_eq!(line(&fault), b"{\"error\":\"no model `x`\"}\n");
        fault.complaint = read(br#"{"error":"model 'x' not found"}"#).map(Box::new);
        assert_eq!(body(&fault), br#"{"error":"model 'x' not found"}"#);
        fault.body = Some(Bytes::from_static(b"{\"as\":\"it was\"}"));
        assert_eq!(passed(&fault), r#"{"as":"it was"}"#);
        assert_eq!(body(&fault), br#"{"error":"model 'x' not found"}"#);
    }

    #[track_caller]
    fn check(body: &str, expect: Option<(Option<&str>, Option<&str>)>) {
        let read = read(body.as_bytes());
        let got = read.as_ref().map(|read| (read.kind.as_deref(), read.message.as_deref()));
        assert_eq!(got, expect);
    }

    #[test]
    fn what_providers_say() {
        check(r#"{"error":"no"}"#, Some((None, Some("no"))));
        check(r#"{"error":"unauthorized","signin_url":"u"}"#, Some((None, Some("unauthorized"))));
        check(r#"{"error":{"message":"m","type":"t","code":null}}"#, Some((Some("t"), Some("m"))));
        check(r#"{"error":null}"#, None);
        check(r#"{"error":[1]}"#, None);
        check("<html>", None);
    }
}
