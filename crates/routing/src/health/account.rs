//! What is known of one credential, whatever model it is used for.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

use crate::health::{lock, rest::Rests};

/// What is known of one credential: a refused key or an empty account closes all its deployments at once, and one
/// request of one of them tries whether they may open again.
#[derive(Debug)]
pub struct Account {
    is_calm: AtomicBool,
    rests: Mutex<Rests>,
}

impl Default for Account {
    fn default() -> Self {
        Self { is_calm: AtomicBool::new(true), rests: Mutex::default() }
    }
}

impl Account {
    /// A credential that nothing is known of yet.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_calm(&self) -> bool {
        self.is_calm.load(Ordering::Acquire)
    }

    /// Taken after a deployment's own lock, never before it.
    pub(super) fn rests(&self) -> MutexGuard<'_, Rests> {
        lock(&self.rests)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Rests)) {
        let mut rests = self.rests();
        change(&mut rests);
        self.is_calm.store(rests.is_calm(), Ordering::Release);
    }
}
