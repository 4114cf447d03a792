//! From an answer on its way to a client: what is to be put back on the next turn.

use std::sync::Arc;

use super::{Kept, Row, Thought, fingerprint};
use crate::{
    continuity::Name,
    ir::{Block, BlockKind, Content, Delta, Event, Response, Signature, Text, Thinking, ToolUse},
};

/// Most of one answer that is kept, in bytes: several times the longest reasoning that models are known for. The proofs
/// of a longer one are not kept at all, because part of them is refused like none.
const MAX_TURN: usize = 4 << 20;

/// Takes the proofs out of one answer.
#[derive(Debug)]
pub struct Collector {
    /// The conversation that is answered, where the client drops the ids of its calls.
    conversation: Option<u64>,
    turns: Vec<Turn>,
    rows: Vec<Row>,
    bytes: usize,
    /// True once a proof was met that no call takes along.
    has_loose: bool,
}

/// What became of the proofs of one answer.
#[derive(Debug, Default)]
pub struct Harvest {
    /// What is to be kept.
    pub rows: Vec<Row>,
    /// True if every proof of the answer is in it.
    pub is_whole: bool,
}

/// One choice of an answer, so far.
#[derive(Debug)]
struct Turn {
    choice: u64,
    calls: usize,
    /// True while nothing but reasoning was said.
    leads: bool,
    thoughts: Vec<Thought>,
    open: Open,
}

/// The block that is being received.
#[derive(Debug)]
enum Open {
    Other,
    Thinking(Thinking<'static>),
    Call(ToolUse<'static>),
}

impl Collector {
    /// For an answer to `conversation` (see [`super::conversation`]); without it calls are known by their ids only.
    pub fn new(conversation: Option<u64>) -> Self {
        Self { conversation, turns: Vec::new(), rows: Vec::new(), bytes: 0, has_loose: false }
    }

    /// Takes one event of a stream, as its decoder handed it over.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::BlockStart { choice, kind, .. } => self.start(*choice, kind),
            Event::Delta { choice, delta, .. } => self.delta(*choice, delta),
            Event::BlockStop { choice, .. } => self.stop(*choice),
            Event::Start { .. }
            | Event::Logprobs { .. }
            | Event::Stop { .. }
            | Event::Usage(_)
            | Event::ServiceTier(_)
            | Event::Member { .. }
            | Event::Ping
            | Event::End => {}
        }
    }

    /// Takes a whole answer.
    pub fn response(&mut self, response: &Response<'_>) {
        for choice in &response.choices {
            for block in &choice.blocks {
                match &block.content {
                    Content::Thinking(thinking) => {
                        self.count(thinking.text.len());
                        self.count(thinking.signature.as_ref().map_or(0, |proof| proof.value.len()));
                        self.turn(choice.index).open = Open::Thinking(owned(thinking));
                    }
                    Content::ToolUse(call) => {
                        self.count(call.input.len());
                        let input = call.input.borrowed().into_owned();
                        self.turn(choice.index).open = Open::Call(ToolUse { input, ..unfilled(call) });
                    }
                    Content::Text { text, .. } if text.trim().is_empty() => {}
                    _ => self.turn(choice.index).leads = false,
                }
                self.has_loose |= block.extra.iter().any(|(name, _)| *name == Block::PROOF);
                self.stop(choice.index);
            }
        }
    }

    /// What the answer, which is complete, leaves to be kept.
    pub fn finish(self) -> Harvest {
        let is_short = self.bytes <= MAX_TURN;
        // Reasoning behind the last call, and that of an answer without calls, is not asked for again.
        let is_loose = self.turns.iter().any(|turn| is_proven(&turn.thoughts));
        Harvest {
            rows: if is_short { self.rows } else { Vec::new() },
            is_whole: is_short && !is_loose && !self.has_loose,
        }
    }

