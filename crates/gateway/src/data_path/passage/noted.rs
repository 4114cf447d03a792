//! A stream whose whole answer is kept once its last event has passed.

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    forms::Undress,
    framing::{Framer, Framing},
    ir::{Fault, Losses, Usage},
    resume::Said,
    translate::Continuation,
};

use super::{Passage, Progress};
use crate::answers::Note;

/// Passes another passage on, and looks for its last event.
pub(crate) struct Noted {
    passage: Box<dyn Passage>,
    /// How the client's events are framed.
    framing: Framing,
    /// Gone once the last event was found.
    note: Option<Note>,
}

impl Noted {
    pub(crate) fn new(passage: Box<dyn Passage>, framing: Framing, note: Note) -> Self {
        Self { passage, framing, note: Some(note) }
    }

    /// Keeps the answer that the last of these whole events carries.
    pub(crate) fn note<'b>(&mut self, pieces: impl Iterator<Item = &'b Bytes>) {
        let Some(note) = self.note.take() else { return };
        let mut bytes = Vec::new();
        pieces.for_each(|piece| bytes.extend_from_slice(piece));
        let Ok(batch) = Framer::new(self.framing).push(&bytes.into()) else { return };
        let answers = batch.events().map(|event| self.framing.payload(event));
        if let Some(answer) = answers.filter_map(|payload| note.conversations.answer_of(&payload)).last() {
            note.keep(answer);
        }
    }

    /// The last event is among what came last, because only then the answer is complete.
    fn passed(&mut self, progress: Progress, before: usize, out: &VecDeque<Bytes>) -> Progress {
        if progress == Progress::Complete {
            self.note(out.iter().skip(before));
        }
        progress
    }
}

impl Passage for Noted {
    fn chunk(&mut self, chunk: &Bytes, out: &mut VecDeque<Bytes>) -> Progress {
        let before = out.len();
        let progress = self.passage.chunk(chunk, out);
        self.passed(progress, before, out)
    }

    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        let before = out.len();
        let progress = self.passage.end(out);
        self.passed(progress, before, out)
    }

    fn broken(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        let before = out.len();
        let progress = self.passage.broken(out);
        self.passed(progress, before, out)
    }

    fn has_output(&self) -> bool {
        self.passage.has_output()
    }

    fn has_answer(&self) -> bool {
        self.passage.has_answer()
    }

    fn turn_back(&self, fault: &mut Fault) {
        self.passage.turn_back(fault);
    }

    fn said(&self) -> Option<&Said> {
        self.passage.said()
    }

    fn resume(&mut self, continuation: Continuation, undress: Option<Box<dyn Undress>>) {
        self.passage.resume(continuation, undress);
    }

    fn fail(&mut self, fault: &Fault) -> Bytes {
        self.passage.fail(fault)
    }

    fn usage(&self) -> Option<Usage> {
        self.passage.usage()
    }

    fn outputs(&self) -> u64 {
        self.passage.outputs()
    }

    fn losses(&self) -> Option<Losses> {
        self.passage.losses()
    }
}
