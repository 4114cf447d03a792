//! How a stream passes from a provider to a client: watched on its way, or translated.

#[cfg(test)]
mod cuts;
mod dressed;
mod noted;
mod translated;
mod watched;

use std::collections::VecDeque;

use bytes::Bytes;
use lockgate_protocol::{
    forms::Undress,
    ir::{Fault, FaultKind, Losses, Usage},
    resume::Said,
    translate::Continuation,
};

pub(crate) use dressed::Dressed;
pub(crate) use noted::Noted;
pub(crate) use translated::Translated;
pub(crate) use watched::Watched;

/// What the latest bytes of a stream came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The answer goes on.
    Open,
    /// The answer is complete.
    Complete,
    /// The provider says that it failed: its error body.
    Failed(Bytes),
    /// The answer broke off or is not what its dialect allows.
    Broken(FaultKind, String),
}

/// A stream under way. What can leave is put into `out`; what is judged has left nothing behind it to be sent.
pub(crate) trait Passage: Send {
    /// Takes the next bytes.
    fn chunk(&mut self, chunk: &Bytes, out: &mut VecDeque<Bytes>) -> Progress;

    /// Takes the end of the bytes.
    fn end(&mut self, out: &mut VecDeque<Bytes>) -> Progress;

    /// Takes the breaking off of the connection in place of the end: what came before may have been all there was.
    fn broken(&mut self, out: &mut VecDeque<Bytes>) -> Progress {
        self.end(out)
    }

    /// True once something of the answer itself has passed, not only what opens it.
    fn has_output(&self) -> bool;

    /// True once something of it has passed that is more than thinking.
    fn has_answer(&self) -> bool;

    /// Turns back what a cloak has covered of the request that the provider quotes in its failure.
    fn turn_back(&self, _fault: &mut Fault) {}

    /// What the client was sent, where somebody else can go on with it.
    fn said(&self) -> Option<&Said> {
        None
    }

    /// Goes on with the stream of somebody else, which comes in another form.
    fn resume(&mut self, _continuation: Continuation, _undress: Option<Box<dyn Undress>>) {}

    /// The client's dialect's own error, to be sent in place of what is missing.
    fn fail(&mut self, fault: &Fault) -> Bytes;

    /// How many events carried something of the answer: about its tokens, where the provider did not live to say.
    fn outputs(&self) -> u64;

    /// The latest usage the stream reported.
    fn usage(&self) -> Option<Usage>;

    /// What could not be said so far.
    fn losses(&self) -> Option<Losses>;
}

impl Progress {
    /// The fault that the progress stands for, if it is one; `classify` reads an error body.
    pub(crate) fn fault(self, classify: impl FnOnce(&Bytes) -> Fault) -> Result<Self, Fault> {
        match self {
            Self::Failed(body) => Err(classify(&body)),
            Self::Broken(kind, why) => Err(Fault::new(kind, why)),
            progress => Ok(progress),
        }
    }
}

/// An event of the stream is not readable.
fn garbled() -> Progress {
    Progress::Broken(
        FaultKind::Garbled,
        "the provider's stream has an event that is not what it should be".to_owned(),
    )
}

/// The stream ended too early.
fn cut() -> Progress {
    Progress::Broken(FaultKind::Cut, "the provider's answer broke off".to_owned())
}

/// The stream said nothing at all.
fn empty() -> Progress {
    Progress::Broken(FaultKind::Garbled, "the provider's answer is empty".to_owned())
}

/// The bytes cannot be cut into events: one is longer than anything real, or a checksum does not fit.
fn unreadable() -> Progress {
    Progress::Broken(FaultKind::Garbled, "the provider's stream cannot be cut into events".to_owned())
}
