//! Reads a provider's stream.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    HERE,
    decode_response::{Ended, Said, kept, seconds},
    echo::DETAILS,
    items::{append_logprobs, chat_logprobs, citation, output_item},
    openai_chat::{self, WireUsage, usage_rest},
    wire::{Answer, reason},
};
use crate::{
    codec::{Sink, Step, StreamDecoder},
    framing::sse,
    ir::{Block, BlockKind, Content, Delta, Event, Extras, Place, Text, ToolKind},
};

/// Most items of one answer.
const MAX_ITEMS: usize = 4096;

/// Follows the items of an answer. One item at a time is handed over as it comes; others that come in between are
/// held back and handed over whole, from the event that ends them.
#[derive(Default)]
pub(super) struct ResponseDecoder {
    is_started: bool,
    is_done: bool,
    /// Blocks begun so far.
    blocks: u64,
    /// The item that is handed over as it comes.
    current: Option<Current>,
    /// Items that began while another was open.
    held: Vec<u64>,
    /// Those of them that are complete.
    waiting: Vec<(u64, Box<RawValue>)>,
    /// Items that were handed over.
    done: Vec<u64>,
    said: Said,
    extras: Extras,
}

/// The item that is being handed over.
struct Current {
    index: u64,
    id: Option<String>,
    /// Blocks begun of this item.
    begun: usize,
    /// The last of them, until it is closed.
    open: Option<Open>,
}

/// A block that is open.
struct Open {
    part: (Part, u64),
    /// Bytes of its text handed over.
    length: usize,
    /// Citations handed over.
    citations: usize,
    has_logprobs: bool,
}

/// What kinds of part have deltas.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Text,
    Refusal,
    Summary,
    Reasoning,
    Input(ToolKind),
}

/// One event, as far as it is read.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    r#type: Text<'a>,
    #[serde(default)]
    output_index: Option<u64>,
    #[serde(default)]
    content_index: Option<u64>,
    #[serde(default)]
    summary_index: Option<u64>,
    #[serde(borrow, default)]
    item_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

/// What the event that begins an item says of it.
#[derive(Default, Deserialize)]
struct Begun<'a> {
    #[serde(borrow, default)]
    r#type: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    call_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
}

