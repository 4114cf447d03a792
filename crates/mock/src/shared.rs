//! What all connections of one mock share, and the lever that breaks one of them.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio_util::sync::CancellationToken;

use crate::{Behaviour, Fault, Settings, ledger::Ledger};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Ledger>,
    behaviour: Mutex<Arc<Behaviour>>,
    script: Mutex<Script>,
    connections: AtomicUsize,
}

#[derive(Default)]
struct Script {
    queue: VecDeque<Option<Fault>>,
    cycle: VecDeque<Option<Fault>>,
}

/// Counts one open connection while it lives.
pub(crate) struct Open(Arc<Shared>);

/// Breaks the connection it belongs to, with a TCP reset.
#[derive(Clone)]
pub(crate) struct Breaker {
    reset: Arc<AtomicBool>,
    cancel: CancellationToken,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(settings.ledger_entries, settings.keep_bodies)),
            behaviour: Mutex::new(Arc::new(settings.behaviour.clone())),
            script: Mutex::default(),
            connections: AtomicUsize::new(0),
            settings,
        }
    }

    pub(crate) fn behaviour(&self) -> Arc<Behaviour> {
        Arc::clone(&lock(&self.behaviour))
    }

    pub(crate) fn set_behaviour(&self, behaviour: Behaviour) {
        *lock(&self.behaviour) = Arc::new(behaviour);
    }

    pub(crate) fn script(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        lock(&self.script).queue.extend(faults);
    }

    pub(crate) fn cycle(&self, faults: Vec<Option<Fault>>) {
        lock(&self.script).cycle = faults.into();
    }

    /// The fault due for a request that begins now.
    pub(crate) fn next_fault(&self) -> Option<Fault> {
        let mut script = lock(&self.script);
        if let Some(fault) = script.queue.pop_front() {
            return fault;
        }
        let fault = script.cycle.pop_front()?;
        script.cycle.push_back(fault.clone());
        fault
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// As it was at the start.
    pub(crate) fn reset(&self) {
        *lock(&self.script) = Script::default();
        self.set_behaviour(self.settings.behaviour.clone());
        self.ledger.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Open ===

impl Open {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.ledger.connection();
        shared.connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Breaker ===

impl Breaker {
    /// For the connection that ends when `cancel` says so.
    pub(crate) fn new(cancel: CancellationToken) -> Self {
        Self { reset: Arc::default(), cancel }
    }

    /// Ends the connection, and has its socket close with a reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }

    /// Whether the socket is to close with a reset.
    pub(crate) fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Returns when the connection is to end, by a reset or with the mock.
    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}
