//! Watches a stream of Messages events as it passes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{error, wire::Usage};
use crate::{
    dialect::{Ending, Meaning, Watch},
    framing::{again::Again, sse::Event},
    ir::{self, Text},
};

/// Members of deltas whose texts are pieces of the answer.
const TEXTS: &[&str] = &["text", "thinking", "partial_json"];

/// Knows whether the answer has begun, said something, ended.
pub(super) struct MessageWatch {
    has_output: bool,
    is_done: bool,
    usage: Option<ir::Usage>,
    again: Again,
}

impl Default for MessageWatch {
    fn default() -> Self {
        Self { has_output: false, is_done: false, usage: None, again: Again::new(TEXTS) }
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<Started<'a>>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Started<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<&'a RawValue>,
}

impl Delta<'_> {
    /// Whether it is of a thinking block: its text or its proof.
    fn is_thinking(&self) -> bool {
        matches!(self.kind.as_deref(), Some("thinking_delta" | "signature_delta"))
    }
}

impl MessageWatch {
    fn count(&mut self, raw: Option<&RawValue>) {
        if let Some(usage) = raw.and_then(|raw| Usage::read(raw.get())) {
            usage.update(self.usage.get_or_insert_default());
        }
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Meaning {
        let Some(kind) = &frame.kind else { return Meaning::Garbled };
        self.count(frame.message.as_ref().and_then(|message| message.usage).or(frame.usage));
        match &**kind {
            "error" => Meaning::Failed,
            "message_stop" => {
                self.is_done = true;
                if self.has_output { Meaning::End } else { Meaning::Empty }
            }
            "content_block_delta" if frame.delta.as_ref().is_some_and(Delta::is_thinking) => {
                Meaning::Thinking
            }
            "content_block_delta" => Meaning::Output,
            // A refusal has no content at all: its reason is the answer.
            "message_delta" if frame.delta.as_ref().is_some_and(|delta| delta.stop_reason.is_some()) => {
                Meaning::Output
            }
            _ => Meaning::Lifecycle,
        }
    }
}

impl Watch for MessageWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        if let Some(meaning) = self.again.meaning(raw) {
            return meaning;
        }
        let event = Event::parse(raw);
        let Some(data) = event.data.as_deref() else { return Meaning::Lifecycle };
        if event.name == Some(b"error") {
            return Meaning::Failed;
        }
        let meaning = match serde_json::from_slice::<Frame<'_>>(data) {
            Ok(frame) => self.frame(&frame),
            Err(_) => Meaning::Garbled,
        };
        self.has_output |= meaning.says_something();
        self.again.note(raw, meaning);
        meaning
    }

    fn finish(&mut self) -> Ending {
        if self.is_done { Ending::Whole(Bytes::new()) } else { Ending::Cut }
    }

    fn fail(&mut self, fault: &ir::Fault) -> Bytes {
        error::frame(fault)
    }

    fn usage(&self) -> Option<ir::Usage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dialect::Meaning::{Empty, End, Failed, Garbled, Lifecycle, Output, Thinking},
        ir::{Fault, FaultKind},
    };

    #[track_caller]
    fn check(events: &[&str], expect: &[Meaning], ending: &Ending) -> MessageWatch {
        let mut watch = MessageWatch::default();
        let got: Vec<_> =
            events.iter().map(|data| watch.event(format!("data: {data}\n\n").as_bytes())).collect();
        assert_eq!(got, expect);
        assert_eq!(&watch.finish(), ending);
        watch
    }

    const START: &str = r#"{"type":"message_start","message":{"usage":{"input_tokens":2225,"cache_read_input_tokens":7,"output_tokens":1}}}"#;
    const PING: &str = r#"{"type": "ping"}"#;
    const BLOCK: &str =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}     }"#;
    const DELTA: &str =
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#;
    const STOP: &str = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":9447,"output_tokens":114}}"#;
    const DONE: &str = r#"{"type":"message_stop"}"#;

    #[test]
    fn a_plain_stream_and_its_latest_usage() {
        let whole = Ending::Whole(Bytes::new());
        let expect = [Lifecycle, Lifecycle, Lifecycle, Output, Output, End];
        let watch = check(&[START, PING, BLOCK, DELTA, STOP, DONE], &expect, &whole);
        let usage = watch.usage().unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.output), (9447, 7, 114));
    }

    #[test]
    fn a_refusal_is_output_and_nothing_at_all_is_empty() {
        let whole = Ending::Whole(Bytes::new());
        let refusal =
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":5}}"#;
        check(&[START, refusal, DONE], &[Lifecycle, Output, End], &whole);
        check(&[START, DONE], &[Lifecycle, Empty], &whole);
    }

    #[test]
    fn thinking_and_its_proof_are_not_yet_the_answer() {
        let delta = |kind: &str, name: &str| {
            format!(r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{name}":"x"}}}}"#)
        };
        let (thinking, proof) = (delta("thinking_delta", "thinking"), delta("signature_delta", "signature"));
        let call = delta("input_json_delta", "partial_json");
        check(
            &[START, &thinking, &proof, &call, DONE],
            &[Lifecycle, Thinking, Thinking, Output, End],
            &Ending::Whole(Bytes::new()),
        );
        check(&[START, &thinking, DONE], &[Lifecycle, Thinking, End], &Ending::Whole(Bytes::new()));
    }

    #[test]
    fn a_cut_stream_fails_as_the_dialect_fails() {
        let mut watch = check(&[START, BLOCK, DELTA], &[Lifecycle, Lifecycle, Output], &Ending::Cut);
        let frame = watch.fail(&Fault::new(FaultKind::Cut, "the answer was cut"));
        let expect = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the answer was cut\"}}\n\n";
        assert_eq!(frame, expect);
    }

    #[test]
    fn errors_in_a_200() {
        let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        check(&[overloaded, "{", "[DONE]"], &[Failed, Garbled, Garbled], &Ending::Cut);
        assert_eq!(MessageWatch::default().event(b"event: error\ndata: x\n\n"), Failed);
        assert_eq!(MessageWatch::default().event(b": comment\n\n"), Lifecycle);
    }
}