impl StreamDecoder for ResponseDecoder {
    fn event(&mut self, raw: &[u8], sink: Sink<'_>) -> Step {
        let event = sse::Event::parse(raw);
        let Some(data) = event.data.as_deref() else {
            sink(Event::Ping);
            return Step::Go;
        };
        if self.is_done {
            // OpenRouter adds a `[DONE]`.
            return Step::End;
        }
        if data == b"[DONE]" {
            return Step::Garbled("`[DONE]` before the answer was complete".to_owned());
        }
        let frame = match serde_json::from_slice::<Frame<'_>>(data) {
            Ok(frame) => frame,
            Err(_) if openai_chat::failure(data) => return Step::Failed(Bytes::copy_from_slice(data)),
            Err(error) => return Step::Garbled(reason(&error)),
        };
        if matches!(&*frame.r#type, "error" | "response.failed") {
            return Step::Failed(Bytes::copy_from_slice(data));
        }
        match self.frame(&frame, sink) {
            Ok(step) => step,
            Err(what) => Step::Garbled(format!("{}: {what}", frame.r#type)),
        }
    }

    fn finish(&mut self, _: Sink<'_>) -> Step {
        if self.is_done {
            return Step::End;
        }
        Step::Garbled("the stream ended before `response.completed`".to_owned())
    }
}

impl ResponseDecoder {
    fn frame(&mut self, frame: &Frame<'_>, sink: Sink<'_>) -> Result<Step, String> {
        let content = frame.content_index.unwrap_or(0);
        match &*frame.r#type {
            "response.created" | "response.queued" | "response.in_progress" => {
                self.start(frame.response, sink)
            }
            "keepalive" => sink(Event::Ping),
            "response.output_item.added" => self.added(frame, sink)?,
            "response.output_item.done" => self.item_done(frame, sink)?,
            "response.output_text.delta" => {
                self.delta((Part::Text, content), frame, sink)?;
                self.logprobs(frame, sink);
            }
            "response.refusal.delta" => self.delta((Part::Refusal, content), frame, sink)?,
            "response.reasoning_text.delta" => self.delta((Part::Reasoning, content), frame, sink)?,
            "response.reasoning_summary_text.delta" => {
                self.delta((Part::Summary, frame.summary_index.unwrap_or(0)), frame, sink)?;
            }
            "response.function_call_arguments.delta" => {
                self.delta((Part::Input(ToolKind::Function), 0), frame, sink)?;
            }
            "response.custom_tool_call_input.delta" => {
                self.delta((Part::Input(ToolKind::Custom), 0), frame, sink)?;
            }
            "response.output_text.done" => {
                self.rest((Part::Text, content), frame, frame.text, sink)?;
                let is_told = self.open().is_none_or(|open| open.has_logprobs);
                if !is_told {
                    self.logprobs(frame, sink);
                }
            }
            "response.refusal.done" => self.rest((Part::Refusal, content), frame, frame.refusal, sink)?,
            "response.reasoning_text.done" => {
                self.rest((Part::Reasoning, content), frame, frame.text, sink)?
            }
            "response.reasoning_summary_text.done" => {
                let part = (Part::Summary, frame.summary_index.unwrap_or(0));
                self.rest(part, frame, frame.text, sink)?;
            }
            "response.output_text.annotation.added" => {
                if let Some(raw) = frame.annotation
                    && self.reach((Part::Text, content), frame, sink)?
                {
                    if let Some(open) = self.open() {
                        open.citations += 1;
                    }
                    self.emit(Delta::Citation(citation(raw)), sink);
                }
            }
            "response.completed" | "response.incomplete" => {
                self.complete(frame.response, sink)?;
                return Ok(Step::End);
            }
            // The parts' own events say nothing that deltas and items do not; calls of the provider's tools are
            // handed over whole when their item is done.
            _ => {}
        }
        Ok(Step::Go)
    }

