//! Brings one receiver what it is to be told, beside everything else and without anybody who waits for it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use lockgate_alerts::{Failure, Message, Notice, Outbox};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Sink, counts::Deliveries, lock};
use crate::clock;

/// How long it waits for more after the first: what goes down together is told together.
const GATHER: Duration = Duration::from_secs(1);
/// The shortest time between two messages: the chats take 20 a minute.
const SPACING: Duration = Duration::from_secs(5);
/// How often a message is sent at most.
const TRIES: u32 = 3;
/// The pause before the second try; the one before the third is four times as long.
const PAUSE: Duration = Duration::from_secs(2);

/// Brings one receiver what it is to be told.
pub(super) struct Courier {
    pub(super) sink: Arc<Sink>,
    outbox: Mutex<Outbox>,
    counts: Mutex<Counts>,
    deliveries: Arc<Deliveries>,
    wake: Notify,
    /// From here on nothing is waited for.
    hurry: CancellationToken,
    /// From here on nothing is done.
    abort: CancellationToken,
    /// It has come to its end.
    ended: CancellationToken,
}

/// What came of its messages.
#[derive(Debug, Clone, Default)]
struct Counts {
    sent: u64,
    failed: u64,
    left_out: u64,
    last_sent: Option<SystemTime>,
    last_failed: Option<(SystemTime, String)>,
}

/// How a receiver is.
#[derive(Debug, Clone)]
pub(crate) struct SinkState {
    pub(crate) name: String,
    /// The word that it stands under in the config.
    pub(crate) form: &'static str,
    /// Alerts that wait for it.
    pub(crate) waiting: usize,
    /// Messages that it took.
    pub(crate) sent: u64,
    /// Messages that were given up.
    pub(crate) failed: u64,
    /// Alerts that found no room.
    pub(crate) left_out: u64,
    pub(crate) last_sent: Option<SystemTime>,
    /// When it last did not take a message, and why, if it took none since.
    pub(crate) last_failed: Option<(SystemTime, String)>,
}

impl Courier {
    pub(super) fn new(sink: Arc<Sink>, deliveries: Arc<Deliveries>) -> Arc<Self> {
        let abort = CancellationToken::new();
        Arc::new(Self {
            sink,
            outbox: Mutex::default(),
            counts: Mutex::default(),
            deliveries,
            wake: Notify::new(),
            hurry: abort.child_token(),
            abort,
            ended: CancellationToken::new(),
        })
    }

    /// Has it bring that.
    pub(super) fn take(&self, notice: &Arc<Notice>) {
        if lock(&self.outbox).push(Arc::clone(notice)) {
            lock(&self.counts).left_out += 1;
            self.deliveries.dropped.add(1);
        }
        self.wake.notify_one();
    }

    /// How its receiver is.
    pub(super) fn state(&self) -> SinkState {
        let waiting = lock(&self.outbox).len();
        let Counts { sent, failed, left_out, last_sent, last_failed } = lock(&self.counts).clone();
        let (name, form) = (self.sink.name.clone(), self.sink.form());
        SinkState { name, form, waiting, sent, failed, left_out, last_sent, last_failed }
    }

    /// Has it send what waits, once, and end.
    pub(super) fn end(&self) {
        self.hurry.cancel();
    }

    /// Has it end whatever waits.
    pub(super) fn abort(&self) {
        self.abort.cancel();
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(super) async fn run(self: Arc<Self>) {
        tokio::select! {
            () = self.abort.cancelled() => {}
            () = self.work() => {}
        }
        self.ended.cancel();
    }

    async fn work(&self) {
        loop {
            if lock(&self.outbox).is_empty() {
                if self.hurry.is_cancelled() {
                    return;
                }
                tokio::select! {
                    () = self.hurry.cancelled() => {}
                    () = self.wake.notified() => {}
                }
                continue;
            }
            self.pause(GATHER).await;
            let message = lock(&self.outbox).take();
            if let Some(message) = message {
                self.bring(&message).await;
                self.pause(SPACING).await;
            }
        }
    }

    async fn bring(&self, message: &Message) {
        let (sink, alerts) = (self.sink.name.as_str(), message.notices.len() as u64);
        if message.left_out > 0 {
            tracing::warn!(sink, left_out = message.left_out, "more alerts than a receiver has room for");
        }
        for again in 1..=TRIES {
            let Err(failure) = self.sink.send(message).await else {
                let mut counts = lock(&self.counts);
                counts.sent += 1;
                self.deliveries.told.add(alerts);
                (counts.last_sent, counts.last_failed) = (Some(clock::wall()), None);
                return;
            };
            let Failure { text, may_pass, wait } = failure;
            lock(&self.counts).last_failed = Some((clock::wall(), text.clone()));
            if !may_pass || again == TRIES || self.hurry.is_cancelled() {
                lock(&self.counts).failed += 1;
                self.deliveries.failed.add(alerts);
                tracing::error!(sink, alerts, tries = again, why = text, "a receiver was not told of alerts");
                return;
            }
            tracing::debug!(sink, alerts, why = text, "a receiver of alerts is tried again");
            self.pause(wait.unwrap_or(PAUSE * 4u32.pow(again - 1))).await;
        }
    }

    async fn pause(&self, span: Duration) {
        tokio::select! {
            () = self.hurry.cancelled() => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}
