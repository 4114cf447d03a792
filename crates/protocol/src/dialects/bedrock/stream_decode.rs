//! Reads a Converse stream.

use serde_json::value::RawValue;

use super::{
    NAME, citation,
    content_decode::{owned, read},
    frame::{Frame, failure},
    proof::{unseal, unsign},
    response::{ADDITIONAL, sequence, stop, take_tier, take_usage},
    wire,
    write::object,
};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    ir::{BlockKind, Delta, Event, Extras, Members, Place, Raw, Text, ToolKind},
};

/// Most bytes of a block that has to be held until it is whole: a server tool's call or result.
const MAX_HELD: usize = 32 * 1024 * 1024;

/// Where a stream stands. Converse sends blocks one after the other, and announces only those of tools.
#[derive(Default)]
pub(super) struct Decoder {
    is_started: bool,
    /// The block that is open, with Converse's number of it.
    open: Option<(u64, Open)>,
    /// Blocks handed over so far.
    blocks: u64,
    has_calls: bool,
    is_stopped: bool,
    extras: Extras,
}

/// An open block.
enum Open {
    /// Text; empty ones are never handed over, so it begins with its first letter.
    Text,
    /// Reasoning, with its signature so far.
    Thinking(String),
    /// Reasoning that is only proof.
    Redacted,
    /// A call of the client's tool; true once it has arguments.
    Call(bool),
    /// A call that the provider runs itself, as far as it is there.
    ServerCall { id: String, name: String, kind: String, input: String },
    /// The result of one.
    ServerResult { start: Box<RawValue>, kind: String, content: Vec<Box<RawValue>>, size: usize },
    /// A block of a kind that the model here has no stream of (pictures), as far as it is there.
    Other { member: String, parts: Vec<Box<RawValue>>, size: usize },
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        match Frame::parse(raw) {
            Some(Frame::Event(kind, payload)) => {
                self.frame(kind, payload, sink).unwrap_or_else(Step::Garbled)
            }
            Some(Frame::Failed(kind, payload)) => Step::Failed(failure(kind, payload)),
            None => Step::Garbled("a frame is not one of Converse".to_owned()),
        }
    }

    fn finish(&mut self, sink: Sink<'_>) -> Step {
        if !self.is_stopped {
            return Step::Garbled("the stream ended before its messageStop".to_owned());
        }
        sink(Event::End);
        Step::End
    }
}

impl Decoder {
    fn frame(&mut self, kind: &str, payload: &[u8], sink: Sink<'_>) -> Result<Step, String> {
        if !matches!(
            kind,
            "messageStart"
                | "contentBlockStart"
                | "contentBlockDelta"
                | "contentBlockStop"
                | "messageStop"
                | "metadata"
        ) {
            // The API may grow events; none that is there today is without meaning here.
            sink(Event::Ping);
            return Ok(Step::Go);
        }
        let event: wire::Event<'_> =
            serde_json::from_slice(payload).map_err(|error| format!("{kind}: {error}"))?;
        if !self.is_started {
            self.is_started = true;
            sink(Event::Start { id: None, model: None, created: None });
        }
        if self.is_stopped && kind != "metadata" {
            return Err(format!("{kind} behind messageStop"));
        }
        match kind {
            "contentBlockStart" => {
                let index = event.index.unwrap_or(0);
                self.close(sink)?;
                self.start(index, event.start.unwrap_or_default(), sink)?;
            }
            "contentBlockDelta" => {
                self.delta(event.index.unwrap_or(0), event.delta.unwrap_or_default(), sink)?;
            }
            "contentBlockStop" => self.close(sink)?,
            "messageStop" => {
                self.close(sink)?;
                self.is_stopped = true;
                let word = event.stop.ok_or("messageStop: stopReason is missing")?;
                let sequence = event.additional.and_then(sequence);
                let additional = event.additional.map(|raw| (ADDITIONAL.into(), Raw::Borrowed(raw)));
                self.extras.tell(NAME, Place::Answer, additional.iter().chain(&event.extra), &mut *sink);
                sink(Event::Stop { choice: 0, stop: stop(word, sequence, self.has_calls) });
            }
            "metadata" => {
                let mut extra = event.extra;
                if let Some(wire) = event.usage {
                    sink(Event::Usage(take_usage(wire, &mut extra)));
                }
                if let Some(tier) = event.tier.and_then(|tier| take_tier(tier, &mut extra)) {
                    sink(Event::ServiceTier(tier));
                }
                self.extras.tell(NAME, Place::Answer, &extra, &mut *sink);
                if self.is_stopped {
                    sink(Event::End);
                    return Ok(Step::End);
                }
            }
            _ => {}
        }
        Ok(Step::Go)
    }

