//! Writes a Converse stream.

use std::borrow::Cow;

use super::{
    NAME, citation,
    content_decode::read,
    error,
    frame::{event, exception},
    proof::{seal, sign},
    response::{ADDITIONAL, OWN, lose_counts, stop_word, write_tier, write_usage},
    wire,
};
use crate::{
    codec::StreamEncoder,
    dialects::leftover,
    ir::{BlockKind, Delta, Event, Extras, Fault, Loss, Losses, Place, Raw, Signature, ToolKind, Usage, raw},
};

/// Why a proof is lost.
const NO_PROOF: &str = "Converse has a place for proofs only in reasoning";

/// Where a stream stands. `messageStop` waits for the end of everything: to a client it means that the answer is whole.
#[derive(Default)]
pub(super) struct Encoder {
    losses: Losses,
    open: Open,
    /// The number of the latest block as it came; what is not written has none here.
    block: u64,
    /// Converse's number of the block that is open, or of the next one.
    index: u64,
    stop: Option<String>,
    sequence: Option<String>,
    usage: Option<Usage>,
    tier: Option<String>,
    /// Members that only this dialect knows, of an answer that comes from it.
    extras: Extras,
}

/// What the open block is.
#[derive(Default, Clone, Copy, PartialEq)]
enum Open {
    #[default]
    Nothing,
    /// Text or reasoning that has not said anything yet: Converse does not announce these.
    Quiet(Kind),
    /// A block of which something was sent.
    Begun(Kind),
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Thinking {
        is_redacted: bool,
    },
    Call,
    /// The call of a tool that takes plain text, which is one member of an object here.
    TextCall,
}

impl StreamEncoder for Encoder {
    fn event(&mut self, next: &Event<'_>, out: &mut Vec<u8>) {
        match next {
            Event::Start { .. } => {
                event("messageStart", out, |json| json.member_text("role", "assistant"));
            }
            Event::BlockStart { choice: 0, block, kind } => {
                self.block = *block;
                self.start(kind, out);
            }
            Event::Delta { choice: 0, delta, .. } => self.delta(delta, out),
            Event::BlockStop { choice: 0, .. } => self.close(out),
            Event::Stop { choice: 0, stop } => {
                let own =
                    stop.word.as_deref().is_some_and(|word| super::response::is_known(word, stop.reason));
                self.stop = Some(stop_word(stop, own, &mut self.losses).to_owned());
                self.sequence = stop.sequence.as_deref().map(str::to_owned);
            }
            Event::Logprobs { choice: 0, .. } => {
                self.losses.add("choices[0].logprobs", "Converse has no log probabilities")
            }
            Event::BlockStart { .. }
            | Event::Delta { .. }
            | Event::BlockStop { .. }
            | Event::Logprobs { .. }
            | Event::Stop { .. } => {
                self.losses.add("choices", "Converse has one answer");
            }
            Event::Usage(usage) => {
                lose_counts(usage, &mut self.losses);
                self.usage = Some(*usage);
            }
            Event::ServiceTier(tier) => self.tier = Some(tier.to_string()),
            Event::Member { origin, place: Place::Answer, name, raw } if *origin == NAME => {
                self.extras.put(Place::Answer, name, raw);
            }
            Event::Member { place, name, raw, .. } => match place {
                Place::Answer => leftover::lose_one(name, raw, Loss::PROVIDERS_OWN, &mut self.losses),
                Place::Choice(0) => {
                    self.losses.add(format!("choices[0].{name}"), Loss::PROVIDERS_OWN);
                }
                Place::Block(0, block) => {
                    self.losses.add(format!("choices[0].content[{block}].{name}"), Loss::PROVIDERS_OWN)
                }
                // Named as a whole.
                Place::Choice(_) | Place::Block(..) => {}
            },
            // There is no such event, and silence is none either.
            Event::Ping => {}
            Event::End => self.end(out),
        }
    }

    fn fail(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        exception(error::stream_kind(fault), error::message(fault), out);
    }

    fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl Encoder {
    fn start(&mut self, kind: &BlockKind<'_>, out: &mut Vec<u8>) {
        self.open = match kind {
            BlockKind::Text => Open::Quiet(Kind::Text),
            BlockKind::Thinking { is_redacted, .. } => {
                Open::Quiet(Kind::Thinking { is_redacted: *is_redacted })
            }
            BlockKind::ToolUse { id, name, kind, signature, .. } => {
                if signature.is_some() {
                    self.lose(".signature", NO_PROOF);
                }
                event("contentBlockStart", out, |json| {
                    json.member_object("start", |json| {
                        json.member_object("toolUse", |json| {
                            json.member_text("toolUseId", id);
                            json.member_text("name", name);
                        });
                    });
                    json.member_number("contentBlockIndex", self.index);
                });
                match kind {
                    ToolKind::Function => Open::Begun(Kind::Call),
                    ToolKind::Custom => {
                        self.input(r#"{"input":""#, out);
                        Open::Begun(Kind::TextCall)
                    }
                }
            }
            BlockKind::Refusal => {
                self.lose("", "a refusal is said as text");
                Open::Quiet(Kind::Text)
            }
            BlockKind::Audio { .. } => {
                self.lose("", "Converse streams no sound; what it says is sent as text");
                Open::Quiet(Kind::Text)
            }
            BlockKind::Foreign { origin, kind, raw } => {
                if *origin != NAME || self.whole_block(raw, out).is_none() {
                    self.lose("", format!("only the provider's own dialect has blocks of type {kind}"));
                }
                Open::Nothing
            }
        };
    }

    fn delta(&mut self, delta: &Delta<'_>, out: &mut Vec<u8>) {
        let (Open::Quiet(kind) | Open::Begun(kind)) = self.open else { return };
        let index = self.index;
        let mut send = |inside: &dyn Fn(&mut super::write::Json<'_>)| {
            event("contentBlockDelta", out, |json| {
                json.member_object("delta", inside);
                json.member_number("contentBlockIndex", index);
            });
        };
        match (delta, kind) {
            (Delta::Text(text) | Delta::Transcript(text), Kind::Text) => {
                send(&|json| json.member_text("text", text));
            }
            (Delta::Text(text), Kind::Thinking { .. }) => {
                send(&|json| json.member_object("reasoningContent", |json| json.member_text("text", text)));
            }
            (Delta::Signature(proof), Kind::Thinking { is_redacted }) => {
                send(&|json| {
                    json.member_object("reasoningContent", |json| signature(json, proof, is_redacted))
                });
            }
            (Delta::Input(input), Kind::Call) => {
                send(&|json| json.member_object("toolUse", |json| json.member_text("input", input)));
            }
            (Delta::Input(input), Kind::TextCall) => {
                let literal = raw(&**input);
                let inside = literal.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
                self.input(inside.unwrap_or_default(), out);
            }
            (Delta::Citation(cited), Kind::Text) => {
                let mut raw = Vec::new();
                citation::write(cited, &mut super::write::Json::new(&mut raw));
                let raw = String::from_utf8_lossy(&raw);
                send(&|json| json.member("citation", &raw));
                for (member, reason) in citation::lost(cited) {
                    self.lose(&format!(".citations.{member}"), reason);
                }
            }
            (Delta::Signature(_), _) => {
                self.lose(".signature", NO_PROOF);
                return;
            }
            // Named when the block began.
            (Delta::Audio(_), _) => return,
            // A delta that does not fit its block is no dialect's.
            _ => return,
        }
        self.open = Open::Begun(kind);
    }

    /// Names what cannot be said of the latest block.
    fn lose(&mut self, field: &str, reason: impl Into<Cow<'static, str>>) {
        self.losses.add(format!("choices[0].content[{}]{field}", self.block), reason);
    }

    /// A server tool's call or result, or a picture: one block here, which begins, goes on and ends in Converse.
    fn whole_block(&mut self, raw: &Raw<'_>, out: &mut Vec<u8>) -> Option<()> {
        let block: wire::Empty<'_> = read(raw).ok()?;
        let (member, inner) = block.extra.first()?;
        let inner: wire::Empty<'_> = read(inner).ok()?;
        let part = |name: &str| inner.extra.iter().find(|(key, _)| key == name).map(|(_, raw)| raw);
        let (left, delta) = match &**member {
            "toolUse" => ("input", part("input")?),
            "toolResult" => ("content", part("content")?),
            "image" => ("source", part("source")?),
            _ => return None,
        };
        event("contentBlockStart", out, |json| {
            json.member_object("start", |json| {
                json.member_object(member, |json| json.members_but(&inner.extra, &[left]));
            });
            json.member_number("contentBlockIndex", self.index);
        });
        event("contentBlockDelta", out, |json| {
            json.member_object("delta", |json| match left {
                "input" => json.member_object(member, |json| json.member_text("input", delta.get())),
                "source" => json.member_object(member, |json| json.member("source", delta.get())),
                _ => json.member(member, delta.get()),
            });
            json.member_number("contentBlockIndex", self.index);
        });
        self.stop_block(out);
        Some(())
    }

    /// A part of a call's arguments.
    fn input(&self, text: &str, out: &mut Vec<u8>) {
        event("contentBlockDelta", out, |json| {
            json.member_object("delta", |json| {
                json.member_object("toolUse", |json| json.member_text("input", text));
            });
            json.member_number("contentBlockIndex", self.index);
        });
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open == Open::Begun(Kind::TextCall) {
            self.input(r#""}"#, out);
        }
        if matches!(std::mem::take(&mut self.open), Open::Begun(_)) {
            self.stop_block(out);
        }
    }

    fn stop_block(&mut self, out: &mut Vec<u8>) {
        event("contentBlockStop", out, |json| json.member_number("contentBlockIndex", self.index));
        self.index += 1;
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let stop = self.stop.take();
        let extra = self.extras.of(Place::Answer);
        let additional = extra.iter().find(|(name, _)| name == ADDITIONAL);
        event("messageStop", out, |json| {
            json.member_text("stopReason", stop.as_deref().unwrap_or("end_turn"));
            match (additional, self.sequence.take()) {
                (Some((_, raw)), _) => json.member(ADDITIONAL, raw.get()),
                (None, Some(sequence)) => {
                    json.member_object(ADDITIONAL, |json| json.member_text("stop_sequence", &sequence));
                }
                (None, None) => {}
            }
        });
        // Without usage there are no metadata: numbers that nobody counted would be taken for true.
        if self.usage.is_none() && self.tier.is_none() && extra.is_empty() {
            return;
        }
        event("metadata", out, |json| {
            if let Some(usage) = &self.usage {
                write_usage(usage, &extra, json);
            }
            match extra.iter().find(|(name, _)| name == "metrics") {
                Some((_, metrics)) => json.member("metrics", metrics.get()),
                None => json.member_object("metrics", |json| json.member_number("latencyMs", 0)),
            }
            if let Some(tier) = &self.tier {
                write_tier(tier, !extra.is_empty(), &extra, &mut self.losses, json);
            }
            json.members_but(&extra, &[OWN, &[ADDITIONAL]].concat());
        });
    }
}

fn signature(json: &mut super::write::Json<'_>, proof: &Signature<'_>, is_redacted: bool) {
    if is_redacted {
        json.member_text("redactedContent", &seal(proof));
    } else {
        json.member_text("signature", &sign(proof));
    }
}
