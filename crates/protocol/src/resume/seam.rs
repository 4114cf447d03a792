//! Makes the events of a continuation go on with an answer that has begun.

use super::{
    Manner, Said,
    overlap::{Met, Overlap, Rules},
};
use crate::{
    codec::Sink,
    ir::{BlockKind, Delta, Event, Losses, Place, Stop, StopReason, Text, Usage},
};

/// Why the reasoning of a continuation is left out.
const BEHIND_TEXT: &str = "reasoning about how to go on, behind text that was sent";
/// Why the proof of a text is left out.
const OTHER_TEXT: &str = "it proves the text of one part only";
/// Why a citation is left out.
const OTHER_PLACE: &str = "its place is counted from the beginning of one part only";
/// Why a member of a text is left out.
const NO_TEXT: &str = "its part of the text says nothing new";
/// Why log probabilities are left out.
const ONE_PART: &str = "of one part only";
/// What is said of the usage of an answer in several parts.
const PARTLY_ESTIMATED: &str = "that of the part that broke off is partly estimated";
/// What is said of it where the provider that went on says none.
const PARTLY_KNOWN: &str = "only that of the part that broke off is known, by estimate";

/// Stands between the events of a continuation and the client's encoder.
#[derive(Debug)]
pub struct Seam {
    /// Gone once it is known where the text goes on.
    overlap: Option<Overlap>,
    manner: Manner,
    /// The client's text block that is open.
    open: Option<u64>,
    /// The number of the client's next block.
    next: u64,
    /// The client's numbers of the continuation's blocks, by their own; `None` for those that are left out.
    numbers: Vec<Option<u64>>,
    /// What the continuation's open block is.
    inner: Inner,
    /// Whether the continuation added anything.
    has_added: bool,
    /// Whether it repeated something of what was sent.
    has_repeated: bool,
    spent: Usage,
    is_told: bool,
    fault: Option<&'static str>,
    losses: Losses,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    Text,
    Dropped,
    Other,
}

impl Seam {
    /// Behind what was said, for a continuation that was asked for in this manner.
    pub fn new(said: &Said, manner: Manner) -> Self {
        let rules = if manner == Manner::Instruction { Rules::TOLD } else { Rules::TRUSTED };
        let has_begun = !said.text().is_empty() || said.has_thought();
        let mut losses = Losses::default();
        losses.add("usage", PARTLY_ESTIMATED);
        Self {
            overlap: has_begun.then(|| Overlap::new(said.text().to_owned(), rules)),
            manner,
            open: said.open_text(),
            next: said.next(),
            numbers: Vec::new(),
            inner: Inner::Other,
            has_added: false,
            has_repeated: false,
            spent: said.spent(),
            is_told: false,
            fault: None,
            losses,
        }
    }

    /// Hands on what one event of the continuation is for the client. Once there is a [`Seam::fault`], nothing more.
    pub fn pass(&mut self, event: Event<'_>, sink: Sink<'_>) {
        if self.fault.is_some() {
            return;
        }
        match event {
            // The client has that of the first part.
            Event::Start { .. } => {}
            Event::BlockStart { choice: 1.., .. }
            | Event::Delta { choice: 1.., .. }
            | Event::Stop { choice: 1.., .. } => {
                self.fault = Some("it has several choices");
            }
            Event::BlockStart { kind, .. } => self.begin(kind, sink),
            Event::Delta { block, delta, .. } => self.delta(block, delta, sink),
            Event::BlockStop { block, .. } => self.end(block, sink),
            Event::Logprobs { .. } => self.losses.add("choices[0].logprobs", ONE_PART),
            Event::Stop { stop, .. } => self.stop(stop, sink),
            Event::Usage(usage) => {
                self.is_told = true;
                sink(Event::Usage(self.spent.plus(usage)));
            }
            Event::Member { origin, place: Place::Block(choice, block), name, raw } => {
                match self.number(block) {
                    Some(block) => {
                        sink(Event::Member { origin, place: Place::Block(choice, block), name, raw });
                    }
                    // With the block it belongs to.
                    None if self.inner == Inner::Dropped => {}
                    None => self.losses.add(format!("choices[0].content[{}].{name}", self.at()), NO_TEXT),
                }
            }
            Event::End => {
                if !self.is_told {
                    self.losses.add("usage", PARTLY_KNOWN);
                    sink(Event::Usage(self.spent));
                }
                sink(Event::End);
            }
            event @ (Event::ServiceTier(_) | Event::Member { .. } | Event::Ping) => sink(event),
        }
    }

