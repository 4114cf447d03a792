//! Writes a stream of Messages events, in the order the official SDKs put an answer together from.

use super::{
    NAME, citation, error,
    response::{lose_counts, made_up_id, rest_into, stop_into, tier_into, usage_into},
    wire::{Fields, read},
    write::event,
};
use crate::{
    codec::{Reply, StreamEncoder},
    dialects::leftover,
    ir::{
        BlockKind, Delta, Event, Extras, Fault, Loss, Losses, Members, Place, Raw, Stop, StopReason, Text,
        ToolKind, Usage,
    },
};

/// The block that is open.
enum Open {
    /// Begun by the provider, but nothing was said yet: an empty block would be refused when it comes back.
    Waiting(Kind),
    /// Its start is written.
    Written(Kind),
    /// Cannot be said; its deltas are dropped with it.
    Lost,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking { is_redacted: bool },
    Call { kind: ToolKind },
}

/// Members that events of this dialect have themselves: readers would take one of the answer's for the event's.
const EVENTS_OWN: &[&str] = &["type", "message", "index", "content_block", "delta", "usage", "error"];

/// Writes one stream.
pub(super) struct Encoder {
    id: Text<'static>,
    model: String,
    has_started: bool,
    open: Option<Open>,
    /// Id and name of the open call.
    call: (String, String),
    /// Members of the open block that only this dialect knows.
    block_extra: Members<'static>,
    /// The number of the latest block as it came; what is not written has none here.
    block: u64,
    /// The number of the next block to be written.
    index: u64,
    stop: Option<Stop<'static>>,
    usage: Usage,
    tier: Option<String>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
    losses: Losses,
}

impl Encoder {
    pub(super) fn new(reply: Reply<'_>) -> Self {
        Self {
            id: made_up_id(reply.seed),
            model: reply.request.model.to_string(),
            has_started: false,
            open: None,
            call: Default::default(),
            block_extra: Members::new(),
            block: 0,
            index: 0,
            stop: None,
            usage: Usage::default(),
            tier: None,
            extras: Extras::default(),
            losses: Losses::default(),
        }
    }

    fn start(&mut self, id: Option<&Text<'_>>, model: Option<&Text<'_>>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        event(out, "message_start", |into| {
            let mut message = into.object("message");
            message.value("id", id.unwrap_or(&self.id));
            message.value("type", "message");
            message.value("role", "assistant");
            message.value("model", model.map_or(&*self.model, |model| model));
            drop(message.array("content"));
            stop_into(&mut message, None, false, &mut self.losses);
            usage_into(&mut message.object("usage"), &self.usage);
        });
    }

    fn block_start(&mut self, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        self.block_extra.clear();
        self.open = Some(match kind {
            BlockKind::Text | BlockKind::Refusal | BlockKind::Audio { .. } => Open::Waiting(Kind::Text),
            BlockKind::Thinking { is_redacted, .. } => {
                Open::Waiting(Kind::Thinking { is_redacted: *is_redacted })
            }
            BlockKind::ToolUse { id, name, kind, signature, .. } => {
                if signature.is_some() {
                    self.lose("signature", "the target has no place for a proof at a tool call");
                }
                self.call = (id.to_string(), name.to_string());
                Open::Waiting(Kind::Call { kind: *kind })
            }
            BlockKind::Foreign { origin, raw, .. } if *origin == NAME => {
                self.write_start(out, raw.get());
                self.write_stop(out);
                Open::Lost
            }
            BlockKind::Foreign { .. } => {
                self.lose("", "only its own dialect knows it");
                Open::Lost
            }
        });
    }

    fn lose(&mut self, member: &str, why: &'static str) {
        let dot = if member.is_empty() { "" } else { "." };
        self.losses.add(format!("choices[0].content[{}]{dot}{member}", self.block), why);
    }

    /// A member of the open block that only this dialect knows; its start may be written already.
    fn block_member(&mut self, name: &Text<'_>, raw: &Raw<'_>) {
        match self.open {
            Some(Open::Waiting(_)) => {
                self.block_extra.retain(|(known, _)| known != name);
                self.block_extra.push((name.clone().into_owned(), Raw::Owned(raw.clone().into_owned())));
            }
            _ => self.lose(name, "it comes behind the start of its block"),
        }
    }

    fn write_start(&self, out: &mut Vec<u8>, block: &str) {
        event(out, "content_block_start", |into| {
            into.value("index", &self.index);
            into.json("content_block", block);
        });
    }

