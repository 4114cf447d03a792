//! Reads a stream: text, calls and reasoning come as events of their own, and nothing says that it was the last one.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::{NAME, error, wire};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    framing::event_stream::Message,
    ir::{BlockKind, Delta, Event, Signature, Stop, StopReason, Text, ToolKind, Usage},
};

/// Events that measure the account or advise a person: no part of the answer.
const BESIDE: &[&str] = &[
    "initial-response",
    "contextUsageEvent",
    "meteringEvent",
    "followupPromptEvent",
    "intentsEvent",
    "interactionComponentsEvent",
    "dryRunSucceedEvent",
];
/// Those among them that come behind the whole answer.
const CLOSING: &[&str] = &["contextUsageEvent", "meteringEvent", "metadataEvent"];
/// Most bytes of references and citations that are held until the answer's end.
const MAX_HELD: usize = 1 << 20;

/// Where a stream stands.
#[derive(Default)]
pub(super) struct Decoder {
    is_started: bool,
    /// The id of the answer, which comes before it.
    id: Option<String>,
    open: Option<Open>,
    /// Blocks handed over so far.
    blocks: u64,
    /// The calls that are whole.
    called: HashSet<String>,
    /// Events that only this dialect has, for behind the text.
    held: Vec<(String, Box<RawValue>)>,
    held_bytes: usize,
    /// True once something came that stands behind the whole answer.
    is_closing: bool,
}

/// An open block.
enum Open {
    Text,
    Thinking,
    /// A call, and whether it has arguments.
    Call {
        id: String,
        has_input: bool,
    },
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        let Some(message) = Message::parse(raw) else { return garbled("a frame cannot be read") };
        let header = |name| message.header(name).unwrap_or_default();
        match header(":message-type") {
            "event" => match self.take(header(":event-type"), message.payload, sink) {
                Ok(step) => step,
                Err(why) => Step::Garbled(why),
            },
            "exception" => Step::Failed(error::of_frame(header(":exception-type"), message.payload)),
            "error" => Step::Failed(error::of_frame(header(":error-code"), message.payload)),
            _ => garbled("a frame has no type"),
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        if !self.is_started {
            return garbled("the stream ended before its answer");
        }
        if matches!(self.open, Some(Open::Call { .. })) {
            return garbled("the stream ended inside a call");
        }
        self.close(sink);
        for (kind, raw) in std::mem::take(&mut self.held) {
            let kind =
                BlockKind::Foreign { origin: NAME, kind: kind.into(), raw: std::borrow::Cow::Owned(raw) };
            self.begin(kind, sink);
            self.end_block(sink);
        }
        let reason = if self.called.is_empty() { StopReason::End } else { StopReason::ToolUse };
        sink(Event::Stop { choice: 0, stop: Stop::new(reason) });
        sink(Event::End);
        Step::End
    }

    /// Without a last event only what stands behind the answer shows that nothing of it is missing.
    fn broken(&mut self, sink: Sink<'_>) -> Step {
        if self.is_closing { self.finish(sink) } else { garbled("the stream broke off") }
    }
}

fn garbled(why: &str) -> Step {
    Step::Garbled(why.to_owned())
}

impl Decoder {
    fn take(&mut self, kind: &str, payload: &[u8], sink: Sink<'_>) -> Result<Step, String> {
        if kind == "invalidStateEvent" {
            return Ok(Step::Failed(error::of_frame(kind, payload)));
        }
        self.is_closing |= CLOSING.contains(&kind);
        match kind {
            "assistantResponseEvent" => {
                let event = read(kind, payload)?;
                self.start(event.model_id, sink);
                self.text(event.content, sink);
            }
            "reasoningContentEvent" => {
                let event = read(kind, payload)?;
                self.start(None, sink);
                self.reasoning(event, sink);
            }
            "toolUseEvent" => {
                let event = read(kind, payload)?;
                self.start(None, sink);
                self.call(event, sink)?;
            }
            "messageMetadataEvent" => {
                self.id = read(kind, payload)?.utterance_id.map(|id| id.to_string());
            }
            "metadataEvent" => {
                if let Some(usage) = read(kind, payload)?.token_usage {
                    self.start(None, sink);
                    sink(Event::Usage(Usage {
                        input: usage.uncached_input_tokens,
                        cache_read: usage.cache_read_input_tokens.unwrap_or(0),
                        cache_write: usage.cache_write_input_tokens.unwrap_or(0),
                        output: usage.output_tokens,
                        ..Usage::default()
                    }));
                }
            }
            kind if BESIDE.contains(&kind) => {}
            kind => {
                let raw: &RawValue =
                    serde_json::from_slice(payload).map_err(|error| format!("{kind}: {error}"))?;
                self.held_bytes += raw.get().len();
                if self.held_bytes > MAX_HELD {
                    return Err("the stream has too much beside its text".to_owned());
                }
                self.start(None, sink);
                self.held.push((kind.to_owned(), raw.to_owned()));
            }
        }
        Ok(Step::Go)
    }

