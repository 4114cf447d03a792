//! Waiting until the disk has what was written: all who wait share one sync.

use std::{
    fs::File,
    io,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread::{self, JoinHandle},
};

use super::{Position, medium::SegmentFile, segments::Shared};

/// Comes when the disk has what had been written when it was made. It comes as well when the disk takes nothing: a call does
/// not wait for a disk to be emptied.
#[must_use = "nothing waits for it"]
pub struct Durable {
    shared: Arc<Shared>,
    up_to: Position,
}

/// What the disk has, and who waits for more.
#[derive(Default)]
pub(crate) struct Syncs {
    state: Mutex<State>,
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether anybody shall wait.
    is_on: bool,
    /// Up to where the disk has all, or could not be told to.
    end: Position,
    waiting: Vec<(Position, Waker)>,
    stops: bool,
}

impl Syncs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has calls wait, or not, from now on.
    pub(crate) fn set(&self, is_on: bool) {
        self.state().is_on = is_on;
    }

    /// Lets all go who wait, and has the thread end.
    pub(crate) fn stop(&self) {
        self.state().stops = true;
        self.wanted.notify_all();
        self.release(None);
    }

    /// Lets those go who wait for what is before `end`; all of them if there is no telling.
    fn release(&self, end: Option<Position>) {
        let mut state = self.state();
        if let Some(end) = end {
            state.end = state.end.max(end);
        }
        let (ready, waiting) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|(up_to, _)| end.is_none_or(|end| *up_to <= end));
        state.waiting = waiting;
        drop(state);
        for (_, waker) in ready {
            waker.wake();
        }
    }

    /// Waits until somebody waits; false if it is to end.
    fn next(&self) -> bool {
        let state = self.state();
        let state = self
            .wanted
            .wait_while(state, |state| state.waiting.is_empty() && !state.stops)
            .unwrap_or_else(PoisonError::into_inner);
        !state.stops
    }
}

impl Durable {
    /// For all that is written by now; `None` where nobody is to wait.
    pub(crate) fn now(shared: &Arc<Shared>) -> Option<Self> {
        let is_on = {
            let state = shared.syncs.state();
            state.is_on && !state.stops
        };
        is_on.then(|| Self { shared: Arc::clone(shared), up_to: shared.end() })
    }
}

impl Future for Durable {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let is_stuck = || self.shared.writer().standing().trouble.is_some();
        let mut state = self.shared.syncs.state();
        if state.end >= self.up_to || state.stops {
            return Poll::Ready(());
        }
        // Woken without a word from the thread: by a sync that failed, or by somebody else.
        state.waiting.retain(|(_, waker)| !waker.will_wake(context.waker()));
        state.waiting.push((self.up_to, context.waker().clone()));
        drop(state);
        if is_stuck() {
            return Poll::Ready(());
        }
        self.shared.syncs.wanted.notify_one();
        Poll::Pending
    }
}

/// Starts the thread that syncs for those who wait.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name("journal-sync".to_owned()).spawn(move || {
        let mut last: Option<Arc<dyn SegmentFile>> = None;
        while shared.syncs.next() {
            let (end, file) = {
                let writer = shared.writer();
                (writer.end(), writer.file())
            };
            let is_same = last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &file));
            let mut synced = file.sync();
            if !is_same {
                // What went into the segment before, and that there is a new one.
                let before = last.as_ref().map_or(Ok(()), |last| last.sync());
                let named = File::open(&shared.folder).and_then(|folder| folder.sync_all());
                synced = synced.and(before).and(named);
                last = Some(file);
            }
            if synced.is_err() {
                shared.counters.fail_sync();
            }
            // A disk that cannot be told to keep something keeps no call waiting: it is counted, and shown.
            shared.syncs.release(Some(end));
        }
    })
}
