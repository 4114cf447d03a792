//! How those who wait for records hear of one, at no cost for the writer while nobody waits.

use std::{
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Rung when there may be something new.
#[derive(Default)]
pub(crate) struct Bell {
    listeners: AtomicUsize,
    rings: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    /// Wakes all who wait.
    pub(crate) fn ring(&self) {
        if self.listeners.load(Ordering::SeqCst) > 0 {
            let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
            *rings = rings.wrapping_add(1);
            self.changed.notify_all();
        }
    }

    /// Waits until the bell rings, at most `longest`, unless `is_there` says that there is no need to. Who makes it true
    /// rings afterwards.
    pub(crate) fn wait_unless(&self, longest: Duration, is_there: impl FnOnce() -> bool) {
        let rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the look: a change after the look finds a listener and rings.
        self.listeners.fetch_add(1, Ordering::SeqCst);
        if !is_there() {
            let before = *rings;
            drop(
                self.changed
                    .wait_timeout_while(rings, longest, |rings| *rings == before)
                    .unwrap_or_else(PoisonError::into_inner),
            );
        }
        self.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}
