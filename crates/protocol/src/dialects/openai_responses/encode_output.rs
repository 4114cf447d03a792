//! Builds the items of an answer block by block, and tells each step in the order that the official SDKs need.

use std::borrow::Cow;

use super::{
    HERE,
    encode_parts::{Call, Frames, Message, Part, Reasoning, place},
    items::REDACTED,
    write::{self, Array},
};
use crate::{
    codec::Reply,
    dialects::gpt,
    ir::{BlockKind, Delta, Losses, Raw, Signature, ToolKind},
};

/// The items of one answer.
pub(super) struct Output {
    pub(super) frames: Frames,
    pub(super) losses: Losses,
    /// The items that are complete, as JSON with commas.
    pub(super) items: Vec<u8>,
    /// Members of the next message item that only this dialect knows, as JSON with commas.
    pub(super) message_extra: Vec<u8>,
    /// How many items were begun.
    count: u64,
    /// The number of the block that came last, by which losses are named.
    block: u64,
    open: Option<Item>,
    seed: String,
    wants_logprobs: bool,
    /// Whether the model declined in words.
    pub(super) has_refusal: bool,
}

/// The item that is open.
struct Item {
    id: String,
    index: u64,
    kind: Kind,
}

enum Kind {
    Message(Message),
    Reasoning(Reasoning),
    Call(Call),
}

impl Output {
    pub(super) fn new(reply: Reply<'_>, is_quiet: bool) -> Self {
        Self {
            frames: Frames { is_quiet, sequence: 0 },
            losses: Losses::default(),
            items: Vec::new(),
            message_extra: Vec::new(),
            count: 0,
            block: 0,
            open: None,
            seed: reply.seed.to_owned(),
            wants_logprobs: reply.request.logprobs.is_some() && !is_quiet,
            has_refusal: false,
        }
    }

    /// Begins the block of that number.
    pub(super) fn block_start(&mut self, block: u64, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        self.block = block;
        match kind {
            BlockKind::Text => self.begin_part(false, out),
            BlockKind::Refusal => self.begin_part(true, out),
            BlockKind::Thinking { is_summary, is_redacted, item } => {
                self.begin_reasoning(*is_summary, *is_redacted, item.as_deref(), out);
            }
            BlockKind::ToolUse { id, name, kind, signature, item } => {
                self.close("completed", out);
                if signature.is_some() {
                    self.lose(".signature", "reasoning proof at a call");
                }
                let call = Call {
                    kind: *kind,
                    call_id: id.to_string(),
                    name: name.to_string(),
                    input: String::new(),
                };
                let prefix = if call.kind == ToolKind::Custom { "ctc" } else { "fc" };
                self.begin(prefix, item.as_deref(), Kind::Call(call), out);
            }
            BlockKind::Foreign { origin, raw, .. } if *origin == HERE => {
                self.close("completed", out);
                for event in ["response.output_item.added", "response.output_item.done"] {
                    self.frames.emit(out, event, |o| {
                        o.put("output_index", &self.count);
                        o.put("item", raw);
                    });
                }
                self.count += 1;
                Array::onto(&mut self.items).put(raw);
            }
            BlockKind::Foreign { kind, .. } => {
                self.close("completed", out);
                self.lose("", format!("block of another provider: {kind}"));
            }
            BlockKind::Audio { .. } => {
                self.close("completed", out);
                self.lose("", "the dialect answers in text only: the words are said");
            }
        }
    }

