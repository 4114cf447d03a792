//! Two dialects, or a cloak: the provider's events are read, and written as the client's.

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    codec::Step,
    continuity::Collector,
    forms::Undress,
    ir::{BlockKind, Event, Fault, FaultKind, Losses, Usage},
    resume::Said,
    translate::{Continuation, Seen, Stream},
};

use super::{Passage, Progress, cut};
use crate::proofs::OwnProofs;

/// Decodes one dialect's stream and encodes another's.
pub(crate) struct Translated {
    stream: Stream,
    /// Gone once the answer is complete and its proofs are kept.
    collector: Option<Collector>,
    proofs: OwnProofs,
    has_kept_all: bool,
    told: Told,
}

/// What the gateway itself wants to know of the events.
#[derive(Default)]
struct Told {
    has_output: bool,
    has_answer: bool,
    outputs: u64,
    /// Whether the block under way is thinking.
    thinks: bool,
    usage: Option<Usage>,
}

impl Told {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            // A block that merely begins may still be all there is of a failing answer.
            Event::BlockStart { kind, .. } => self.thinks = matches!(kind, BlockKind::Thinking { .. }),
            Event::Delta { .. } => {
                self.outputs += 1;
                self.has_output = true;
                self.has_answer |= !self.thinks;
            }
            Event::Stop { .. } | Event::End => {
                self.has_output = true;
                self.has_answer = true;
            }
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Start { .. }
            | Event::BlockStop { .. }
            | Event::Logprobs { .. }
            | Event::ServiceTier(_)
            | Event::Member { .. }
            | Event::Ping => {}
        }
    }
}

impl Translated {
    pub(crate) fn new(stream: Stream, collector: Collector, proofs: OwnProofs) -> Self {
        let told = Told::default();
        Self { stream, collector: Some(collector), proofs, has_kept_all: false, told }
    }

    /// Has the stream take what `take` gives it, and says what it came to.
    fn step(
        &mut self,
        out: &mut VecDeque<Bytes>,
        take: impl FnOnce(&mut Stream, Seen<'_>, &mut Vec<u8>) -> Step,
    ) -> Progress {
        let Self { stream, collector, told, .. } = self;
        let mut written = Vec::new();
        let step = take(
            stream,
            &mut |event| {
                told.note(event);
                if let Some(collector) = collector {
                    collector.event(event);
                }
            },
            &mut written,
        );
        out.extend((!written.is_empty()).then(|| written.into()));
        match step {
            Step::Go => Progress::Open,
            Step::End => {
                // Before the last bytes leave: with them the client may begin its next turn.
                if let Some(collector) = self.collector.take() {
                    self.has_kept_all = self.proofs.keep(collector.finish());
                }
                Progress::Complete
            }
            Step::Failed(body) => Progress::Failed(body),
            Step::Garbled(why) => Progress::Broken(FaultKind::Garbled, why),
        }
    }
}

impl Passage for Translated {
    fn chunk(&mut self, chunk: &Bytes, out: &mut VecDeque<Bytes>) -> Progress {
        self.step(out, |stream, seen, written| stream.push(chunk, seen, written))
    }

    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        match self.step(out, |stream, seen, written| stream.finish(seen, written)) {
            Progress::Open | Progress::Broken(..) => cut(),
            progress => progress,
        }
    }

    fn broken(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        match self.step(out, |stream, seen, written| stream.broken(seen, written)) {
            Progress::Open | Progress::Broken(..) => cut(),
            progress => progress,
        }
    }

    fn has_output(&self) -> bool {
        self.told.has_output
    }

    fn has_answer(&self) -> bool {
        self.told.has_answer
    }

    fn turn_back(&self, fault: &mut Fault) {
        self.stream.turn_back(fault);
    }

    fn said(&self) -> Option<&Said> {
        self.stream.said()
    }

    fn resume(&mut self, continuation: Continuation, _undress: Option<Box<dyn Undress>>) {
        self.stream.resume(continuation);
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        let mut written = Vec::new();
        self.stream.fail(fault, &mut written);
        written.into()
    }

    fn usage(&self) -> Option<Usage> {
        self.told.usage
    }

    fn outputs(&self) -> u64 {
        self.told.outputs
    }

    fn losses(&self) -> Option<Losses> {
        let mut losses = self.stream.losses();
        if self.has_kept_all {
            losses.forget_proofs();
        }
        Some(losses)
    }
}
