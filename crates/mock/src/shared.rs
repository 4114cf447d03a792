//! What all connections of one mock share, and the lever that breaks one of them.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{Behaviour, Door, Settings, door::Order, ledger::Ledger, schedule::Schedule};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Ledger>,
    behaviour: Mutex<Arc<Behaviour>>,
    schedule: Mutex<Schedule>,
    connections: AtomicUsize,
    orders: mpsc::UnboundedSender<Order>,
}

/// Counts one open connection while it lives.
pub(crate) struct Open(Arc<Shared>);

/// Breaks the connection it belongs to, with a TCP reset.
#[derive(Clone)]
pub(crate) struct Breaker {
    reset: Arc<AtomicBool>,
    spared: Arc<AtomicBool>,
    slam: Slam,
    cancel: CancellationToken,
}

/// Breaks all connections of one time between two doors, with TCP resets.
#[derive(Clone)]
pub(crate) struct Slam {
    reset: Arc<AtomicBool>,
    cancel: CancellationToken,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(settings: Settings, orders: mpsc::UnboundedSender<Order>) -> Self {
        Self {
            orders,
            ledger: Arc::new(Ledger::new(settings.ledger_entries, settings.keep_bodies)),
            behaviour: Mutex::new(Arc::new(settings.behaviour.clone())),
            schedule: Mutex::default(),
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

    /// What is to go wrong.
    pub(crate) fn schedule(&self) -> MutexGuard<'_, Schedule> {
        lock(&self.schedule)
    }

    /// Orders what is to become of connections; what comes back says that it is so.
    pub(crate) fn shut(&self, door: Door, lasts: std::time::Duration) -> oneshot::Receiver<()> {
        let (order, carried_out) = Order::new(door, lasts);
        // A mock that is stopped has no door.
        let _ = self.orders.send(order);
        carried_out
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// As it was at the start.
    pub(crate) fn reset(&self) {
        *self.schedule() = Schedule::default();
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
    /// For a connection that ends when `slam` says so.
    pub(crate) fn new(slam: &Slam) -> Self {
        let cancel = slam.cancel.child_token();
        Self { reset: Arc::default(), spared: Arc::default(), slam: slam.clone(), cancel }
    }

    /// Ends the connection, and has its socket close with a reset.
    pub(crate) fn reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }

    /// Lets the connection finish what it is doing when all are broken: it gave the order.
    pub(crate) fn spare(&self) {
        self.spared.store(true, Ordering::Relaxed);
    }

    /// Whether the connection may finish what it is doing.
    pub(crate) fn is_spared(&self) -> bool {
        self.spared.load(Ordering::Relaxed)
    }

    /// Whether the socket is to close with a reset.
    pub(crate) fn is_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed) || (self.slam.reset.load(Ordering::Relaxed) && !self.is_spared())
    }

    /// Returns when the connection is to end, by a reset or with the mock.
    pub(crate) async fn cancelled(&self) {
        self.cancel.cancelled().await;
    }
}

// === impl Slam ===

impl Slam {
    /// For connections that end when `cancel` says so.
    pub(crate) fn new(cancel: &CancellationToken) -> Self {
        Self { reset: Arc::default(), cancel: cancel.child_token() }
    }

    /// Breaks them all.
    pub(crate) fn slam(&self) {
        self.reset.store(true, Ordering::Relaxed);
        self.cancel.cancel();
    }
}
