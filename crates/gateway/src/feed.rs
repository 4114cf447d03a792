//! What is told of calls as they are settled: to those who listen, and in figures of the last minute.

mod pulse;

use std::{sync::Arc, time::Instant};

use lockgate_store::{CallRecord, Ended};
use tokio::sync::broadcast::{Receiver, Sender};
use tokio_util::sync::CancellationToken;

use crate::{
    admin::{self, CallLine},
    tally::{Counted, Tally},
};
pub(crate) use pulse::{Counts, Figures, Pulse};

/// Calls that are kept for who is slow; who is slower is told how many went by.
const KEPT: usize = 1024;
/// More than this many cannot listen at once.
const MOST_LISTENERS: usize = 32;

/// Where settled calls are told of.
pub(crate) struct Feed {
    sender: Sender<Arc<CallLine>>,
    listeners: Tally,
    ending: CancellationToken,
    /// The last minute.
    pub(crate) pulse: Pulse,
}

/// One who listens, until it is dropped.
pub(crate) struct Listener {
    pub(crate) calls: Receiver<Arc<CallLine>>,
    /// Comes when the gateway drains.
    pub(crate) ending: CancellationToken,
    _counted: Counted,
}

impl Feed {
    /// Of a gateway that has run since `start`.
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            sender: Sender::new(KEPT),
            listeners: Tally::default(),
            ending: CancellationToken::new(),
            pulse: Pulse::new(start),
        }
    }

    /// A call is settled at `now`. It is put into words only if somebody listens, or if it failed.
    pub(crate) fn settled(&self, record: &CallRecord, now: Instant) {
        let is_heard = self.listeners.now() > 0;
        let has_failed = record.ended != Ended::Answered;
        let line = (is_heard || has_failed).then(|| Arc::new(admin::line(record)));
        if is_heard && let Some(line) = &line {
            // The last who listened may be gone.
            let _ = self.sender.send(Arc::clone(line));
        }
        self.pulse.beat(record, line.filter(|_| has_failed), now);
    }

    /// One more who listens; `None` if there are as many as there may be.
    pub(crate) fn listen(&self) -> Option<Listener> {
        let counted = self.listeners.enter();
        (self.listeners.now() <= MOST_LISTENERS).then(|| Listener {
            calls: self.sender.subscribe(),
            ending: self.ending.clone(),
            _counted: counted,
        })
    }

    /// Tells all who listen that nothing more comes.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }
}
