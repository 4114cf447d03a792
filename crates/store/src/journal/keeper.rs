//! The journal's own thread: everything that must not take a call's time.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Event, bell::Bell, retention, segments::Shared, writer::Retried};
use crate::clock;

/// The time between two looks. Calls that are settled between them cost no line that they have begun.
const GLANCE: Duration = Duration::from_millis(50);
/// What a machine that loses its power may take along.
const SYNC: Duration = Duration::from_secs(1);
/// How often ages are looked at.
const RETAIN: Duration = Duration::from_secs(60);
/// Waiting records that are written while the lock is held.
const AT_ONCE: usize = 64;

/// How the thread is woken.
#[derive(Default)]
pub(crate) struct Keeper {
    bell: Bell,
    /// Whether there is something to do soon.
    has_work: AtomicBool,
    stops: AtomicBool,
}

impl Keeper {
    /// Says that there is something to do within a glance.
    pub(crate) fn wake(&self) {
        if !self.has_work.load(Ordering::Relaxed) && !self.has_work.swap(true, Ordering::SeqCst) {
            self.bell.ring();
        }
    }

    pub(crate) fn stop(&self) {
        self.stops.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    fn is_stopped(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }
}

/// Starts the thread.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name("journal".to_owned()).spawn(move || {
        let mut rounds = Rounds::new();
        while !shared.keeper.is_stopped() {
            rounds.wait(&shared);
            rounds.go(&shared);
        }
        // Calls that are still under way are found as interrupted at the next start.
        rounds.go(&shared);
        rounds.sync(&shared);
    })
}

/// What the thread remembers from one look to the next.
pub(crate) struct Rounds {
    is_idle: bool,
    retained: Option<Instant>,
    synced: Instant,
    synced_end: super::Position,
    is_in_trouble: bool,
    /// Records that had been lost when the last trouble was over.
    lost: u64,
}

impl Rounds {
    pub(crate) fn new() -> Self {
        Self {
            is_idle: false,
            retained: None,
            synced: clock::now(),
            synced_end: super::Position::default(),
            is_in_trouble: false,
            lost: 0,
        }
    }

    fn wait(&self, shared: &Shared) {
        let keeper = &shared.keeper;
        if self.is_idle {
            let has_reason = || keeper.has_work.load(Ordering::SeqCst) || keeper.is_stopped();
            keeper.bell.wait_unless(RETAIN, has_reason);
        } else {
            // Not at the bell: under load it would ring for every look.
            thread::sleep(GLANCE);
        }
    }

    /// One look at everything.
    pub(crate) fn go(&mut self, shared: &Shared) {
        // Before the look: what comes after it says so again.
        shared.keeper.has_work.store(false, Ordering::SeqCst);
        let has_begun = shared.write_begins(shared.pending());
        let takes_records = self.write_waiting(shared);
        let has_rotated = takes_records && self.rotate(shared);
        if clock::now() - self.synced >= SYNC {
            self.sync(shared);
        }
        if has_rotated || self.retained.is_none_or(|then| clock::now() - then >= RETAIN) {
            self.retained = Some(clock::now());
            self.retain(shared);
        }
        self.is_idle = has_begun && takes_records && self.synced_end == shared.end();
    }

    /// True if all that waited is written.
    fn write_waiting(&mut self, shared: &Shared) -> bool {
        let standing = shared.writer().standing();
        let Some(trouble) = standing.trouble else { return true };
        if !self.is_in_trouble {
            self.is_in_trouble = true;
            shared.settings.watcher.tell(&Event::Stuck { error: trouble.error });
        }
        let mut retried = Retried::Some;
        // As long as it goes on, but not for ever while more comes in.
        for _ in 0..=standing.waiting / AT_ONCE {
            retried = shared.writer().retry(AT_ONCE);
            if retried != Retried::Some {
                break;
            }
        }
        shared.written.ring();
        if retried != Retried::All {
            return false;
        }
        self.is_in_trouble = false;
        let lost = shared.writer().standing().lost;
        shared.settings.watcher.tell(&Event::Recovered { lost: lost - self.lost });
        self.lost = lost;
        true
    }

    /// True if there is a new segment.
    fn rotate(&mut self, shared: &Shared) -> bool {
        if shared.end().offset < shared.settings.segment_bytes(shared.keep()) {
            return false;
        }
        let (old, has_rotated) = {
            let mut writer = shared.writer();
            (writer.file(), writer.rotate().is_ok())
        };
        if has_rotated {
            // What cannot be synced now is written by the system in its own time.
            drop(old.sync());
            shared.written.ring();
        }
        // Where there is no room for a new segment, the old one goes on; so is the next look.
        has_rotated
    }

    fn sync(&mut self, shared: &Shared) {
        let (end, file) = {
            let writer = shared.writer();
            (writer.end(), writer.file())
        };
        self.synced = clock::now();
        if end == self.synced_end {
            return;
        }
        match file.sync() {
            Ok(()) => self.synced_end = end,
            Err(_) => shared.counters.fail_sync(),
        }
    }

    fn retain(&mut self, shared: &Shared) {
        match retention::retain(shared) {
            Ok(0) => {}
            Ok(segments) => {
                shared.counters.delete_unread(segments);
                shared.settings.watcher.tell(&Event::DeletedUnread { segments });
            }
            // At the next look.
            Err(_) => self.retained = None,
        }
    }
}
