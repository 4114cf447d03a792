//! Reads a stream of Messages events.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    NAME,
    block_decode::citation,
    response::{around_counts, stop},
    wire::{Fields, Usage, as_object, read, reason},
    write::Object,
};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    framing::sse,
    ir::{self, BlockKind, Delta, Event, Extras, Place, Signature, Stop, StopReason, Text, ToolKind},
};

/// One event; which members it has depends on its type (`RawMessageStreamEvent` of the official SDK).
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(default)]
    index: u64,
    #[serde(borrow, default)]
    message: Option<Fields<'a>>,
    #[serde(borrow, default)]
    content_block: Option<&'a RawValue>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
}

/// The deltas of blocks that are known.
#[derive(Deserialize)]
struct BlockDelta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    signature: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    citation: Option<&'a RawValue>,
}

/// What the block that is open needs until its end.
enum Open {
    /// Nothing.
    Plain,
    /// A call: what its start said of the arguments, in case no delta says more.
    Call { given: Option<String>, has_input: bool },
    /// A block that is handed over whole.
    Foreign { kind: String, members: Vec<(String, Value)>, input: String },
}

/// A member of a foreign block: as it came, or text that deltas have added to.
enum Value {
    Json(String),
    Text(String),
}

/// Reads one stream. Takes events as the framing cut them, and also the bare JSON that hosts wrap in their own framing.
#[derive(Default)]
pub(super) struct Decoder {
    has_started: bool,
    has_stopped: bool,
    is_done: bool,
    has_calls: bool,
    usage: ir::Usage,
    tier: Option<String>,
    /// What `usage` says beyond the counts.
    usage_rest: Extras,
    extras: Extras,
    /// The provider's number of the open block, and what it needs.
    open: Option<(u64, Open)>,
    /// How many blocks were opened before: their numbers have no gaps, the provider's may.
    blocks: u64,
}

impl StreamDecoder for Decoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        if raw.first() == Some(&b'{') {
            return self.data(raw, sink);
        }
        let event = sse::Event::parse(raw);
        match event.data.as_deref() {
            None => Step::Go,
            Some(data) if event.name == Some(b"error") => Step::Failed(Bytes::copy_from_slice(data)),
            Some(data) => self.data(data, sink),
        }
    }

    fn finish(&mut self, _: Sink<'_>) -> Step {
        if self.is_done {
            Step::End
        } else {
            Step::Garbled("the stream ended without message_stop".to_owned())
        }
    }
}

