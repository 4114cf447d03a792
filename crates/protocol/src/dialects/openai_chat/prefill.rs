//! Marks the last message of a request as the beginning of the answer: not in OpenAI's own API, in those of others.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{resume::Prefill, splice::Edits};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    messages: Vec<&'a RawValue>,
}

/// The request, which this dialect's encoder wrote, with the mark. One that does not end with a message stays as it is.
pub(super) fn mark(body: Vec<u8>, prefill: Prefill) -> Vec<u8> {
    let Some(last) = last_message(&body) else { return body };
    let (at, members) = match prefill {
        Prefill::Plain => return body,
        Prefill::Prefix => (last, &br#""prefix":true,"#[..]),
        Prefill::Partial => (last, &br#""partial":true,"#[..]),
        Prefill::Continue => (0, &br#""continue_final_message":true,"add_generation_prompt":false,"#[..]),
    };
    let mut edits = Edits::default();
    // Behind the brace: neither the request nor a message of it is empty.
    edits.replace(at + 1..at + 1, members);
    edits.apply(&body.into()).concat()
}

/// Where the last message begins.
fn last_message(body: &[u8]) -> Option<usize> {
    let request: Request<'_> = serde_json::from_slice(body).ok()?;
    let last = request.messages.last()?.get();
    // It is a view of the body.
    (last.as_ptr() as usize).checked_sub(body.as_ptr() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prefill: Prefill, expect: &str) {
        let body = r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"n":1}"#;
        assert_eq!(String::from_utf8(mark(body.into(), prefill)).unwrap(), expect);
    }

    #[test]
    fn the_mark_stands_where_each_api_has_it() {
        check(
            Prefill::Plain,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"n":1}"#,
        );
        check(
            Prefill::Prefix,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"prefix":true,"role":"assistant","content":"b"}],"n":1}"#,
        );
        check(
            Prefill::Partial,
            r#"{"model":"m","messages":[{"role":"user","content":"a"},{"partial":true,"role":"assistant","content":"b"}],"n":1}"#,
        );
        check(
            Prefill::Continue,
            r#"{"continue_final_message":true,"add_generation_prompt":false,"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"n":1}"#,
        );
    }
}
