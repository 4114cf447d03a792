//! What the operator is told: once in a while for each subject, however often it comes and goes, and once that it is over. In
//! the log, and by whatever else the config names.

mod counts;
mod courier;
mod fleet;
mod mail;
mod post;
mod rate;
mod sink;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
pub(crate) use lockgate_alerts::{Alert, Kind};
use lockgate_alerts::{Memory, News, Notice, Status};
use tokio_util::task::TaskTracker;

use crate::{clock, ids::Ids};
use counts::Counts;
use courier::Courier;
pub(crate) use courier::SinkState;
pub(crate) use fleet::{answers, left_alone, refused};
use rate::Rate;
pub(crate) use rate::watch;
pub(crate) use sink::{Sink, Wish};

/// How many of the last alerts are kept in memory.
const KEPT: usize = 200;
/// How long what is on its way may take at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Tells the operator. Lives as long as the gateway; what it is to do comes with each config.
pub(crate) struct Alerts {
    memory: Mutex<Memory>,
    /// Of which kinds something was told whose end was not: mostly of none, and then nothing is looked up.
    open: [AtomicBool; Kind::COUNT],
    wish: ArcSwap<Wish>,
    couriers: Mutex<Vec<Arc<Courier>>>,
    /// The last alerts, the oldest first.
    last: Mutex<VecDeque<Arc<Notice>>>,
    rate: Rate,
    ids: Ids,
    counts: Counts,
}

/// What came of a message to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tried {
    pub(crate) sink: String,
    /// By which way: the word that it stands under in the config.
    pub(crate) form: &'static str,
    /// Why it was not taken, without a secret.
    pub(crate) error: Option<String>,
    pub(crate) took: Duration,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            memory: Mutex::default(),
            open: Default::default(),
            wish: ArcSwap::default(),
            couriers: Mutex::default(),
            last: Mutex::default(),
            rate: Rate::new(clock::now()),
            ids: Ids::new(),
            counts: Counts::default(),
        }
    }
}

impl Alerts {
    /// Goes on as `wish` has it. Receivers that are as they were go on with what waits for them; to others what waits is
    /// sent at once, and that is their end.
    pub(crate) fn set(&self, wish: &Arc<Wish>, tasks: &TaskTracker) {
        self.wish.store(Arc::clone(wish));
        let mut couriers = lock(&self.couriers);
        let older = std::mem::take(&mut *couriers);
        for sink in &wish.sinks {
            let known = older.iter().find(|courier| courier.sink.is_as(sink));
            let new = || {
                let courier = Courier::new(Arc::clone(sink), self.counts.of_sink(&sink.name));
                tasks.spawn(Arc::clone(&courier).run());
                courier
            };
            couriers.push(known.map_or_else(new, Arc::clone));
        }
        for gone in older.iter().filter(|old| !couriers.iter().any(|courier| Arc::ptr_eq(courier, old))) {
            gone.end();
        }
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

    /// Counts a call that has ended.
    pub(crate) fn settled(&self, record: &lockgate_store::CallRecord, now: Instant) {
        self.rate.settled(record, self.wish.load().error_rate.window, now);
    }

    /// The last alerts, the newest first.
    pub(crate) fn last(&self) -> Vec<Arc<Notice>> {
        lock(&self.last).iter().rev().map(Arc::clone).collect()
    }

    /// How each receiver is, in the order of the config.
    pub(crate) fn sinks(&self) -> Vec<SinkState> {
        lock(&self.couriers).iter().map(|courier| courier.state()).collect()
    }

    /// How many there were, and what became of them.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the config says that counts.
    pub(crate) fn wish(&self) -> Arc<Wish> {
        self.wish.load_full()
    }

    /// Sends what waits, and ends. Waits no longer than a moment.
    pub(crate) async fn finish(&self) {
        let couriers = std::mem::take(&mut *lock(&self.couriers));
        couriers.iter().for_each(|courier| courier.end());
        let all = async {
            for courier in &couriers {
                courier.ended().await;
            }
        };
        if tokio::time::timeout(FAREWELL, all).await.is_err() {
            couriers.iter().for_each(|courier| courier.abort());
            tracing::warn!("alerts were still on their way at the end and are lost");
        }
    }

    fn tell(&self, status: Status, alert: Alert) -> bool {
        let kind = alert.kind;
        {
            let mut memory = lock(&self.memory);
            let news = News { kind, subject: &alert.subject, status };
            let is_told = memory.admit(news, self.wish.load().cooldown, clock::now());
            self.open[kind.place()].store(memory.open(kind) > 0, Ordering::Relaxed);
            if !is_told {
                return false;
            }
        }
        self.counts.count(kind, status);
        let notice = Arc::new(Notice::new(new_id(&self.ids), clock::wall(), status, alert));
        let Notice { subject, text, .. } = &*notice;
        let (alert, title) = (kind.name(), kind.title(status));
        match status {
            Status::Raised => tracing::warn!(alert, subject, "{title}: {text}"),
            Status::Resolved => tracing::info!(alert, subject, "{title}: {text}"),
        }
        {
            let mut last = lock(&self.last);
            if last.len() >= KEPT {
                last.pop_front();
            }
            last.push_back(Arc::clone(&notice));
        }
        for courier in lock(&self.couriers).iter().filter(|courier| courier.sink.wants(kind)) {
            courier.take(&notice);
        }
        true
    }
}

/// What tells a notice from all others.
fn new_id(ids: &Ids) -> String {
    format!("alert_{:016x}{:016x}", ids.seed(), ids.seed())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
