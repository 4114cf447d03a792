//! What the operator is told: once in a while for each subject, however often it comes and goes, and once that it is over.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) use lockgate_alerts::{Alert, Kind};
use lockgate_alerts::{Memory, News, Status};
use lockgate_config as config;

use crate::clock;

/// Tells the operator. Lives as long as the gateway; what it is to do comes with each config.
#[derive(Default)]
pub(crate) struct Alerts {
    memory: Mutex<Memory>,
    /// Of which kinds something was told whose end was not: mostly of none, and then nothing is looked up.
    open: [AtomicBool; Kind::COUNT],
    /// For how many milliseconds a subject that was told of is not told of again.
    cooldown: AtomicU64,
}

impl Alerts {
    /// Goes on as `wish` has it.
    pub(crate) fn set(&self, wish: &config::Alerts) {
        let millis = u64::try_from(wish.cooldown.as_millis()).unwrap_or(u64::MAX);
        self.cooldown.store(millis, Ordering::Relaxed);
    }

    /// Tells that something is the matter, unless that was told of the same kind and subject a moment ago. True if it was
    /// told. Never waits for anybody who is told.
    pub(crate) fn raise(&self, alert: Alert) -> bool {
        self.tell(Status::Raised, alert)
    }

    /// Tells that what was raised of this kind and subject is over, if it was told. True if this was told.
    pub(crate) fn resolve(&self, alert: Alert) -> bool {
        self.is_open(alert.kind) && self.tell(Status::Resolved, alert)
    }

    /// Whether something of this kind was told whose end was not. Costs nothing, for those who would have to find out what
    /// to resolve.
    pub(crate) fn is_open(&self, kind: Kind) -> bool {
        self.open[kind.place()].load(Ordering::Relaxed)
    }

    #[allow(clippy::needless_pass_by_value, reason = "it goes on to whoever is told")]
    fn tell(&self, status: Status, alert: Alert) -> bool {
        let Alert { kind, subject, text } = &alert;
        let cooldown = Duration::from_millis(self.cooldown.load(Ordering::Relaxed));
        {
            let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            let is_told = memory.admit(News { kind: *kind, subject, status }, cooldown, clock::now());
            self.open[kind.place()].store(memory.open(*kind) > 0, Ordering::Relaxed);
            if !is_told {
                return false;
            }
        }
        let (alert, title) = (kind.name(), kind.title(status));
        match status {
            Status::Raised => tracing::warn!(alert, subject, "{title}: {text}"),
            Status::Resolved => tracing::info!(alert, subject, "{title}: {text}"),
        }
        true
    }
}
