//! From lines to events.

use bytes::Bytes;

use crate::{
    codec::{Sink, Step, StreamDecoder},
    dialects::ollama::{
        NAME, ids, logprobs,
        request::tool_use,
        response::{stop, usage},
        time, wire,
    },
    framing::ndjson,
    ir::{BlockKind, Content, Delta, Event, Extras, Place, Stop, StopReason, Text, raw},
};

/// A block whose deltas may go on in the next line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
}

/// Reads a provider's stream. There is one answer, choice 0.
#[derive(Debug, Default)]
pub(in crate::dialects::ollama) struct Decoder {
    has_started: bool,
    has_ended: bool,
    open: Option<Open>,
    /// Blocks begun.
    blocks: u64,
    calls: u64,
    extras: Extras,
}

impl Decoder {
    fn close(&mut self, sink: Sink<'_>) {
        if self.open.take().is_some() {
            sink(Event::BlockStop { choice: 0, block: self.blocks.saturating_sub(1) });
        }
    }

    fn start(&mut self, kind: BlockKind<'_>, sink: Sink<'_>) -> u64 {
        self.close(sink);
        let block = self.blocks;
        self.blocks += 1;
        sink(Event::BlockStart { choice: 0, block, kind });
        block
    }

    /// Adds to the open block of that kind, or begins one.
    fn text(&mut self, kind: Open, text: Option<Text<'_>>, sink: Sink<'_>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        if self.open != Some(kind) {
            let opened = match kind {
                Open::Text => BlockKind::Text,
                Open::Thinking => BlockKind::Thinking { is_summary: false, is_redacted: false, item: None },
            };
            self.start(opened, sink);
            self.open = Some(kind);
        }
        sink(Event::Delta { choice: 0, block: self.blocks - 1, delta: Delta::Text(text) });
    }

    /// A block that comes whole.
    fn whole(&mut self, kind: BlockKind<'_>, input: Option<Text<'_>>, sink: Sink<'_>) {
        let block = self.start(kind, sink);
        if let Some(input) = input {
            sink(Event::Delta { choice: 0, block, delta: Delta::Input(input) });
        }
        sink(Event::BlockStop { choice: 0, block });
    }

    fn line(&mut self, answer: wire::Answer<'_>, sink: Sink<'_>) -> Result<Step, String> {
        let mut answer = answer.into_chat();
        let created_at = answer.created_at.take().unwrap_or_default();
        if !std::mem::replace(&mut self.has_started, true) {
            sink(Event::Start { id: None, model: answer.model, created: time::read(&created_at) });
        }
        let mut message = answer.message.unwrap_or_default();
        let said = std::mem::take(&mut message.extra);
        self.extras.tell(NAME, Place::Choice(0), &said, &mut *sink);
        self.extras.tell(NAME, Place::Answer, &answer.extra, &mut *sink);
        self.text(Open::Thinking, message.thinking, sink);
        self.text(Open::Text, message.content, sink);
        if let Some(raw) = logprobs::read(answer.logprobs.unwrap_or_default()) {
            sink(Event::Logprobs { choice: 0, raw });
        }
        for image in message.images.unwrap_or_default() {
            self.whole(
                BlockKind::Foreign { origin: NAME, kind: "image".into(), raw: raw(&image) },
                None,
                sink,
            );
        }
        for call in message.tool_calls.unwrap_or_default() {
            let count = self.calls;
            self.calls += 1;
            let block = tool_use(call, |name| ids::of_answer(&created_at, count, name))
                .map_err(|what| format!("tool call {count}: {what}"))?;
            if let Content::ToolUse(call) = block.content {
                let (id, name, kind) = (call.id, call.name, call.kind);
                let kind = BlockKind::ToolUse { id, name, kind, signature: None, item: None };
                self.whole(kind, Some(call.input), sink);
            }
        }
        if answer.done != Some(true) {
            return Ok(Step::Go);
        }
        self.close(sink);
        if let Some(usage) = usage(answer.prompt_eval_count, answer.eval_count) {
            sink(Event::Usage(usage));
        }
        let stop = stop(answer.done_reason, self.calls > 0).unwrap_or(Stop::new(StopReason::End));
        sink(Event::Stop { choice: 0, stop });
        sink(Event::End);
        self.has_ended = true;
        Ok(Step::End)
    }
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        let Some(line) = ndjson::value(raw).filter(|_| !self.has_ended) else { return Step::Go };
        let answer = match serde_json::from_slice::<wire::Answer<'_>>(line) {
            Ok(answer) => answer,
            Err(error) => return Step::Garbled(format!("a line is not an answer: {error}")),
        };
        if answer.error.is_some() {
            return Step::Failed(Bytes::copy_from_slice(line));
        }
        self.line(answer, sink).unwrap_or_else(Step::Garbled)
    }

    fn finish(&mut self, _: Sink<'_>) -> Step {
        if self.has_ended {
            return Step::End;
        }
        Step::Garbled("the stream ended without a line that is `done`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    /// All events of these lines, one a line, and the last step.
    fn read(lines: &[&str]) -> (Vec<String>, Step) {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        let mut step = Step::Go;
        for line in lines {
            step = decoder.event(line.as_bytes(), &mut |event| events.push(format!("{event:?}")));
        }
        (events, step)
    }

    #[test]
    fn kinds_take_turns_and_calls_come_whole() {
        let (events, step) = read(&[
            r#"{"model":"m","created_at":"1970-01-01T00:00:07Z","message":{"role":"assistant","content":"","thinking":"t"},"done":false}"#,
            r#"{"message":{"content":"","thinking":"u"},"done":false}"#,
            "\n",
            r#"{"message":{"content":"a"},"done":false}"#,
            r#"{"message":{"content":"b","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"2","function":{"name":"g","arguments":{"x":[1, 2]}}}]},"done":false}"#,
            r#"{"message":{"content":"c"},"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":4}"#,
            r#"{"message":{"content":"late"},"done":true}"#,
        ]);
        assert_eq!(step, Step::Go);
        insta::assert_snapshot!(events.join("\n"));
    }

    #[test]
    fn errors_and_cuts() {
        let failed = read(&[r#"{"error":"oh"}"#]);
        assert_eq!(failed, (Vec::new(), Step::Failed(Bytes::from_static(b"{\"error\":\"oh\"}"))));
        assert!(matches!(read(&["{\"done\":"]).1, Step::Garbled(_)));
        assert!(matches!(read(&[r#"{"message":{"tool_calls":[{}]}}"#]).1, Step::Garbled(_)));
        let mut decoder = Decoder::default();
        assert_eq!(decoder.event(br#"{"response":"x","done":false}"#, &mut |_| {}), Step::Go);
        assert!(matches!(decoder.finish(&mut |_| {}), Step::Garbled(_)));
        assert_eq!(decoder.event(br#"{"response":"","done":true}"#, &mut |_| {}), Step::End);
        assert_eq!(decoder.finish(&mut |_| {}), Step::End);
    }

    #[test]
    fn text_is_not_copied() {
        let line = br#"{"response":"plain","done":false}"#;
        let range = line.as_ptr_range();
        let mut seen = false;
        Decoder::default().event(line, &mut |event| {
            if let Event::Delta { delta: Delta::Text(Text(Cow::Borrowed(text))), .. } = event {
                seen = range.contains(&text.as_ptr());
            }
        });
        assert!(seen);
    }
}