    fn start(&mut self, index: u64, start: wire::Start<'_>, sink: Sink<'_>) -> Result<(), String> {
        let open = match start {
            wire::Start { tool_use: Some(tool), .. } => {
                let id = tool.id.filter(|id| !id.is_empty()).ok_or("toolUse: toolUseId is missing")?;
                let name = tool.name.filter(|name| !name.is_empty()).ok_or("toolUse: name is missing")?;
                match tool.kind.filter(|kind| *kind != "tool_use") {
                    Some(kind) => Open::ServerCall {
                        id: id.to_string(),
                        name: name.to_string(),
                        kind: kind.to_string(),
                        input: String::new(),
                    },
                    None => {
                        self.has_calls = true;
                        let kind = ToolKind::Function;
                        self.begin(BlockKind::ToolUse { id, name, kind, signature: None, item: None }, sink);
                        Open::Call(false)
                    }
                }
            }
            wire::Start { tool_result: Some(raw), .. } => {
                let kind = read::<wire::ToolResult<'_>>(raw)?
                    .kind
                    .map_or("toolResult".to_owned(), |kind| kind.to_string());
                Open::ServerResult { start: raw.to_owned(), kind, content: Vec::new(), size: 0 }
            }
            other => match other.extra.into_iter().next() {
                Some((member, raw)) => Open::Other {
                    member: member.to_string(),
                    size: raw.get().len(),
                    parts: vec![raw.into_owned()],
                },
                None => return Ok(()),
            },
        };
        self.open = Some((index, open));
        Ok(())
    }

    fn delta(&mut self, index: u64, delta: wire::Delta<'_>, sink: Sink<'_>) -> Result<(), String> {
        if self.open.as_ref().is_some_and(|(open, _)| *open != index) {
            self.close(sink)?;
        }
        match delta {
            wire::Delta { text: Some(text), .. } => self.text(index, text, sink),
            wire::Delta { reasoning: Some(reasoning), .. } => self.reasoning(index, reasoning, sink),
            wire::Delta { citation: Some(raw), .. } => {
                let cited = citation::decode(raw)?;
                self.text_block(index, sink)?;
                self.add(Delta::Citation(cited), sink);
                Ok(())
            }
            wire::Delta { tool_use: Some(tool), .. } => self.input(tool.input.unwrap_or_default(), sink),
            wire::Delta { tool_result: Some(parts), .. } => self.result(parts),
            other => self.other(other.extra),
        }
    }

    fn other(&mut self, delta: Members<'_>) -> Result<(), String> {
        if let (Some((_, Open::Other { member, parts, size })), Some((name, raw))) =
            (&mut self.open, delta.into_iter().next())
            && name == member.as_str()
        {
            *size += raw.get().len();
            if *size > MAX_HELD {
                return Err(format!("{member} is too long"));
            }
            parts.push(raw.into_owned());
        }
        Ok(())
    }

