//! Reads what a provider says when it fails: in an error body, an `error` event or a failed response.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ir::{Complaint, Text};

/// Every place where servers of this dialect put their words. OpenAI nests them under `error`, its `error` event has
/// them at the top, `response.failed` under `response.error`; xAI has a text in `error`, Mistral one in `detail`.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
    #[serde(borrow, default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    param: Option<&'a RawValue>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The provider's words, if they can be read.
pub(super) fn decode(body: &[u8]) -> Option<Complaint> {
    let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
    let inner = wire.error.or(wire.response.as_ref().and_then(|response| response.error));
    if let Some(inner) = inner
        && let Ok(inner) = serde_json::from_str::<Wire<'_>>(inner.get())
    {
        return complaint(&inner, None);
    }
    complaint(&wire, inner.or(wire.detail))
}

fn complaint(wire: &Wire<'_>, words: Option<&RawValue>) -> Option<Complaint> {
    let complaint = Complaint {
        // An event's own type is no class of errors.
        kind: wire.r#type.and_then(text).filter(|kind| kind != "error"),
        code: wire.code.and_then(text),
        param: wire.param.and_then(text),
        message: wire.message.or(words).and_then(text),
    };
    (complaint != Complaint::default()).then_some(complaint)
}

/// A text or a number as text.
fn text(raw: &RawValue) -> Option<String> {
    if let Ok(text) = serde_json::from_str::<Text<'_>>(raw.get()) {
        return Some(text.into_cow().into_owned());
    }
    raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()).then(|| raw.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expect: Option<[Option<&str>; 4]>) {
        let got = decode(body.as_bytes());
        let got = got
            .as_ref()
            .map(|said| [&said.kind, &said.code, &said.param, &said.message].map(Option::as_deref));
        assert_eq!(got, expect, "{body}");
    }

    #[test]
    fn words_in_every_place() {
        let all = Some([Some("t"), Some("c"), Some("p"), Some("m")]);
        check(r#"{"error":{"type":"t","code":"c","param":"p","message":"m"}}"#, all);
        check(r#"{"type":"error","error":{"type":"t","code":"c","param":"p","message":"m"}}"#, all);
        check(
            r#"{"type":"error","code":"c","message":"m","param":null,"sequence_number":1}"#,
            Some([None, Some("c"), None, Some("m")]),
        );
        check(
            r#"{"type":"response.failed","response":{"error":{"code":"c","message":"m"}}}"#,
            Some([None, Some("c"), None, Some("m")]),
        );
        check(r#"{"error":{"code":429,"message":"m"}}"#, Some([None, Some("429"), None, Some("m")]));
        check(r#"{"code":"c","error":"m"}"#, Some([None, Some("c"), None, Some("m")]));
        check(r#"{"detail":"m"}"#, Some([None, None, None, Some("m")]));
    }

    #[test]
    fn what_says_nothing() {
        for body in
            ["", "{", "[]", "7", "{}", r#"{"error":null}"#, r#"{"error":{}}"#, r#"{"detail":[{"loc":1}]}"#]
        {
            check(body, None);
        }
    }
}
