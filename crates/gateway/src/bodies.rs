//! What was said in a call, kept for the record: of which calls, and how much.

mod tape;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use lockgate_config::{Config, Share};

use crate::{access::Caller, bytes, training::Files};

pub(crate) use tape::Tape;

/// What all tapes may hold of answers together; what is beyond that is not kept.
const MOST: usize = 256 << 20;

/// Of which calls one config wants bodies, and how much of them.
#[derive(Debug)]
pub(crate) struct Wish {
    share: Share,
    limit: usize,
    /// Whose bodies are wanted whole.
    training: Option<Arc<Files>>,
}

/// What is to be kept of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// So many bytes of request and answer each; none if only a line for training is to be made.
    pub(crate) limit: Option<usize>,
    /// All of both, should it make a line of the training files.
    pub(crate) training: bool,
}

/// How much of answers is held by tapes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf(Arc<AtomicUsize>);

impl Wish {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            share: config.log.bodies,
            limit: bytes(config.log.body_limit.as_u64()),
            training: Files::of(config),
        }
    }

    /// What is to be kept of a call for `model`, if anything; `is_conversation` if it asks for an answer of a model.
    pub(crate) fn of_call(
        &self,
        model: &str,
        caller: Option<&Caller>,
        is_conversation: bool,
        dice: impl FnOnce() -> f64,
    ) -> Option<Wanted> {
        let share = caller.and_then(|caller| caller.log_bodies).unwrap_or(self.share);
        let is_kept = share == Share::ALL || (share != Share::NONE && share.takes(dice()));
        let key = caller.map(|caller| &*caller.name);
        let training =
            is_conversation && self.training.as_ref().is_some_and(|files| files.settings.wants(model, key));
        let wanted = Wanted { limit: is_kept.then_some(self.limit), training };
        (is_kept || training).then_some(wanted)
    }
}

impl Shelf {
    /// Room for so many bytes more; false if there is none.
    fn take(&self, size: usize) -> bool {
        let has_room = self.0.fetch_add(size, Ordering::Relaxed).saturating_add(size) <= MOST;
        if !has_room {
            self.give_back(size);
        }
        has_room
    }

    fn give_back(&self, size: usize) {
        self.0.fetch_sub(size, Ordering::Relaxed);
    }
}
