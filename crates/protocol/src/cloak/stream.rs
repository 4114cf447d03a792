//! Turns a stream back, event by event, also where a placeholder is split over several.

use std::sync::Arc;

use super::{Mask, proof};
use crate::{
    codec::Sink,
    ir::{BlockKind, Delta, Event, Text, ToolKind},
};

/// Most of one block of reasoning that is kept to see whether its proof fits, in bytes: several times the longest that
/// models are known for.
const MAX_SIGNED: usize = 4 << 20;

/// Turns one answer's stream back.
#[derive(Debug)]
pub struct Unmask {
    mask: Arc<Mask>,
    /// One for each choice.
    open: Vec<Open>,
}

/// The block of a choice that is being received.
#[derive(Debug)]
struct Open {
    choice: u64,
    block: u64,
    part: Part,
    /// The end of what came, which may be the beginning of a placeholder: always shorter than one.
    held: String,
    /// All of the reasoning as the provider wrote it, as long as somebody may sign it.
    signed: Option<String>,
}

/// What the block consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Text,
    Json,
    Input,
    Transcript,
}

impl Unmask {
    /// For the answer to the request that `mask` comes from.
    pub fn new(mask: Arc<Mask>) -> Self {
        Self { mask, open: Vec::new() }
    }

    /// Turns back what the client may read of a failure.
    pub fn fault(&self, fault: &mut crate::ir::Fault) {
        self.mask.fault(fault);
    }

    /// Takes one event as its decoder handed it over, and hands over what the client may see of it by now.
    pub fn event(&mut self, event: Event<'_>, sink: Sink<'_>) {
        if self.mask.is_idle() {
            return sink(event);
        }
        match event {
            Event::BlockStart { choice, block, kind } => {
                let part = part(&kind);
                let signed = matches!(kind, BlockKind::Thinking { .. }).then(String::new);
                self.open.retain(|open| open.choice != choice);
                self.open.push(Open { choice, block, part, held: String::new(), signed });
                sink(Event::BlockStart { choice, block, kind: self.kind(kind) });
            }
            Event::Delta { choice, block, delta } => self.delta(choice, block, delta, sink),
            Event::BlockStop { choice, block } => {
                self.flush(choice, sink);
                self.open.retain(|open| open.choice != choice);
                sink(Event::BlockStop { choice, block });
            }
            Event::Logprobs { choice, mut raw } => {
                self.mask.raw_back(&mut raw);
                sink(Event::Logprobs { choice, raw });
            }
            Event::Stop { choice, mut stop } => {
                self.flush(choice, sink);
                self.mask.stop_back(&mut stop);
                sink(Event::Stop { choice, stop });
            }
            Event::Member { origin, place, name, mut raw } => {
                self.mask.raw_back(&mut raw);
                sink(Event::Member { origin, place, name, raw });
            }
            event @ (Event::Start { .. }
            | Event::Usage(_)
            | Event::ServiceTier(_)
            | Event::Ping
            | Event::End) => sink(event),
        }
    }

    fn kind<'a>(&self, kind: BlockKind<'a>) -> BlockKind<'a> {
        match kind {
            BlockKind::ToolUse { mut id, mut name, kind, signature, item } => {
                self.mask.text_back(&mut id);
                self.mask.text_back(&mut name);
                BlockKind::ToolUse { id, name, kind, signature, item }
            }
            BlockKind::Foreign { origin, kind, mut raw } => {
                self.mask.raw_back(&mut raw);
                BlockKind::Foreign { origin, kind, raw }
            }
            kind @ (BlockKind::Text
            | BlockKind::Thinking { .. }
            | BlockKind::Refusal
            | BlockKind::Audio { .. }) => kind,
        }
    }

    fn delta(&mut self, choice: u64, block: u64, delta: Delta<'_>, sink: Sink<'_>) {
        // No decoder sends what belongs to no block; if one did, it would be no reason to lose it.
        if self.find(choice).is_none() {
            return sink(Event::Delta { choice, block, delta });
        }
        let delta = match delta {
            Delta::Text(text) | Delta::Input(text) | Delta::Transcript(text) => {
                return self.words(choice, &text, sink);
            }
            Delta::Signature(signature) => {
                // The proof of reasoning is its last word; that of other text may stand in its middle.
                let signed = self.find(choice).and_then(|open| open.signed.clone());
                let Some(signed) = signed else {
                    return sink(Event::Delta { choice, block, delta: Delta::Signature(signature) });
                };
                self.flush(choice, sink);
                match self.mask.comes_back(&signed) {
                    true => Delta::Signature(signature),
                    false => Delta::Signature(proof::with_text(&signature, &signed)),
                }
            }
            Delta::Citation(mut citation) => {
                self.mask.citation_back(&mut citation);
                Delta::Citation(citation)
            }
            Delta::Audio(data) => Delta::Audio(data),
        };
        sink(Event::Delta { choice, block, delta });
    }

    fn words(&mut self, choice: u64, text: &str, sink: Sink<'_>) {
        let mask = Arc::clone(&self.mask);
        let Some(open) = self.find(choice) else { return };
        if let Some(signed) = &mut open.signed {
            signed.push_str(text);
            if signed.len() > MAX_SIGNED {
                open.signed = None;
            }
        }
        open.held.push_str(text);
        let ready = open.held.len() - mask.open_end(&open.held);
        let rest = open.held.split_off(ready);
        let ready = std::mem::replace(&mut open.held, rest);
        open.send(&mask, ready, sink);
    }

    /// Lets go of what was held: nothing follows that could make it a placeholder.
    fn flush(&mut self, choice: u64, sink: Sink<'_>) {
        let mask = Arc::clone(&self.mask);
        if let Some(open) = self.find(choice) {
            let held = std::mem::take(&mut open.held);
            open.send(&mask, held, sink);
        }
    }

    fn find(&mut self, choice: u64) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.choice == choice)
    }
}

impl Open {
    fn send(&self, mask: &Mask, text: String, sink: Sink<'_>) {
        if text.is_empty() {
            return;
        }
        let restored = match self.part {
            Part::Json => mask.restored_json(&text),
            Part::Text | Part::Input | Part::Transcript => mask.restored(&text),
        };
        let text = Text::from(restored.unwrap_or(text));
        let delta = match self.part {
            Part::Text => Delta::Text(text),
            Part::Json | Part::Input => Delta::Input(text),
            Part::Transcript => Delta::Transcript(text),
        };
        sink(Event::Delta { choice: self.choice, block: self.block, delta });
    }
}

fn part(kind: &BlockKind<'_>) -> Part {
    match kind {
        BlockKind::ToolUse { kind: ToolKind::Function, .. } => Part::Json,
        BlockKind::ToolUse { kind: ToolKind::Custom, .. } => Part::Input,
        BlockKind::Audio { .. } => Part::Transcript,
        BlockKind::Text | BlockKind::Thinking { .. } | BlockKind::Refusal | BlockKind::Foreign { .. } => {
            Part::Text
        }
    }
}