    fn start(&mut self, response: Option<&RawValue>, sink: Sink<'_>) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        let response = response.and_then(|raw| serde_json::from_str::<Answer<'_>>(raw.get()).ok());
        let response = response.unwrap_or_default();
        let created = response.created_at.map(seconds);
        sink(Event::Start { id: response.id, model: response.model, created });
    }

    fn open(&mut self) -> Option<&mut Open> {
        self.current.as_mut()?.open.as_mut()
    }

    fn emit(&mut self, delta: Delta<'_>, sink: Sink<'_>) {
        sink(Event::Delta { choice: 0, block: self.blocks.saturating_sub(1), delta });
    }

    fn begin(&mut self, kind: BlockKind<'_>, sink: Sink<'_>) {
        self.start(None, sink);
        self.said.calls |= matches!(kind, BlockKind::ToolUse { .. });
        self.said.refusal |= matches!(kind, BlockKind::Refusal);
        sink(Event::BlockStart { choice: 0, block: self.blocks, kind });
        self.blocks += 1;
    }

    fn close(&mut self, sink: Sink<'_>) {
        let Some(open) = self.current.as_mut().and_then(|current| current.open.take()) else { return };
        if open.length == 0 && open.part.0 == Part::Input(ToolKind::Function) {
            self.emit(Delta::Input("{}".into()), &mut *sink);
        }
        sink(Event::BlockStop { choice: 0, block: self.blocks.saturating_sub(1) });
    }

    fn added(&mut self, frame: &Frame<'_>, sink: Sink<'_>) -> Result<(), String> {
        let index = frame.output_index.unwrap_or(self.done.len() as u64);
        let raw = frame.item.ok_or("it has no `item`")?;
        // An item of a kind that nobody knows may have members of any type: it is read when it is complete.
        let item: Begun<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        if self.done.contains(&index) {
            return Ok(());
        }
        if self.current.is_some() || !self.held.is_empty() {
            self.hold(index)?;
            return Ok(());
        }
        let kind = match item.r#type.as_deref() {
            Some("function_call") => Some(ToolKind::Function),
            Some("custom_tool_call") => Some(ToolKind::Custom),
            _ => None,
        };
        let id = item.id.as_ref().map(ToString::to_string);
        self.current = Some(Current { index, id, begun: 0, open: None });
        if let (Some(kind), Some(name)) = (kind, item.name.filter(|name| !name.is_empty())) {
            let given = |id: &Text<'_>| !id.is_empty();
            let Some(id) = item.call_id.filter(given).or_else(|| item.id.clone()).filter(given) else {
                return Ok(());
            };
            let item = item.id;
            self.begin(BlockKind::ToolUse { id, name, kind, signature: None, item }, sink);
            self.opened((Part::Input(kind), 0));
        }
        Ok(())
    }

    fn hold(&mut self, index: u64) -> Result<(), String> {
        if self.held.len() >= MAX_ITEMS {
            return Err("too many items at once".to_owned());
        }
        if !self.held.contains(&index) {
            self.held.push(index);
        }
        Ok(())
    }

    fn opened(&mut self, part: (Part, u64)) {
        if let Some(current) = &mut self.current {
            current.begun += 1;
            current.open = Some(Open { part, length: 0, citations: 0, has_logprobs: false });
        }
    }

    /// Makes `part` of the event's item the open block; false if that item has to wait.
    fn reach(&mut self, part: (Part, u64), frame: &Frame<'_>, sink: Sink<'_>) -> Result<bool, String> {
        let index = match (frame.output_index, &self.current) {
            (Some(index), _) => index,
            (None, Some(current)) => current.index,
            (None, None) => self.done.len() as u64,
        };
        if self.current.is_none() && self.held.is_empty() && !self.done.contains(&index) {
            // Some servers begin with the deltas.
            let id = frame.item_id.as_ref().map(ToString::to_string);
            self.current = Some(Current { index, id, begun: 0, open: None });
        }
        let Some(current) = self.current.as_ref().filter(|current| current.index == index) else {
            if !self.done.contains(&index) {
                self.hold(index)?;
            }
            return Ok(false);
        };
        if current.open.as_ref().is_some_and(|open| open.part == part) {
            return Ok(true);
        }
        let id = current.id.clone().map(Text::from);
        let kind = match part.0 {
            Part::Text => BlockKind::Text,
            Part::Refusal => BlockKind::Refusal,
            Part::Summary => BlockKind::Thinking { is_summary: true, is_redacted: false, item: id },
            Part::Reasoning => BlockKind::Thinking { is_summary: false, is_redacted: false, item: id },
            // A call whose beginning did not name it waits for its end.
            Part::Input(_) => return Ok(false),
        };
        self.close(&mut *sink);
        self.begin(kind, sink);
        self.opened(part);
        Ok(true)
    }

    fn delta(&mut self, part: (Part, u64), frame: &Frame<'_>, sink: Sink<'_>) -> Result<(), String> {
        let raw = frame.delta.ok_or("it has no `delta`")?;
        let text: Text<'_> = serde_json::from_str(raw.get()).map_err(|error| reason(&error))?;
        if text.is_empty() || !self.reach(part, frame, &mut *sink)? {
            return Ok(());
        }
        self.add(part.0, text, sink);
        Ok(())
    }

    fn add(&mut self, part: Part, text: Text<'_>, sink: Sink<'_>) {
        if let Some(open) = self.open() {
            open.length += text.len();
        }
        let delta = if matches!(part, Part::Input(_)) { Delta::Input(text) } else { Delta::Text(text) };
        self.emit(delta, sink);
    }

    /// The whole text of a part: hands over what its deltas left out.
    fn rest(
        &mut self,
        part: (Part, u64),
        frame: &Frame<'_>,
        whole: Option<&RawValue>,
        sink: Sink<'_>,
    ) -> Result<(), String> {
        let Some(raw) = whole else { return Ok(()) };
        let whole: Text<'_> = serde_json::from_str(raw.get()).map_err(|error| reason(&error))?;
        if !whole.is_empty() && self.reach(part, frame, &mut *sink)? {
            self.complete_text(part.0, &whole, sink);
        }
        Ok(())
    }

    fn complete_text(&mut self, part: Part, whole: &str, sink: Sink<'_>) {
        let length = self.open().map_or(0, |open| open.length);
        if let Some(rest) = whole.get(length..).filter(|rest| !rest.is_empty()) {
            self.add(part, rest.into(), sink);
        }
    }

    fn logprobs(&mut self, frame: &Frame<'_>, sink: Sink<'_>) {
        let mut entries = String::new();
        append_logprobs(&mut entries, frame.logprobs.map_or("", RawValue::get));
        if let (Some(raw), Some(open)) = (chat_logprobs(&entries), self.open()) {
            open.has_logprobs = true;
            sink(Event::Logprobs { choice: 0, raw });
        }
    }

    fn item_done(&mut self, frame: &Frame<'_>, sink: Sink<'_>) -> Result<(), String> {
        let raw = frame.item.ok_or("it has no `item`")?;
        let current = self.current.as_ref().map(|current| current.index);
        let index = frame.output_index.or(current).unwrap_or(self.done.len() as u64);
        if current.is_some_and(|current| current != index) {
            self.hold(index)?;
            self.waiting.push((index, raw.to_owned()));
            return Ok(());
        }
        self.hand_over(index, raw, &mut *sink)?;
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(index, _)| *index);
        for (index, raw) in waiting {
            self.hand_over(index, &raw, &mut *sink)?;
        }
        Ok(())
    }

    /// Hands over what is left of a complete item: all of it, if none of it was.
    fn hand_over(&mut self, index: u64, raw: &RawValue, sink: Sink<'_>) -> Result<(), String> {
        if self.done.contains(&index) {
            return Ok(());
        }
        if self.done.len() >= MAX_ITEMS {
            return Err("too many items".to_owned());
        }
        let blocks = output_item(raw)?;
        let begun = self.current.as_ref().map_or(0, |current| current.begun);
        let first = self.blocks.saturating_sub(begun as u64);
        for (n, block) in (first..).zip(blocks.iter().take(begun)) {
            self.members(n, block, &mut *sink);
        }
        for (n, block) in blocks.iter().enumerate().skip(begun.saturating_sub(1)) {
            if n + 1 == begun {
                self.complete_block(block, &mut *sink);
            } else {
                self.close(&mut *sink);
                self.whole_block(block, &mut *sink);
            }
        }
        self.close(sink);
        self.leave(index);
        Ok(())
    }

    /// Hands over what only this dialect says of a block that has begun.
    fn members(&mut self, number: u64, block: &Block<'_>, sink: Sink<'_>) {
        // They are events of their own.
        let members = block.extra.iter().filter(|(name, _)| *name != "logprobs");
        self.extras.tell(HERE, Place::Block(0, number), members, sink);
    }

    fn leave(&mut self, index: u64) {
        self.current = None;
        self.held.retain(|held| *held != index);
        self.done.push(index);
    }

    /// Hands over what is left of the block that is open.
    fn complete_block(&mut self, block: &Block<'_>, sink: Sink<'_>) {
        let Some(open) = self.open() else { return };
        let (part, told, has_logprobs) = (open.part.0, open.citations, open.has_logprobs);
        match (&block.content, part) {
            (Content::Text { text, citations }, Part::Text) => {
                self.complete_text(part, text, &mut *sink);
                for citation in citations.iter().skip(told) {
                    self.emit(Delta::Citation(citation.clone()), &mut *sink);
                }
                if !has_logprobs {
                    logprobs_of(block, sink);
                }
            }
            (Content::Refusal(text), Part::Refusal) => self.complete_text(part, text, sink),
            (Content::Thinking(thinking), Part::Summary | Part::Reasoning) => {
                self.complete_text(part, &thinking.text, &mut *sink);
                if let Some(signature) = &thinking.signature {
                    self.emit(Delta::Signature(signature.clone()), sink);
                }
            }
            (Content::ToolUse(call), Part::Input(_)) => self.complete_text(part, &call.input, sink),
            _ => {}
        }
    }

    /// Hands over a block of which nothing was.
    fn whole_block(&mut self, block: &Block<'_>, sink: Sink<'_>) {
        let (kind, delta) = match &block.content {
            Content::Text { text, .. } => (BlockKind::Text, Some(Delta::Text(text.borrowed()))),
            Content::Refusal(text) => (BlockKind::Refusal, Some(Delta::Text(text.borrowed()))),
            Content::Thinking(thinking) => {
                let item = thinking.item.clone();
                let (is_summary, is_redacted) = (thinking.is_summary, thinking.is_redacted);
                let kind = BlockKind::Thinking { is_summary, is_redacted, item };
                (kind, Some(Delta::Text(thinking.text.borrowed())))
            }
            Content::ToolUse(call) => {
                let (id, name, item) = (call.id.clone(), call.name.clone(), call.item.clone());
                let kind = BlockKind::ToolUse { id, name, kind: call.kind, signature: None, item };
                (kind, Some(Delta::Input(call.input.borrowed())))
            }
            Content::Foreign { origin, kind, raw } => {
                let raw = Cow::Borrowed(&**raw);
                (BlockKind::Foreign { origin, kind: kind.borrowed(), raw }, None)
            }
            // No item of an answer is read as any of the others.
            _ => return,
        };
        self.begin(kind, &mut *sink);
        self.members(self.blocks.saturating_sub(1), block, &mut *sink);
        let says =
            |delta: &Delta<'_>| !matches!(delta, Delta::Text(text) | Delta::Input(text) if text.is_empty());
        if let Some(delta) = delta.filter(says) {
            self.emit(delta, &mut *sink);
        }
        match &block.content {
            Content::Text { citations, .. } => {
                for citation in citations {
                    self.emit(Delta::Citation(citation.clone()), &mut *sink);
                }
                logprobs_of(block, &mut *sink);
            }
            Content::Thinking(thinking) => {
                if let Some(signature) = &thinking.signature {
                    self.emit(Delta::Signature(signature.clone()), &mut *sink);
                }
            }
            _ => {}
        }
        sink(Event::BlockStop { choice: 0, block: self.blocks.saturating_sub(1) });
    }

    /// The end: what no event handed over is taken from the whole answer.
    fn complete(&mut self, response: Option<&RawValue>, sink: Sink<'_>) -> Result<(), String> {
        self.start(response, &mut *sink);
        let raw = response.ok_or("it has no `response`")?;
        let answer: Answer<'_> = serde_json::from_str(raw.get()).map_err(|error| reason(&error))?;
        let output = answer.output.unwrap_or_default();
        let at = |index: u64| output.get(usize::try_from(index).unwrap_or(usize::MAX)).copied();
        match self.current.as_ref().map(|current| current.index) {
            Some(index) if at(index).is_some() => {
                if let Some(raw) = at(index) {
                    self.hand_over(index, raw, &mut *sink)?;
                }
            }
            Some(index) => {
                self.close(&mut *sink);
                self.leave(index);
            }
            None => {}
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(index, _)| *index);
        for (index, raw) in waiting {
            self.hand_over(index, &raw, &mut *sink)?;
        }
        for (index, raw) in (0..).zip(output) {
            self.hand_over(index, raw, &mut *sink)?;
        }
        let mut extra = kept(answer.extra);
        extra.extend(answer.usage.into_iter().flat_map(|raw| usage_rest(raw, DETAILS)));
        if let Some(usage) = answer.usage.and_then(|raw| WireUsage::read(raw.get().as_bytes())) {
            sink(Event::Usage(usage));
        }
        if let Some(tier) = answer.service_tier {
            sink(Event::ServiceTier(tier));
        }
        self.extras.tell(HERE, Place::Answer, &extra, &mut *sink);
        let ended = Ended { status: answer.status, details: answer.incomplete_details };
        if let Some(stop) = ended.stop(self.said) {
            sink(Event::Stop { choice: 0, stop });
        }
        sink(Event::End);
        self.is_done = true;
        Ok(())
    }
}

fn logprobs_of(block: &Block<'_>, sink: Sink<'_>) {
    let Some((_, raw)) = block.extra.iter().find(|(key, _)| *key == "logprobs") else { return };
    let mut entries = String::new();
    append_logprobs(&mut entries, raw.get());
    if let Some(raw) = chat_logprobs(&entries) {
        sink(Event::Logprobs { choice: 0, raw });
    }
}
