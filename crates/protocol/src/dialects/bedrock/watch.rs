//! Watches a Converse stream as it passes.

use bytes::Bytes;

use super::{
    error,
    frame::{Frame, exception},
    response, wire,
};
use crate::{
    dialect::{Ending, Meaning, Watch},
    ir::{Fault, Usage},
};

/// Remembers whether the message has stopped: usage comes behind that.
#[derive(Default)]
pub(super) struct FrameWatch {
    usage: Option<Usage>,
    is_stopped: bool,
}

impl Watch for FrameWatch {
    fn event(&mut self, raw: &[u8]) -> Meaning {
        let (kind, payload) = match Frame::parse(raw) {
            Some(Frame::Event(kind, payload)) => (kind, payload),
            Some(Frame::Failed(..)) => return Meaning::Failed,
            None => return Meaning::Garbled,
        };
        let Ok(event) = serde_json::from_slice::<wire::Event<'_>>(payload) else { return Meaning::Garbled };
        match kind {
            "contentBlockDelta" => event.delta.map_or(Meaning::Lifecycle, |delta| said(&delta)),
            "messageStop" => {
                self.is_stopped = true;
                Meaning::Output
            }
            "metadata" => {
                self.usage = event.usage.as_ref().map(response::usage).or(self.usage);
                if self.is_stopped { Meaning::End } else { Meaning::Lifecycle }
            }
            _ => Meaning::Lifecycle,
        }
    }

    fn finish(&mut self) -> Ending {
        if self.is_stopped { Ending::Whole(Bytes::new()) } else { Ending::Cut }
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        let mut out = Vec::new();
        exception(error::stream_kind(fault), error::message(fault), &mut out);
        out.into()
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }
}

/// gpt-oss begins with an empty text, calls with empty arguments; neither is a part of the answer yet.
fn said(delta: &wire::Delta<'_>) -> Meaning {
    let is_full = |text: &Option<crate::ir::Text<'_>>| text.as_ref().is_some_and(|text| !text.is_empty());
    let reasons = delta.reasoning.as_ref();
    if is_full(&delta.text)
        || delta.tool_use.as_ref().is_some_and(|tool| is_full(&tool.input))
        || delta.tool_result.is_some()
        || delta.citation.is_some()
        || !delta.extra.is_empty()
    {
        return Meaning::Output;
    }
    match reasons {
        Some(part) if is_full(&part.text) || is_full(&part.signature) || is_full(&part.redacted) => {
            Meaning::Thinking
        }
        _ => Meaning::Lifecycle,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::frame, *};
    use crate::{
        dialect::Meaning::{End, Failed, Garbled, Lifecycle, Output, Thinking},
        framing::event_stream::write,
        ir::FaultKind,
    };

    fn message(kind: &str, payload: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write(&[(":event-type", kind), (":message-type", "event")], &mut out, |out| {
            out.extend_from_slice(payload.as_bytes());
        });
        out
    }

    #[track_caller]
    fn check(events: &[(&str, &str)], expect: &[Meaning], ending: &Ending) -> FrameWatch {
        let mut watch = FrameWatch::default();
        let got: Vec<_> = events.iter().map(|(kind, payload)| watch.event(&message(kind, payload))).collect();
        assert_eq!(got, expect);
        assert_eq!(&watch.finish(), ending);
        watch
    }

    const START: (&str, &str) = ("messageStart", r#"{"role":"assistant","p":"abc"}"#);
    const EMPTY: (&str, &str) = ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":""}}"#);
    const TEXT: (&str, &str) = ("contentBlockDelta", r#"{"contentBlockIndex":1,"delta":{"text":"hi"}}"#);
    const TOOL: (&str, &str) =
        ("contentBlockStart", r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"x","name":"y"}}}"#);
    const STOP: (&str, &str) = ("messageStop", r#"{"stopReason":"end_turn"}"#);
    const META: (&str, &str) = (
        "metadata",
        r#"{"usage":{"inputTokens":2,"outputTokens":5,"totalTokens":10,"cacheReadInputTokens":3}}"#,
    );

    #[test]
    fn a_plain_stream() {
        let whole = Ending::Whole(Bytes::new());
        let watch = check(
            &[START, EMPTY, TEXT, TOOL, STOP, META],
            &[Lifecycle, Lifecycle, Output, Lifecycle, Output, End],
            &whole,
        );
        let usage = watch.usage().unwrap();
        assert_eq!((usage.input, usage.cache_read, usage.output), (2, 3, 5));
        check(&[START, TEXT, STOP], &[Lifecycle, Output, Output], &whole);
        check(&[START, TEXT], &[Lifecycle, Output], &Ending::Cut);
        check(&[START, META], &[Lifecycle, Lifecycle], &Ending::Cut);
    }

    #[test]
    fn thinking_and_its_proof_are_not_yet_the_answer() {
        let delta = |reasoning: &str| {
            format!(r#"{{"contentBlockIndex":0,"delta":{{"reasoningContent":{{{reasoning}}}}}}}"#)
        };
        let (text, proof) = (delta(r#""text":"hm""#), delta(r#""signature":"x""#));
        let (redacted, empty) = (delta(r#""redactedContent":"eA==""#), delta(r#""text":"""#));
        let events =
            [&empty, &text, &proof, &redacted].map(|payload| ("contentBlockDelta", payload.as_str()));
        check(&events, &[Lifecycle, Thinking, Thinking, Thinking], &Ending::Cut);
    }

    #[test]
    fn failures() {
        let mut watch = FrameWatch::default();
        let frame = watch.fail(&Fault::new(FaultKind::RateLimited, "slower"));
        assert_eq!(watch.event(&frame), Failed);
        let body = Some(frame::Frame::Failed("throttlingException", br#"{"message":"slower"}"#));
        assert_eq!(frame::Frame::parse(&frame), body);
        assert_eq!(watch.event(b"data: x\n\n"), Garbled);
        assert_eq!(watch.event(&message("messageStart", "{")), Garbled);
    }
}