    /// Why the continuation is none, once that is known: nothing of it was handed on that contradicts what was sent.
    pub fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// What of the continuation could not be said.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    fn begin(&mut self, kind: BlockKind<'_>, sink: Sink<'_>) {
        match kind {
            BlockKind::Text => {
                self.inner = Inner::Text;
                // It has a number once there is something of it.
                let number = self.open.filter(|_| self.overlap.is_some());
                self.numbers.push(number);
                return;
            }
            BlockKind::Thinking { .. } if self.overlap.is_some() => {
                self.inner = Inner::Dropped;
                self.losses.add(format!("choices[0].content[{}]", self.next), BEHIND_TEXT);
                self.numbers.push(None);
                return;
            }
            _ => {}
        }
        self.settle(sink);
        if self.fault.is_none() && matches!(kind, BlockKind::Refusal) && !self.has_added {
            self.fault = Some("the model declines to go on");
        }
        if self.fault.is_some() {
            return;
        }
        self.close(sink);
        self.inner = Inner::Other;
        self.has_added = true;
        let block = self.next;
        self.next += 1;
        self.numbers.push(Some(block));
        sink(Event::BlockStart { choice: 0, block, kind });
    }

    fn delta(&mut self, block: u64, delta: Delta<'_>, sink: Sink<'_>) {
        match (self.inner, delta) {
            (Inner::Dropped, _) => {}
            (Inner::Text, Delta::Text(more)) => match &mut self.overlap {
                None => self.say(more, sink),
                Some(overlap) => {
                    let met = overlap.push(&more);
                    self.met(met, sink);
                }
            },
            (Inner::Text, Delta::Signature(_)) => {
                self.losses.add(format!("choices[0].content[{}].signature", self.at()), OTHER_TEXT);
            }
            (Inner::Text, Delta::Citation(citation)) if citation.range.is_some() => {
                self.losses.add(format!("choices[0].content[{}].citations", self.at()), OTHER_PLACE);
            }
            (Inner::Text, delta) => {
                self.settle(sink);
                if let Some(block) = self.open.filter(|_| self.fault.is_none()) {
                    sink(Event::Delta { choice: 0, block, delta });
                }
            }
            (Inner::Other, delta) => {
                if let Some(block) = self.number(block) {
                    sink(Event::Delta { choice: 0, block, delta });
                }
            }
        }
    }

    fn end(&mut self, block: u64, sink: Sink<'_>) {
        match self.inner {
            Inner::Dropped => {}
            // As long as the place is not known, the next text belongs to this one.
            Inner::Text if self.overlap.is_some() => {}
            Inner::Text => self.close(sink),
            Inner::Other => {
                if let Some(block) = self.number(block) {
                    sink(Event::BlockStop { choice: 0, block });
                }
            }
        }
    }

    fn stop(&mut self, stop: Stop<'_>, sink: Sink<'_>) {
        self.settle(sink);
        if self.fault.is_none() && !self.has_added {
            self.fault = match stop.reason {
                StopReason::Refusal | StopReason::ContentFilter => Some("the model declines to go on"),
                StopReason::Malformed | StopReason::Pause | StopReason::Other => Some("it is empty"),
                // Who has the text before him may find that it was whole; who is told to go on and says nothing
                // at all has not understood.
                _ if self.manner == Manner::Instruction && !self.has_repeated => Some("it is empty"),
                _ => None,
            };
        }
        if self.fault.is_none() {
            self.close(sink);
            sink(Event::Stop { choice: 0, stop });
        }
    }

    /// Takes what is held for what follows the sent text: nothing comes that could show otherwise.
    fn settle(&mut self, sink: Sink<'_>) {
        if let Some(overlap) = &mut self.overlap {
            let met = overlap.finish();
            self.met(met, sink);
        }
    }

    fn met(&mut self, met: Met, sink: Sink<'_>) {
        match met {
            Met::Open => return,
            Met::Contradicts => self.fault = Some("it starts over and says something else"),
            Met::At(_) => {}
        }
        self.has_repeated = self.overlap.take().is_some_and(|overlap| overlap.has_repeated());
        if let Met::At(text) = met {
            self.say(text.into(), sink);
        }
    }

    fn say(&mut self, text: Text<'_>, sink: Sink<'_>) {
        if text.is_empty() {
            return;
        }
        self.has_added = true;
        let block = self.at();
        if self.open.is_none() {
            self.open = Some(block);
            self.next += 1;
            sink(Event::BlockStart { choice: 0, block, kind: BlockKind::Text });
        }
        if let Some(last) = self.numbers.last_mut() {
            *last = Some(block);
        }
        sink(Event::Delta { choice: 0, block, delta: Delta::Text(text) });
    }

    /// Ends the client's text block.
    fn close(&mut self, sink: Sink<'_>) {
        if let Some(block) = self.open.take() {
            sink(Event::BlockStop { choice: 0, block });
        }
    }

    /// The client's text block, or the number that the next one gets.
    fn at(&self) -> u64 {
        self.open.unwrap_or(self.next)
    }

    /// The client's number of a block of the continuation.
    fn number(&self, block: u64) -> Option<u64> {
        self.numbers.get(usize::try_from(block).ok()?).copied().flatten()
    }
}
