//! Watches a stream of Responses events.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::openai_chat::{WireUsage, error_object};
use crate::{
    dialect::{Ending, Meaning, Watch},
    framing::sse::Event,
    ir::{self, Text},
};

/// Remembers what the dialect's own error needs: the response that began and the number of the last event.
#[derive(Default)]
pub(super) struct ResponseWatch {
    usage: Option<ir::Usage>,
    /// The `response` object of the first event, as the provider wrote it.
    response: Option<Box<RawValue>>,
    sequence: Option<u64>,
    is_done: bool,
}

#[derive(Deserialize)]
struct Typed<'a> {
    r#type: &'a str,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    part: Option<&'a RawValue>,
}

impl Typed<'_> {
    /// Whether the event carries only reasoning: its text, its summary, or all of it with its proof.
    fn is_thinking(&self) -> bool {
        #[derive(Deserialize)]
        struct Kind<'a> {
            #[serde(borrow, default)]
            r#type: Text<'a>,
        }
        match self.r#type {
            "response.output_item.done" | "response.content_part.done" => {
                let done = self.item.or(self.part);
                let kind = done.and_then(|raw| serde_json::from_str::<Kind<'_>>(raw.get()).ok());
                kind.is_some_and(|kind| matches!(&*kind.r#type, "reasoning" | "reasoning_text"))
            }
            name => name.starts_with("response.reasoning_"),
        }
    }
}

#[derive(Deserialize)]
struct Finished<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The code of a failed response: of the list in the schema `ResponseErrorCode`, but for the two that clients match on and
/// OpenAI sends without naming them there. `insufficient_quota` is recorded; `context_length_exceeded` is what its own
/// client shortens the conversation for.
pub(super) fn failure_code(fault: &ir::Fault) -> &'static str {
    match fault.kind {
        ir::FaultKind::RateLimited => "rate_limit_exceeded",
        ir::FaultKind::QuotaExhausted | ir::FaultKind::ContextLength => fault.kind.name(),
        ir::FaultKind::Refused | ir::FaultKind::ContentFilter => "invalid_prompt",
        _ => "server_error",
    }
}

/// The members that the schema `Response` requires, saying nothing.
fn unbegun() -> serde_json::Map<String, serde_json::Value> {
    let empty = serde_json::json!({
        "id": "",
        "object": "response",
        "created_at": 0,
        "model": "",
        "output": [],
        "parallel_tool_calls": true,
        "tool_choice": "auto",
        "tools": [],
    });
    match empty {
        serde_json::Value::Object(members) => members,
        _ => serde_json::Map::new(),
    }
}

impl ResponseWatch {
    /// Events are counted from 0.
    fn next_sequence(&self) -> u64 {
        self.sequence.map_or(0, |last| last.saturating_add(1))
    }
}