    fn start(&mut self, model: Option<Text<'_>>, sink: Sink<'_>) {
        if !std::mem::replace(&mut self.is_started, true) {
            sink(Event::Start { id: self.id.as_deref().map(Text::from), model, created: None });
        }
    }

    fn text(&mut self, text: Option<Text<'_>>, sink: Sink<'_>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return };
        if !matches!(self.open, Some(Open::Text)) {
            self.close(sink);
            self.begin(BlockKind::Text, sink);
            self.open = Some(Open::Text);
        }
        self.add(Delta::Text(text), sink);
    }

    fn reasoning(&mut self, event: wire::Event<'_>, sink: Sink<'_>) {
        if let Some(redacted) = event.redacted_content.filter(|redacted| !redacted.is_empty()) {
            self.close(sink);
            self.begin(BlockKind::Thinking { is_summary: false, is_redacted: true, item: None }, sink);
            self.add(Delta::Signature(Signature::new(NAME, redacted)), sink);
            self.end_block(sink);
        }
        let text = event.text.filter(|text| !text.is_empty());
        let signature = event.signature.filter(|signature| !signature.is_empty());
        if text.is_none() && signature.is_none() {
            return;
        }
        if !matches!(self.open, Some(Open::Thinking)) {
            self.close(sink);
            self.begin(BlockKind::Thinking { is_summary: false, is_redacted: false, item: None }, sink);
            self.open = Some(Open::Thinking);
        }
        if let Some(text) = text {
            self.add(Delta::Text(text), sink);
        }
        if let Some(signature) = signature {
            // A proof is the last of its reasoning.
            self.add(Delta::Signature(Signature::new(NAME, signature)), sink);
            self.close(sink);
        }
    }

    /// A call begins, goes on or ends, or all of it at once.
    fn call(&mut self, event: wire::Event<'_>, sink: Sink<'_>) -> Result<(), String> {
        let id =
            event.tool_use_id.filter(|id| !id.is_empty()).ok_or("toolUseEvent: there is no toolUseId")?;
        let is_open = matches!(&self.open, Some(Open::Call { id: open, .. }) if id == **open);
        if !is_open {
            if matches!(self.open, Some(Open::Call { .. })) {
                return Err("toolUseEvent: a call begins inside another".to_owned());
            }
            if self.called.contains(&*id) {
                // Said again by some versions of the service, when it is already whole.
                return Ok(());
            }
            let name = event.name.filter(|name| !name.is_empty()).ok_or("toolUseEvent: there is no name")?;
            self.close(sink);
            let kind = BlockKind::ToolUse {
                id: id.borrowed(),
                name,
                kind: ToolKind::Function,
                signature: None,
                item: None,
            };
            self.begin(kind, sink);
            self.open = Some(Open::Call { id: id.to_string(), has_input: false });
        }
        let input = event.input.map(arguments).transpose()?.filter(|input| !input.is_empty());
        if let (Some(input), Some(Open::Call { has_input, .. })) = (input, &mut self.open) {
            *has_input = true;
            self.add(Delta::Input(input), sink);
        }
        if event.stop == Some(true) {
            self.close(sink);
        }
        Ok(())
    }

    fn begin(&mut self, kind: BlockKind<'_>, sink: Sink<'_>) {
        sink(Event::BlockStart { choice: 0, block: self.blocks, kind });
    }

    fn add(&mut self, delta: Delta<'_>, sink: Sink<'_>) {
        sink(Event::Delta { choice: 0, block: self.blocks, delta });
    }

    fn end_block(&mut self, sink: Sink<'_>) {
        sink(Event::BlockStop { choice: 0, block: self.blocks });
        self.blocks += 1;
    }

    /// Ends the open block, if there is one.
    fn close(&mut self, sink: Sink<'_>) {
        let Some(open) = self.open.take() else { return };
        if let Open::Call { id, has_input } = open {
            if !has_input {
                self.add(Delta::Input("{}".into()), sink);
            }
            self.called.insert(id);
        }
        self.end_block(sink);
    }
}

fn read<'e>(kind: &str, payload: &'e [u8]) -> Result<wire::Event<'e>, String> {
    serde_json::from_slice(payload).map_err(|error| format!("{kind}: {error}"))
}

/// A part of the arguments' text, or the arguments themselves; an empty object is said before parts come.
fn arguments(raw: &RawValue) -> Result<Text<'_>, String> {
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str(raw.get()).map_err(|error| format!("toolUseEvent: input: {error}"))
        }
        Some(b'{') if raw.get()[1..].trim_start() == "}" => Ok(Text::default()),
        Some(b'{') => Ok(raw.get().into()),
        _ => Err("toolUseEvent: input: neither a text nor an object".to_owned()),
    }
}
