//! Requests without a prompt: the server loads the model, or lets go of it, and says nothing.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{is_generate, time};
use crate::ir::Text;

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow, default)]
    prompt: Option<Text<'a>>,
    #[serde(borrow, default)]
    images: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    messages: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    keep_alive: Option<&'a RawValue>,
}

/// The answer to a request that says nothing to the model, as the server gives it: whole, even where a stream was asked
/// for. Source: the server's API description ("Load a model", "Unload a model"); recorded as `chat-load-model-doc`.
pub(super) fn answer(path: &str, body: &[u8], now: u64) -> Option<Bytes> {
    let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
    let is_generate = is_generate(path);
    let says_nothing = if is_generate {
        wire.prompt.is_none_or(|prompt| prompt.is_empty())
            && wire.images.is_none_or(|images| images.is_empty())
    } else {
        wire.messages.is_none_or(|messages| messages.is_empty())
    };
    if !says_nothing {
        return None;
    }
    let said = if is_generate {
        ("response", json!(""))
    } else {
        ("message", json!({ "role": "assistant", "content": "" }))
    };
    let reason = if wire.keep_alive.is_some_and(is_zero) { "unload" } else { "load" };
    Some(crate::json::bytes(&json!({
        "model": wire.model, "created_at": time::write(now), said.0: said.1, "done": true, "done_reason": reason,
    })))
}

/// Whether a time is none at all: a number of seconds, or a text of numbers with units such as `0` or `0m0s`.
fn is_zero(time: &RawValue) -> bool {
    let digits = time.get().trim_matches('"').bytes().filter(u8::is_ascii_digit);
    let mut digits = digits.peekable();
    digits.peek().is_some() && digits.all(|digit| digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, body: &str, expect: Option<(&str, &str)>) {
        let answer = answer(path, body.as_bytes(), 0).map(|answer| {
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(
                (&answer["created_at"], &answer["done"]),
                (&json!("1970-01-01T00:00:00Z"), &json!(true))
            );
            answer
        });
        let expect = expect.map(|(member, reason)| {
            let said =
                if member == "response" { json!("") } else { json!({ "role": "assistant", "content": "" }) };
            (said, json!(reason))
        });
        let member = if is_generate(path) { "response" } else { "message" };
        assert_eq!(
            answer.map(|answer| (answer[member].clone(), answer["done_reason"].clone())),
            expect,
            "{body}"
        );
    }

    #[test]
    fn nothing_said_is_nothing_asked() {
        let (chat, generate) = ("/api/chat", "/ollama/api/generate");
        check(generate, r#"{"model":"m"}"#, Some(("response", "load")));
        check(generate, r#"{"model":"m","prompt":"","keep_alive":"10m"}"#, Some(("response", "load")));
        check(generate, r#"{"model":"m","keep_alive":-1,"stream":true}"#, Some(("response", "load")));
        check(generate, r#"{"model":"m","keep_alive":0}"#, Some(("response", "unload")));
        check(generate, r#"{"model":"m","keep_alive":"0m0s"}"#, Some(("response", "unload")));
        check(chat, r#"{"model":"m","messages":[]}"#, Some(("message", "load")));
        check(chat, r#"{"model":"m","messages":null,"keep_alive":0.0}"#, Some(("message", "unload")));
        check(generate, r#"{"model":"m","prompt":"x","keep_alive":0}"#, None);
        check(generate, r#"{"model":"m","images":["iVBOR"]}"#, None);
        check(chat, r#"{"model":"m","messages":[{"role":"user"}],"keep_alive":0}"#, None);
        check(chat, r#"{"messages":[]}"#, None);
        check(chat, "[]", None);
    }
}