impl Watch for ResponseWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        let event = Event::parse(raw);
        let Some(data) = event.data.as_deref() else { return Meaning::Lifecycle };
        if data == b"[DONE]" {
            // OpenRouter adds it; the dialect itself has none.
            return if self.is_done { Meaning::End } else { Meaning::Garbled };
        }
        let Ok(typed) = serde_json::from_slice::<Typed<'_>>(data) else {
            return if super::openai_chat::failure(data) { Meaning::Failed } else { Meaning::Garbled };
        };
        // An error does not travel as it is, so that its number is free for the one that is sent in its place.
        if matches!(typed.r#type, "error" | "response.failed") {
            return Meaning::Failed;
        }
        self.sequence = Some(typed.sequence_number.unwrap_or_else(|| self.next_sequence()));
        match typed.r#type {
            "response.created" | "response.queued" | "response.in_progress" => {
                if self.response.is_none() {
                    self.response = typed.response.map(ToOwned::to_owned);
                }
                Meaning::Lifecycle
            }
            "response.output_item.added"
            | "response.content_part.added"
            | "response.reasoning_summary_part.added"
            | "keepalive" => Meaning::Lifecycle,
            "response.completed" | "response.incomplete" => {
                self.is_done = true;
                let finished =
                    typed.response.and_then(|raw| serde_json::from_str::<Finished<'_>>(raw.get()).ok());
                self.usage = finished.and_then(|done| WireUsage::read(done.usage?.get().as_bytes()));
                Meaning::End
            }
            _ if typed.is_thinking() => Meaning::Thinking,
            _ => Meaning::Output,
        }
    }

    fn finish(&mut self) -> Ending {
        if self.is_done { Ending::Whole(Bytes::new()) } else { Ending::Cut }
    }

    /// `response.failed` (OpenAI API description, schema `ResponseFailedEvent`): the response as it began, failed. Of one
    /// that did not begin there is what the schema requires, and nothing in it.
    fn fail(&mut self, fault: &ir::Fault) -> Bytes {
        let begun = self.response.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok());
        let mut response: serde_json::Map<_, _> = begun.unwrap_or_else(unbegun);
        let error = serde_json::to_value(error_object(fault)).unwrap_or_default();
        response.insert("status".into(), "failed".into());
        response.insert(
            "error".into(),
            serde_json::json!({ "code": failure_code(fault), "message": error["message"] }),
        );
        let event = serde_json::json!({
            "type": "response.failed",
            "sequence_number": self.next_sequence(),
            "response": response,
        });
        format!("event: response.failed\ndata: {event}\n\n").into()
    }

    fn usage(&self) -> Option<ir::Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::Meaning::{End, Failed, Garbled, Lifecycle, Output, Thinking},
        ir::{Fault, FaultKind},
    };

    #[track_caller]
    fn check(events: &[&str], expect: &[Meaning], ending: &Ending) -> ResponseWatch {
        let mut watch = ResponseWatch::default();
        let got: Vec<_> =
            events.iter().map(|data| watch.event(format!("data: {data}\n\n").as_bytes())).collect();
        assert_eq!(got, expect);
        assert_eq!(&watch.finish(), ending);
        watch
    }

    const CREATED: &str = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress"}}"#;
    const ADDED: &str = r#"{"type":"response.output_item.added","sequence_number":1,"item":{}}"#;
    const DELTA: &str = r#"{"type":"response.output_text.delta","sequence_number":2,"delta":"hi"}"#;
    const DONE: &str = r#"{"type":"response.completed","sequence_number":3,"response":{"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":3},"output_tokens":4}}}"#;

    #[test]
    fn a_plain_stream() {
        let whole = Ending::Whole(Bytes::new());
        let watch = check(
            &[CREATED, ADDED, DELTA, DONE, "[DONE]"],
            &[Lifecycle, Lifecycle, Output, End, End],
            &whole,
        );
        let usage = watch.usage().unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.output), (6, 3, 4));
        check(&[r#"{"type":"response.incomplete","response":{}}"#], &[End], &whole);
    }

    #[test]
    fn reasoning_is_not_yet_the_answer() {
        let done = |what: &str, name: &str, kind: &str| {
            format!(
                r#"{{"type":"response.{what}.done","{name}":{{"encrypted_content":"x","type":"{kind}"}}}}"#
            )
        };
        let (part, item) = ("content_part", "output_item");
        let events = [
            r#"{"type":"response.reasoning_text.delta","delta":"hm"}"#,
            r#"{"type":"response.reasoning_summary_text.delta","delta":"hm"}"#,
            r#"{"type":"response.reasoning_summary_part.done","part":{"type":"summary_text"}}"#,
            &done(part, "part", "reasoning_text"),
            &done(item, "item", "reasoning"),
            &done(part, "part", "output_text"),
            &done(item, "item", "message"),
        ];
        let expect = [Thinking, Thinking, Thinking, Thinking, Thinking, Output, Output];
        check(&events, &expect, &Ending::Cut);
    }

    #[test]
    fn a_cut_stream_fails_as_the_dialect_fails() {
        let mut watch = check(&[CREATED, DELTA], &[Lifecycle, Output], &Ending::Cut);
        let frame = watch.fail(&Fault::new(FaultKind::Cut, "the answer was cut"));
        let expect = "event: response.failed\ndata: {\"response\":{\"error\":{\"code\":\"server_error\",\"message\":\"the answer was cut\"},\"id\":\"resp_1\",\"status\":\"failed\"},\"sequence_number\":3,\"type\":\"response.failed\"}\n\n";
        assert_eq!(frame, expect);
    }

    #[test]
    fn a_failure_before_anything_else_is_the_first_event() {
        let frame = ResponseWatch::default().fail(&Fault::new(FaultKind::Timeout, "too late"));
        let event = Event::parse(&frame);
        let event: serde_json::Value = serde_json::from_slice(&event.data.unwrap()).unwrap();
        assert_eq!(
            (event["type"].as_str(), event["sequence_number"].as_u64()),
            (Some("response.failed"), Some(0))
        );
        let response = &event["response"];
        assert_eq!(
            (response["status"].as_str(), response["output"].as_array()),
            (Some("failed"), Some(&Vec::new()))
        );
        assert_eq!(response["error"], serde_json::json!({ "code": "server_error", "message": "too late" }));
    }

    #[test]
    fn a_failure_has_the_code_that_clients_match_on() {
        let check = |kind, expect| assert_eq!(failure_code(&Fault::new(kind, "m")), expect, "{kind:?}");
        check(FaultKind::ContextLength, "context_length_exceeded");
        check(FaultKind::QuotaExhausted, "insufficient_quota");
        check(FaultKind::RateLimited, "rate_limit_exceeded");
        check(FaultKind::Refused, "invalid_prompt");
        check(FaultKind::UpstreamFailed, "server_error");
    }

    #[test]
    fn errors_in_a_200() {
        check(&[r#"{"type":"error","code":"x"}"#], &[Failed], &Ending::Cut);
        check(&[r#"{"type":"response.failed","response":{}}"#], &[Failed], &Ending::Cut);
        check(&[r#"{"error":{"message":"x"}}"#, "{", "[DONE]"], &[Failed, Garbled, Garbled], &Ending::Cut);
    }
}