    fn start(&mut self, choice: u64, kind: &BlockKind<'_>) {
        let turn = self.turn(choice);
        turn.open = match kind {
            BlockKind::Thinking { is_summary, is_redacted, item } => Open::Thinking(Thinking {
                is_summary: *is_summary,
                is_redacted: *is_redacted,
                item: item.as_ref().map(|item| item.borrowed().into_owned()),
                ..Thinking::default()
            }),
            BlockKind::ToolUse { id, name, kind, signature, .. } => Open::Call(unfilled(&ToolUse {
                id: id.borrowed(),
                name: name.borrowed(),
                input: Text::default(),
                kind: *kind,
                signature: signature.clone(),
                item: None,
            })),
            // Blank text is dropped by most clients: it counts once it says something.
            BlockKind::Text => Open::Other,
            BlockKind::Refusal | BlockKind::Audio { .. } | BlockKind::Foreign { .. } => {
                turn.leads = false;
                Open::Other
            }
        };
    }

    fn delta(&mut self, choice: u64, delta: &Delta<'_>) {
        let is_full = self.bytes > MAX_TURN;
        let turn = self.turn(choice);
        let mut taken = 0;
        let mut append = |to: &mut Text<'_>, more: &str| {
            if !is_full {
                to.0.to_mut().push_str(more);
                taken = more.len();
            }
        };
        match (&mut turn.open, delta) {
            (Open::Thinking(thinking), Delta::Text(text)) => append(&mut thinking.text, text),
            (Open::Thinking(thinking), Delta::Signature(signature)) => {
                taken = signature.value.len();
                thinking.signature = Some(signature_of(signature));
            }
            (Open::Call(call), Delta::Input(input)) => append(&mut call.input, input),
            (Open::Other, Delta::Text(text)) if text.trim().is_empty() => {}
            (_, Delta::Signature(_)) => self.has_loose = true,
            _ => turn.leads = false,
        }
        self.count(taken);
    }

    fn stop(&mut self, choice: u64) {
        let turn = self.turn(choice);
        match std::mem::replace(&mut turn.open, Open::Other) {
            Open::Other => {}
            Open::Thinking(thinking) => turn.thoughts.push(Thought { thinking, leads: turn.leads }),
            Open::Call(call) => {
                let thoughts = std::mem::take(&mut turn.thoughts);
                let place = turn.calls;
                turn.calls += 1;
                turn.leads = false;
                self.keep(&call, thoughts, place);
            }
        }
    }

    fn keep(&mut self, call: &ToolUse<'static>, thoughts: Vec<Thought>, place: usize) {
        let thoughts = if is_proven(&thoughts) { thoughts } else { Vec::new() };
        if thoughts.is_empty() && call.signature.is_none() {
            return;
        }
        let kept =
            Arc::new(Kept { thoughts, signature: call.signature.clone(), call: fingerprint::call(call) });
        let name = self.conversation.map(|conversation| fingerprint::place(conversation, place));
        self.rows.extend(name.map(|name| (name, Arc::clone(&kept))));
        self.rows.push((Name::Id(call.id.to_string()), kept));
    }

    fn turn(&mut self, choice: u64) -> &mut Turn {
        let known = self.turns.iter().position(|turn| turn.choice == choice);
        let place = known.unwrap_or(self.turns.len());
        if known.is_none() {
            self.turns.push(Turn { choice, calls: 0, leads: true, thoughts: Vec::new(), open: Open::Other });
        }
        &mut self.turns[place]
    }

    fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
    }
}

fn is_proven(thoughts: &[Thought]) -> bool {
    thoughts.iter().any(|thought| thought.thinking.signature.is_some())
}

fn owned(thinking: &Thinking<'_>) -> Thinking<'static> {
    Thinking {
        text: thinking.text.borrowed().into_owned(),
        is_summary: thinking.is_summary,
        signature: thinking.signature.as_ref().map(signature_of),
        is_redacted: thinking.is_redacted,
        item: thinking.item.as_ref().map(|item| item.borrowed().into_owned()),
    }
}

/// The call without its arguments.
fn unfilled(call: &ToolUse<'_>) -> ToolUse<'static> {
    ToolUse {
        id: call.id.borrowed().into_owned(),
        name: call.name.borrowed().into_owned(),
        input: Text::default(),
        kind: call.kind,
        signature: call.signature.as_ref().map(signature_of),
        item: None,
    }
}

fn signature_of(signature: &Signature<'_>) -> Signature<'static> {
    Signature {
        origin: signature.origin.borrowed().into_owned(),
        value: signature.value.borrowed().into_owned(),
    }
}