    fn text(&mut self, index: u64, text: Text<'_>, sink: Sink<'_>) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        self.text_block(index, sink)?;
        self.add(Delta::Text(text), sink);
        Ok(())
    }

    fn text_block(&mut self, index: u64, sink: Sink<'_>) -> Result<(), String> {
        if !matches!(self.open, Some((_, Open::Text))) {
            self.close(sink)?;
            self.begin(BlockKind::Text, sink);
            self.open = Some((index, Open::Text));
        }
        Ok(())
    }

    fn reasoning(
        &mut self,
        index: u64,
        delta: wire::ReasoningDelta<'_>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        if let Some(redacted) = delta.redacted {
            if !matches!(self.open, Some((_, Open::Redacted))) {
                self.close(sink)?;
                self.begin(BlockKind::Thinking { is_summary: false, is_redacted: true, item: None }, sink);
                self.open = Some((index, Open::Redacted));
            }
            self.add(Delta::Signature(unseal(redacted)), sink);
            return Ok(());
        }
        if !matches!(self.open, Some((_, Open::Thinking(_)))) {
            self.close(sink)?;
            self.begin(BlockKind::Thinking { is_summary: false, is_redacted: false, item: None }, sink);
            self.open = Some((index, Open::Thinking(String::new())));
        }
        if let (Some(part), Some((_, Open::Thinking(signature)))) = (&delta.signature, &mut self.open) {
            hold(signature, part)?;
        }
        if let Some(text) = delta.text.filter(|text| !text.is_empty()) {
            self.add(Delta::Text(text), sink);
        }
        Ok(())
    }

    fn input(&mut self, part: Text<'_>, sink: Sink<'_>) -> Result<(), String> {
        match &mut self.open {
            Some((_, Open::Call(has_input))) => {
                if !part.is_empty() {
                    *has_input = true;
                    self.add(Delta::Input(part), sink);
                }
                Ok(())
            }
            Some((_, Open::ServerCall { input, .. })) => hold(input, &part),
            _ => Err("arguments for a call that did not begin".to_owned()),
        }
    }

    fn result(&mut self, parts: Vec<&RawValue>) -> Result<(), String> {
        let Some((_, Open::ServerResult { content, size, .. })) = &mut self.open else {
            return Err("a part of a tool result that did not begin".to_owned());
        };
        for part in parts {
            *size += part.get().len();
            if *size > MAX_HELD {
                return Err("a tool result is too long".to_owned());
            }
            content.push(part.to_owned());
        }
        Ok(())
    }

    fn begin(&mut self, kind: BlockKind<'_>, sink: Sink<'_>) {
        sink(Event::BlockStart { choice: 0, block: self.blocks, kind });
        self.blocks += 1;
    }

    /// Adds to the block that began last.
    fn add(&self, delta: Delta<'_>, sink: Sink<'_>) {
        sink(Event::Delta { choice: 0, block: self.blocks.saturating_sub(1), delta });
    }

    fn close(&mut self, sink: Sink<'_>) -> Result<(), String> {
        let Some((_, open)) = self.open.take() else { return Ok(()) };
        match open {
            Open::Text | Open::Redacted | Open::Call(true) => {}
            Open::Call(false) => self.add(Delta::Input("{}".into()), sink),
            Open::Thinking(signature) => {
                if !signature.is_empty() {
                    self.add(Delta::Signature(unsign(signature.into())), sink);
                }
            }
            Open::ServerCall { id, name, kind, input } => {
                let input: &str = if input.trim().is_empty() { "{}" } else { &input };
                let input: &RawValue = serde_json::from_str(input)
                    .map_err(|error| format!("toolUse: input is not JSON: {error}"))?;
                let raw = owned(object(|json| {
                    json.member_object("toolUse", |json| {
                        json.member_text("toolUseId", &id);
                        json.member_text("name", &name);
                        json.member("input", input.get());
                        json.member_text("type", &kind);
                    });
                }));
                self.begin(BlockKind::Foreign { origin: NAME, kind: kind.into(), raw }, sink);
            }
            Open::ServerResult { start, kind, content, .. } => {
                let start: wire::Empty<'_> = read(&start)?;
                let raw = owned(object(|json| {
                    json.member_object("toolResult", |json| {
                        json.members(&start.extra);
                        json.member_array("content", |json| {
                            content.iter().for_each(|part| json.item(part.get()));
                        });
                    });
                }));
                self.begin(BlockKind::Foreign { origin: NAME, kind: kind.into(), raw }, sink);
            }
            Open::Other { member, parts, .. } => {
                let parts: Vec<wire::Empty<'_>> =
                    parts.iter().map(|part| read(part)).collect::<Result<_, _>>()?;
                let raw = owned(object(|json| {
                    json.member_object(&member, |json| {
                        parts.iter().for_each(|part| json.members(&part.extra))
                    });
                }));
                self.begin(BlockKind::Foreign { origin: NAME, kind: member.into(), raw }, sink);
            }
        }
        sink(Event::BlockStop { choice: 0, block: self.blocks.saturating_sub(1) });
        Ok(())
    }
}

fn hold(held: &mut String, part: &str) -> Result<(), String> {
    if held.len() + part.len() > MAX_HELD {
        return Err("a block that has to be whole is too long".to_owned());
    }
    held.push_str(part);
    Ok(())
}
