//! How many of something there are right now: what only grows here is a leak.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A count of what is there. Clones count the same.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Tally);

impl Tally {
    /// One more, as long as the answer lives.
    pub(crate) fn enter(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