impl Decoder {
    fn data(&mut self, data: &[u8], sink: Sink<'_>) -> Step {
        if self.is_done {
            return Step::End;
        }
        let frame = match serde_json::from_slice::<Frame<'_>>(data) {
            Ok(frame) => frame,
            Err(error) => return Step::Garbled(reason(&error)),
        };
        let Some(kind) = &frame.kind else { return Step::Garbled("an event has no type".to_owned()) };
        let taken = match &**kind {
            "error" => return Step::Failed(Bytes::copy_from_slice(data)),
            "ping" => {
                sink(Event::Ping);
                Ok(())
            }
            "message_start" => self.start(frame.message, sink),
            _ if !self.has_started => Err("the stream does not begin with message_start".to_owned()),
            "content_block_start" => self.block_start(frame.index, frame.content_block, sink),
            "content_block_delta" => self.block_delta(frame.index, frame.delta, sink),
            "content_block_stop" => {
                self.close(sink);
                Ok(())
            }
            "message_delta" => self.message_delta(frame.delta, frame.usage, data, sink),
            "message_stop" => {
                self.end(sink);
                return Step::End;
            }
            // What is newer than this code; the official SDKs skip it too.
            _ => Ok(()),
        };
        taken.map_or_else(Step::Garbled, |()| Step::Go)
    }

    fn start(&mut self, message: Option<Fields<'_>>, sink: Sink<'_>) -> Result<(), String> {
        if std::mem::replace(&mut self.has_started, true) {
            return Err("message_start comes twice".to_owned());
        }
        let mut message = message.ok_or("message_start has no message")?;
        let (id, model) = (message.take("id")?, message.take("model")?);
        sink(Event::Start { id, model, created: None });
        let usage = message.raw("usage");
        for known in ["type", "role", "content", "stop_reason", "stop_sequence", "stop_details"] {
            message.raw(known);
        }
        self.tell(Place::Answer, message, &mut *sink);
        self.count(usage, sink)
    }

    /// Hands over members that only this dialect knows. What is null may still come.
    fn tell(&mut self, place: Place, members: Fields<'_>, sink: Sink<'_>) {
        let mut members = members.rest();
        members.retain(|(_, raw)| raw.get() != "null");
        self.extras.tell(NAME, place, &members, sink);
    }

    fn count(&mut self, usage: Option<&RawValue>, sink: Sink<'_>) -> Result<(), String> {
        let Some(raw) = usage else { return Ok(()) };
        if let Some(usage) = Usage::read(raw.get()) {
            usage.update(&mut self.usage);
            sink(Event::Usage(self.usage));
        }
        let (tier, rest) = around_counts(raw)?;
        if let Some(tier) = tier.filter(|tier| self.tier.as_deref() != Some(tier)) {
            self.tier = Some(tier.to_string());
            sink(Event::ServiceTier(tier));
        }
        for (name, raw) in rest {
            self.usage_rest.put(Place::Answer, &name, &raw);
        }
        let members = self.usage_rest.of(Place::Answer);
        if !members.is_empty() {
            let raw = as_object(&members);
            self.extras.tell(NAME, Place::Answer, &[("usage".into(), raw)], sink);
        }
        Ok(())
    }

    fn block_start(&mut self, index: u64, block: Option<&RawValue>, sink: Sink<'_>) -> Result<(), String> {
        self.close(sink);
        if self.has_stopped {
            return Err("a block begins behind the reason why the answer stopped".to_owned());
        }
        let mut fields: Fields<'_> = read(block.ok_or("content_block_start has no block")?)?;
        let kind: Text<'_> = fields.peek_text("type").ok_or("a block has no type")?;
        let block = self.blocks;
        let mut begin = |kind| sink(Event::BlockStart { choice: 0, block, kind });
        let thinking = |is_redacted| BlockKind::Thinking { is_summary: false, is_redacted, item: None };
        let mut first: Vec<Delta<'_>> = Vec::new();
        let mut open = Open::Plain;
        match &*kind {
            "text" => {
                begin(BlockKind::Text);
                first.extend(text_of(&mut fields, "text")?.map(Delta::Text));
            }
            "thinking" => {
                begin(thinking(false));
                first.extend(text_of(&mut fields, "thinking")?.map(Delta::Text));
                first.extend(text_of(&mut fields, "signature")?.map(proof));
            }
            "redacted_thinking" => {
                begin(thinking(true));
                first.extend(text_of(&mut fields, "data")?.map(proof));
            }
            "tool_use" => {
                let id = text_of(&mut fields, "id")?.ok_or("a tool call has no id")?;
                let name = text_of(&mut fields, "name")?.ok_or("a tool call has no name")?;
                let given = fields.raw("input").map(|raw| raw.get().to_owned());
                open = Open::Call { given: given.filter(|input| input != "{}"), has_input: false };
                begin(BlockKind::ToolUse { id, name, kind: ToolKind::Function, signature: None, item: None });
                self.has_calls = true;
            }
            _ => {
                open = foreign(&kind, fields);
                fields = Fields::default();
            }
        }
        for known in ["type", "citations", "signature"] {
            fields.raw(known);
        }
        self.tell(Place::Block(0, block), fields, &mut *sink);
        for delta in first {
            sink(Event::Delta { choice: 0, block, delta });
        }
        self.open = Some((index, open));
        Ok(())
    }

    fn block_delta(&mut self, index: u64, delta: Option<&RawValue>, sink: Sink<'_>) -> Result<(), String> {
        let raw = delta.ok_or("content_block_delta has no delta")?;
        let open = match &mut self.open {
            Some((number, open)) if *number == index => open,
            _ => return Err("a delta for a block that is not open".to_owned()),
        };
        if let Open::Foreign { members, input, .. } = open {
            return add_to_foreign(members, input, read(raw)?);
        }
        let delta: BlockDelta<'_> = read(raw)?;
        let said = match &*delta.kind {
            "text_delta" => delta.text.and_then(filled).map(Delta::Text),
            "thinking_delta" => delta.thinking.and_then(filled).map(Delta::Text),
            "signature_delta" => delta.signature.and_then(filled).map(proof),
            "input_json_delta" => delta.partial_json.and_then(filled).map(Delta::Input),
            "citations_delta" => {
                Some(Delta::Citation(citation(delta.citation.ok_or("citations_delta has no citation")?)?))
            }
            _ => None,
        };
        if let (Open::Call { has_input, .. }, Some(Delta::Input(_))) = (open, &said) {
            *has_input = true;
        }
        // An empty delta says that the model is at work, e.g. thinking that is not shown.
        sink(said.map_or(Event::Ping, |delta| Event::Delta { choice: 0, block: self.blocks, delta }));
        Ok(())
    }

    /// Ends the open block, if any: a cut answer may lack its `content_block_stop`.
    fn close(&mut self, sink: Sink<'_>) {
        let Some((_, open)) = self.open.take() else { return };
        let block = self.blocks;
        self.blocks += 1;
        match open {
            Open::Plain | Open::Call { has_input: true, .. } => {}
            Open::Call { given, has_input: false } => {
                let input = given.map_or_else(|| "{}".into(), Text::from);
                sink(Event::Delta { choice: 0, block, delta: Delta::Input(input) });
            }
            Open::Foreign { kind, members, input } => {
                let raw = Cow::Owned(foreign_raw(&members, &input));
                let kind = BlockKind::Foreign { origin: NAME, kind: kind.into(), raw };
                sink(Event::BlockStart { choice: 0, block, kind });
            }
        }
        sink(Event::BlockStop { choice: 0, block });
    }

    fn message_delta(
        &mut self,
        delta: Option<&RawValue>,
        usage: Option<&RawValue>,
        data: &[u8],
        sink: Sink<'_>,
    ) -> Result<(), String> {
        self.close(sink);
        self.count(usage, &mut *sink)?;
        let mut event: Fields<'_> = serde_json::from_slice(data).map_err(|error| reason(&error))?;
        for known in ["type", "delta", "usage"] {
            event.raw(known);
        }
        self.tell(Place::Answer, event, &mut *sink);
        let Some(raw) = delta else { return Ok(()) };
        let mut fields = read(raw)?;
        let stop = stop(&mut fields)?;
        self.tell(Place::Answer, fields, &mut *sink);
        if let Some(stop) = stop
            && !std::mem::replace(&mut self.has_stopped, true)
        {
            sink(Event::Stop { choice: 0, stop });
        }
        Ok(())
    }

    fn end(&mut self, sink: Sink<'_>) {
        self.close(sink);
        if !std::mem::replace(&mut self.has_stopped, true) {
            let reason = if self.has_calls { StopReason::ToolUse } else { StopReason::End };
            sink(Event::Stop { choice: 0, stop: Stop::new(reason) });
        }
        self.is_done = true;
        sink(Event::End);
    }
}

