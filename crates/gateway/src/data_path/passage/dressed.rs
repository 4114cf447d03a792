//! A stream that comes in a host's form: taken out of it, then passed on like any other.

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    forms::{Trouble, Undress, Undressed},
    ir::{Fault, Losses, Usage},
    resume::Said,
    translate::Continuation,
};

use super::{Passage, Progress, unreadable};

/// Takes a stream out of its form in front of another passage.
pub(crate) struct Dressed {
    /// Absent where a stream comes bare, but who goes on with it may not.
    undress: Option<Box<dyn Undress>>,
    passage: Box<dyn Passage>,
}

impl Dressed {
    pub(crate) fn new(undress: Option<Box<dyn Undress>>, passage: Box<dyn Passage>) -> Self {
        Self { undress, passage }
    }

    /// Passes on what came out of the form; what ends the stream counts only if the answer was not complete before.
    fn pass(&mut self, undressed: &Undressed, out: &mut VecDeque<Bytes>) -> Progress {
        let progress = match undressed.bytes.is_empty() {
            true => Progress::Open,
            false => self.passage.chunk(&undressed.bytes, out),
        };
        match (&undressed.end, progress) {
            (Some(Trouble::Failed(body)), Progress::Open) => Progress::Failed(body.clone()),
            (Some(Trouble::Unreadable), Progress::Open) => unreadable(),
            (_, progress) => progress,
        }
    }
}

impl Passage for Dressed {
    fn chunk(&mut self, chunk: &Bytes, out: &mut VecDeque<Bytes>) -> Progress {
        let Some(undress) = &mut self.undress else { return self.passage.chunk(chunk, out) };
        let undressed = undress.push(chunk);
        self.pass(&undressed, out)
    }

    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        let Some(undress) = &mut self.undress else { return self.passage.end(out) };
        let undressed = undress.finish();
        match self.pass(&undressed, out) {
            Progress::Open => self.passage.end(out),
            progress => progress,
        }
    }

    fn broken(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        let Some(undress) = &mut self.undress else { return self.passage.broken(out) };
        let undressed = undress.finish();
        match self.pass(&undressed, out) {
            Progress::Open => self.passage.broken(out),
            progress => progress,
        }
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
        self.passage.resume(continuation, None);
        self.undress = undress;
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
