//! Two dialects: the provider's events are read, and written as the client's.

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    codec::{Codec, Step, StreamDecoder, StreamEncoder},
    continuity::Collector,
    framing::Framer,
    ir::{Event, Fault, FaultKind, Losses, Usage},
};

use super::{Passage, Progress, cut, unreadable};
use crate::proofs::OwnProofs;

/// Decodes one dialect's stream and encodes another's.
pub(crate) struct Translated {
    framer: Framer,
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    /// Gone once the answer is complete and its proofs are kept.
    collector: Option<Collector>,
    proofs: OwnProofs,
    has_kept_all: bool,
    seen: Seen,
}

/// What the gateway itself wants to know of the events.
#[derive(Default)]
struct Seen {
    has_output: bool,
    usage: Option<Usage>,
}

impl Seen {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            // A block that merely begins may still be all there is of a failing answer.
            Event::Delta { .. } | Event::Stop { .. } | Event::End => self.has_output = true,
            Event::Usage(usage) => self.usage = Some(*usage),
            Event::Start { .. }
            | Event::BlockStart { .. }
            | Event::BlockStop { .. }
            | Event::Logprobs { .. }
            | Event::Ping => {}
        }
    }
}

impl Translated {
    pub(crate) fn new(
        upstream: &dyn Codec,
        encoder: Box<dyn StreamEncoder>,
        collector: Collector,
        proofs: OwnProofs,
    ) -> Self {
        Self {
            framer: Framer::new(upstream.framing()),
            decoder: upstream.decoder(),
            encoder,
            collector: Some(collector),
            proofs,
            has_kept_all: false,
            seen: Seen::default(),
        }
    }

    /// Has the decoder take a step and writes what it hands over.
    fn step(
        &mut self,
        written: &mut Vec<u8>,
        take: impl FnOnce(&mut dyn StreamDecoder, &mut dyn FnMut(Event<'_>)) -> Step,
    ) -> Progress {
        let Self { decoder, encoder, collector, seen, .. } = self;
        let step = take(decoder.as_mut(), &mut |event| {
            seen.note(&event);
            if let Some(collector) = collector {
                collector.event(&event);
            }
            encoder.event(&event, written);
        });
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
        let Ok(batch) = self.framer.push(chunk) else { return unreadable() };
        let mut written = Vec::with_capacity(batch.bytes.len());
        let mut progress = Progress::Open;
        for event in batch.events() {
            progress = self.step(&mut written, |decoder, sink| decoder.event(event, sink));
            if progress != Progress::Open {
                break;
            }
        }
        out.extend((!written.is_empty()).then(|| written.into()));
        progress
    }

    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        let mut written = Vec::new();
        let mut progress = Progress::Open;
        if let Some(last) = self.framer.finish() {
            progress = self.step(&mut written, |decoder, sink| decoder.event(&last, sink));
        }
        // Half an event is no event: the decoder's own end says whether something is missing.
        if matches!(progress, Progress::Open | Progress::Broken(..)) {
            progress = self.step(&mut written, |decoder, sink| decoder.finish(sink));
        }
        out.extend((!written.is_empty()).then(|| written.into()));
        match progress {
            Progress::Open | Progress::Broken(..) => cut(),
            progress => progress,
        }
    }

    fn has_output(&self) -> bool {
        self.seen.has_output
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        let mut written = Vec::new();
        self.encoder.fail(fault, &mut written);
        written.into()
    }

    fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    fn losses(&self) -> Option<Losses> {
        let mut losses = self.encoder.losses().clone();
        if self.has_kept_all {
            losses.forget_proofs();
        }
        Some(losses)
    }
}