fn text_of<'a>(fields: &mut Fields<'a>, name: &str) -> Result<Option<Text<'a>>, String> {
    Ok(fields.take(name)?.and_then(filled))
}

fn filled(text: Text<'_>) -> Option<Text<'_>> {
    (!text.is_empty()).then_some(text)
}

fn proof(written: Text<'_>) -> Delta<'_> {
    Delta::Signature(Signature::read(NAME, written))
}

fn foreign(kind: &Text<'_>, fields: Fields<'_>) -> Open {
    let member = |(name, raw): (Text<'_>, ir::Raw<'_>)| (name.to_string(), Value::Json(raw.get().to_owned()));
    let members = fields.rest().into_iter().map(member).collect();
    Open::Foreign { kind: kind.to_string(), members, input: String::new() }
}

/// Adds a delta to a block that is kept whole: the arguments of a server tool piece by piece, anything else (the
/// `content` of a `compaction_delta`) as text behind the member of the same name.
fn add_to_foreign(
    members: &mut Vec<(String, Value)>,
    input: &mut String,
    mut delta: Fields<'_>,
) -> Result<(), String> {
    if let Some(part) = delta.take::<Text<'_>>("partial_json")? {
        input.push_str(&part);
    }
    delta.raw("type");
    for (name, raw) in delta.rest() {
        let Ok(text) = serde_json::from_str::<Text<'_>>(raw.get()) else { continue };
        let known = members.iter_mut().find(|(key, _)| *name == **key).map(|(_, value)| value);
        match known {
            Some(Value::Text(before)) => before.push_str(&text),
            Some(value @ Value::Json(_)) => {
                let Value::Json(json) = &*value else { continue };
                let before: Option<Text<'_>> = serde_json::from_str(json).unwrap_or_default();
                *value = Value::Text(format!("{}{text}", before.unwrap_or_default()));
            }
            None => members.push((name.to_string(), Value::Text(text.to_string()))),
        }
    }
    Ok(())
}

/// The whole block. Arguments that are not JSON, because the answer was cut, are left at what the start said.
fn foreign_raw(members: &[(String, Value)], input: &str) -> Box<RawValue> {
    let input = serde_json::from_str::<&RawValue>(input).ok();
    let mut out = Vec::new();
    let mut block = Object::new(&mut out);
    for (name, value) in members {
        match value {
            Value::Json(_) if name == "input" && input.is_some() => {
                block.json(name, input.map_or("{}", RawValue::get));
            }
            Value::Json(json) => block.json(name, json),
            Value::Text(text) => block.value(name, text),
        }
    }
    drop(block);
    let json = String::from_utf8(out).unwrap_or_default();
    RawValue::from_string(json).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