    fn write_stop(&mut self, out: &mut Vec<u8>) {
        event(out, "content_block_stop", |into| into.value("index", &self.index));
        self.index += 1;
    }

    fn write_delta(&self, out: &mut Vec<u8>, kind: &str, member: &str, text: &str) {
        event(out, "content_block_delta", |into| {
            into.value("index", &self.index);
            let mut delta = into.object("delta");
            delta.value("type", kind);
            delta.value(member, text);
        });
    }

    fn input(&self, part: &str, out: &mut Vec<u8>) {
        self.write_delta(out, "input_json_delta", "partial_json", part);
    }

    /// Makes sure that the start of the open block is written; `None` if there is no block to add to.
    fn begun(&mut self, out: &mut Vec<u8>) -> Option<Kind> {
        let kind = match self.open {
            Some(Open::Written(kind)) => return Some(kind),
            Some(Open::Waiting(kind)) => kind,
            Some(Open::Lost) | None => return None,
        };
        let (index, extra) = (self.index, std::mem::take(&mut self.block_extra));
        event(out, "content_block_start", |into| {
            into.value("index", &index);
            let mut block = into.object("content_block");
            let members: &[(&str, &str)] = match kind {
                Kind::Text => &[("type", "text"), ("text", "")],
                Kind::Thinking { .. } => &[("type", "thinking"), ("thinking", ""), ("signature", "")],
                Kind::Call { .. } => &[("type", "tool_use"), ("id", &self.call.0), ("name", &self.call.1)],
            };
            members.iter().for_each(|(name, value)| block.value(name, value));
            if matches!(kind, Kind::Call { .. }) {
                block.json("input", "{}");
            }
            block.members(&extra);
        });
        if kind == (Kind::Call { kind: ToolKind::Custom }) {
            self.input(r#"{"input":""#, out);
        }
        self.open = Some(Open::Written(kind));
        Some(kind)
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        match delta {
            Delta::Text(text) | Delta::Transcript(text) if !text.is_empty() => match self.begun(out) {
                Some(Kind::Text) => self.write_delta(out, "text_delta", "text", text),
                Some(Kind::Thinking { .. }) => self.write_delta(out, "thinking_delta", "thinking", text),
                Some(Kind::Call { .. }) | None => {}
            },
            Delta::Text(_) | Delta::Transcript(_) => {}
            Delta::Input(part) => match self.begun(out) {
                Some(Kind::Call { kind: ToolKind::Function }) => self.input(part, out),
                Some(Kind::Call { kind: ToolKind::Custom }) => {
                    let escaped = crate::splice::json_string(part);
                    let inner = escaped.get(1..escaped.len() - 1).unwrap_or_default();
                    self.input(&String::from_utf8_lossy(inner), out);
                }
                _ => {}
            },
            Delta::Signature(signature) => {
                let proof = signature.write(NAME);
                match self.open {
                    // Nothing readable came with it: the proof is all there is.
                    Some(Open::Waiting(Kind::Thinking { is_redacted: true })) => {
                        let index = self.index;
                        event(out, "content_block_start", |into| {
                            into.value("index", &index);
                            let mut block = into.object("content_block");
                            block.value("type", "redacted_thinking");
                            block.value("data", &proof);
                        });
                        self.write_stop(out);
                        self.open = Some(Open::Lost);
                    }
                    Some(Open::Waiting(Kind::Thinking { .. }) | Open::Written(Kind::Thinking { .. })) => {
                        self.begun(out);
                        self.write_delta(out, "signature_delta", "signature", &proof);
                    }
                    Some(Open::Waiting(_) | Open::Written(_)) => {
                        self.lose("signature", "the target has a place for a proof at reasoning only");
                    }
                    Some(Open::Lost) | None => {}
                }
            }
            Delta::Citation(cited) if !citation::is_sayable(cited, false) => {
                self.lose("citations", "the target knows no such citation");
            }
            Delta::Citation(cited) => {
                if self.begun(out) == Some(Kind::Text) {
                    event(out, "content_block_delta", |into| {
                        into.value("index", &self.index);
                        let mut delta = into.object("delta");
                        delta.value("type", "citations_delta");
                        citation::write(delta.place("citation"), cited);
                    });
                    for (member, why) in citation::lost(cited) {
                        self.lose(&format!("citations.{member}"), why);
                    }
                }
            }
            Delta::Audio(_) => self.lose("", "the target says no sound"),
        }
    }

    fn block_stop(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open::Waiting(Kind::Call { .. }))) {
            self.begun(out);
        }
        if let Some(Open::Written(kind)) = self.open.take() {
            if kind == (Kind::Call { kind: ToolKind::Custom }) {
                self.input("\"}", out);
            }
            self.write_stop(out);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.start(None, None, out);
        self.block_stop(out);
        let stop = self.stop.take().unwrap_or_else(|| Stop::new(StopReason::End));
        let extra = self.extras.of(Place::Answer);
        let is_usage = |(name, _): &&(Text<'_>, Raw<'_>)| *name == "usage";
        let counted = extra.iter().find(is_usage).and_then(|(_, raw)| read::<Fields<'_>>(raw).ok());
        let counted = counted.unwrap_or_default();
        event(out, "message_delta", |into| {
            stop_into(&mut into.object("delta"), Some(&stop), false, &mut self.losses);
            let mut usage = into.object("usage");
            usage_into(&mut usage, &self.usage);
            rest_into(&mut usage, &self.usage, counted);
            tier_into(&mut usage, self.tier.as_deref(), !extra.is_empty(), &mut self.losses);
            drop(usage);
            // A member of the answer may be named as one of the event that carries it.
            let is_written = |name: &str| EVENTS_OWN.contains(&name);
            extra
                .iter()
                .filter(|(name, _)| !is_written(name))
                .for_each(|(name, raw)| into.json(name, raw.get()));
        });
        event(out, "message_stop", |_| {});
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, step: &Event<'_>, out: &mut Vec<u8>) {
        match step {
            Event::Start { id, model, .. } => self.start(id.as_ref(), model.as_ref(), out),
            Event::Usage(usage) => {
                lose_counts(usage, &mut self.losses);
                self.usage = *usage;
            }
            Event::ServiceTier(tier) => self.tier = Some(tier.to_string()),
            Event::Member { origin, place: Place::Block(_, _), name, raw } if *origin == NAME => {
                self.block_member(name, raw);
            }
            Event::Member { origin, place: Place::Answer | Place::Choice(0), name, raw }
                if *origin == NAME =>
            {
                self.extras.put(Place::Answer, name, raw);
            }
            Event::Member { place: Place::Block(0, block), name, .. } => {
                self.losses.add(format!("choices[0].content[{block}].{name}"), Loss::PROVIDERS_OWN);
            }
            Event::Member { place: Place::Answer, name, raw, .. } => {
                leftover::lose_one(name, raw, Loss::PROVIDERS_OWN, &mut self.losses);
            }
            Event::Member { place: Place::Choice(0), name, .. } => {
                self.losses.add(format!("choices[0].{name}"), Loss::PROVIDERS_OWN);
            }
            // Named as a whole.
            Event::Member { .. } => {}
            Event::Ping if self.has_started => event(out, "ping", |_| {}),
            Event::Ping => {}
            Event::End => self.end(out),
            Event::BlockStart { choice: 0, block, kind } => {
                self.block_stop(out);
                self.block = *block;
                self.block_start(kind, out);
            }
            Event::Delta { choice: 0, delta, .. } => self.delta(delta, out),
            Event::BlockStop { choice: 0, .. } => self.block_stop(out),
            // The reason waits for the usage, which stands in the same event here and may still come.
            Event::Stop { choice: 0, stop } => self.stop = Some(owned(stop)),
            Event::Logprobs { choice: 0, .. } => {
                self.losses.add("choices[0].logprobs", "the target has no such field");
            }
            Event::BlockStart { choice, .. }
            | Event::Delta { choice, .. }
            | Event::BlockStop { choice, .. }
            | Event::Logprobs { choice, .. }
            | Event::Stop { choice, .. } => {
                self.losses.add(format!("choices[{choice}]"), "the target has one answer");
            }
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        out.extend_from_slice(&error::frame(fault));
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

fn owned(stop: &Stop<'_>) -> Stop<'static> {
    Stop {
        reason: stop.reason,
        sequence: stop.sequence.clone().map(Text::into_owned),
        word: stop.word.clone().map(Text::into_owned),
        details: stop.details.as_ref().map(|raw| std::borrow::Cow::Owned(raw.clone().into_owned())),
    }
}