    /// Continues the block that is open.
    pub(super) fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        if matches!(delta, Delta::Transcript(_)) && self.open.is_none() {
            self.begin_part(false, out);
        }
        let Some(item) = &mut self.open else { return };
        let place = (&*item.id, item.index);
        match (delta, &mut item.kind) {
            (Delta::Text(text) | Delta::Transcript(text), Kind::Message(message)) => {
                message.text(text, self.wants_logprobs, place, &mut self.frames, out);
            }
            (Delta::Text(text), Kind::Reasoning(reasoning)) => {
                reasoning.text(text, place, &mut self.frames, out)
            }
            (Delta::Input(text), Kind::Call(call)) => call.input(text, place, &mut self.frames, out),
            (Delta::Signature(signature), Kind::Reasoning(reasoning)) => {
                reasoning.proof = Some(written(signature, reasoning.is_redacted));
            }
            (Delta::Signature(_), _) => self.lose(".signature", "reasoning proof at a text"),
            (Delta::Citation(citation), Kind::Message(message)) => {
                let is_said = message.citation(citation, place, &mut self.frames, out);
                if !is_said {
                    self.lose(".citations", "only citations of web pages can be said");
                } else if citation.origin != HERE && citation.text.is_some() {
                    self.lose(".citations", gpt::CITED_WORDS);
                }
            }
            _ => {}
        }
    }

    /// Adds a member that only this dialect knows to the message that is open.
    pub(super) fn message_member(&mut self, name: &str, raw: &Raw<'_>) {
        match &mut self.open {
            Some(Item { kind: Kind::Message(message), .. }) => {
                write::members(&mut message.extra, |o| o.put(name, raw));
            }
            _ => self.lose(&format!(".{name}"), "it comes behind the end of its message"),
        }
    }

    /// Adds log probabilities to the text that came last.
    pub(super) fn logprobs(&mut self, entries: &str, out: &mut Vec<u8>) {
        let Some(Item { id, index, kind: Kind::Message(message) }) = &mut self.open else { return };
        let Some(part) = &mut message.part else { return };
        if !part.logprobs.is_empty() {
            part.logprobs.push(',');
        }
        part.logprobs.push_str(entries);
        part.release(entries, (id, *index), message.count, &mut self.frames, out);
    }

    /// Ends a block. A message or reasoning stays open: the next block may be of the same item.
    pub(super) fn block_stop(&mut self, out: &mut Vec<u8>) {
        let Some(item) = &mut self.open else { return };
        let place = (&*item.id, item.index);
        match &mut item.kind {
            Kind::Message(message) => message.end_part(place, &mut self.frames, out),
            Kind::Reasoning(reasoning) => reasoning.end_part(place, &mut self.frames, out),
            Kind::Call(call) => {
                call.end(place, &mut self.frames, out);
                self.close("completed", out);
            }
        }
    }

    /// Ends the item that is open.
    pub(super) fn close(&mut self, status: &str, out: &mut Vec<u8>) {
        let Some(mut item) = self.open.take() else { return };
        let place = (&*item.id, item.index);
        match &mut item.kind {
            Kind::Message(message) => message.end_part(place, &mut self.frames, out),
            Kind::Reasoning(reasoning) => reasoning.end_part(place, &mut self.frames, out),
            Kind::Call(_) => {}
        }
        let mut json = Vec::new();
        item.write(status, &mut json);
        self.frames.emit(out, "response.output_item.done", |o| {
            o.put("output_index", &item.index);
            o.json("item", &json);
        });
        Array::onto(&mut self.items).json(&json);
    }

    /// Names what is lost of the block that came last: `what` of it, with a dot, or all of it.
    fn lose(&mut self, what: &str, reason: impl Into<Cow<'static, str>>) {
        self.losses.add(format!("choices[0].content[{}]{what}", self.block), reason);
    }

    /// Begins an item; its id is the provider's, or one made from the seed.
    fn begin(&mut self, prefix: &str, id: Option<&str>, kind: Kind, out: &mut Vec<u8>) {
        let index = self.count;
        let id = id.map_or_else(|| format!("{prefix}_{}_{index}", self.seed), str::to_owned);
        let item = Item { id, index, kind };
        self.count += 1;
        self.frames.emit(out, "response.output_item.added", |o| {
            let mut json = Vec::new();
            item.write("in_progress", &mut json);
            o.put("output_index", &index);
            o.json("item", &json);
        });
        self.open = Some(item);
    }

    fn begin_part(&mut self, is_refusal: bool, out: &mut Vec<u8>) {
        self.has_refusal |= is_refusal;
        if !matches!(self.open, Some(Item { kind: Kind::Message(_), .. })) {
            self.close("completed", out);
            let extra = std::mem::take(&mut self.message_extra);
            let message = Message { extra, parts: Vec::new(), count: 0, part: None };
            self.begin("msg", None, Kind::Message(message), out);
        }
        let Some(Item { id, index, kind: Kind::Message(message) }) = &mut self.open else { return };
        message.end_part((id, *index), &mut self.frames, out);
        let part = Part { is_refusal, ..Part::default() };
        self.frames.emit(out, "response.content_part.added", |o| {
            place(o, (id, *index), Some(message.count));
            o.object("part", |o| part.write(o));
        });
        message.part = Some(part);
    }

    fn begin_reasoning(
        &mut self,
        is_summary: bool,
        is_redacted: bool,
        item: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let goes_on = match &self.open {
            Some(Item { kind: Kind::Reasoning(open), .. }) => item.is_some() && open.item.as_deref() == item,
            _ => false,
        };
        if !goes_on {
            self.close("completed", out);
            let reasoning = Reasoning { item: item.map(str::to_owned), ..Reasoning::default() };
            self.begin("rs", item, Kind::Reasoning(reasoning), out);
        }
        if let Some(Item { kind: Kind::Reasoning(open), .. }) = &mut self.open {
            (open.is_summary, open.is_redacted) = (is_summary, is_redacted);
        }
    }
}

/// The proof as it is written into `encrypted_content`.
fn written(signature: &Signature<'_>, is_redacted: bool) -> String {
    if is_redacted && signature.origin != *HERE {
        let value = format!("{REDACTED}{}", signature.value);
        return Signature::new(&signature.origin, value).write(HERE).to_string();
    }
    signature.write(HERE).to_string()
}

impl Item {
    fn write(&self, status: &str, json: &mut Vec<u8>) {
        write::object(json, |o| {
            o.put("id", &self.id);
            match &self.kind {
                Kind::Message(message) => {
                    o.put("type", "message");
                    o.put("status", status);
                    o.list("content", &message.parts);
                    o.put("role", "assistant");
                    o.splice(&message.extra);
                }
                Kind::Reasoning(reasoning) => {
                    o.put("type", "reasoning");
                    o.list("summary", &reasoning.summary);
                    if !reasoning.content.is_empty() {
                        o.list("content", &reasoning.content);
                    }
                    o.some("encrypted_content", reasoning.proof.as_ref());
                }
                Kind::Call(call) => {
                    let is_custom = call.kind == ToolKind::Custom;
                    o.put("type", if is_custom { "custom_tool_call" } else { "function_call" });
                    o.put("status", status);
                    o.put(if is_custom { "input" } else { "arguments" }, &call.input);
                    o.put("call_id", &call.call_id);
                    o.put("name", &call.name);
                }
            }
        });
    }
}
