//! Collects what calls leave and sends it in the background. Calls never wait for it: what finds no room is dropped and
//! counted, and a collector that is away costs nothing but what it does not get.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, sleep_until},
};

use super::{
    points,
    post::{Post, Trouble},
    settings::{Settings, Signal},
    spans::{self, Finished},
};
use crate::{Gateway, Setup, metrics::Metrics};

/// Most calls that wait to be sent.
const ROOM: usize = 2048;
/// Most calls that are sent at once.
const BATCH: usize = 512;
/// How long a call waits for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);
/// Pauses between tries to send the same.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// How often an operator is told that a collector takes nothing.
const COOLDOWN: Duration = Duration::from_secs(300);

/// What the task is told.
enum Order {
    Take(Box<Finished>),
    /// To send all it has, and to say so.
    Finish(oneshot::Sender<()>),
}

/// Takes what is to be sent. The task ends when the last of those who hold it is gone.
pub(super) struct Exporter {
    settings: Settings,
    orders: mpsc::Sender<Order>,
    metrics: Arc<Metrics>,
    /// Whose metrics are sent.
    setup: Arc<Mutex<Weak<Setup>>>,
}

impl Exporter {
    /// Starts to send as `settings` say.
    ///
    /// # Errors
    /// A file with certificates that cannot be used.
    pub(super) fn start(settings: Settings, gateway: &Gateway) -> Result<Self, String> {
        let post = Post::new(&settings)?;
        let (orders, received) = mpsc::channel(ROOM);
        let (metrics, setup) = (Arc::clone(&gateway.metrics), Arc::default());
        let work = Work {
            settings: settings.clone(),
            post,
            metrics: Arc::clone(&metrics),
            setup: Arc::clone(&setup),
            batch: Vec::new(),
            told: None,
        };
        gateway.tasks.spawn(work.run(received));
        Ok(Self { settings, orders, metrics, setup })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn takes_traces(&self) -> bool {
        self.settings.traces.is_some()
    }

    pub(super) fn counts_now(&self, setup: &Arc<Setup>) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(setup);
    }

    pub(super) fn take(&self, finished: Finished) {
        let spans = finished.spans();
        if self.orders.try_send(Order::Take(Box::new(finished))).is_err() {
            self.metrics.spans(points::DROPPED, spans);
        }
    }

    /// Returns when all is sent that was there.
    pub(super) async fn finish(&self) {
        let (done, heard) = oneshot::channel();
        if self.orders.send(Order::Finish(done)).await.is_ok() {
            let _ = heard.await;
        }
    }
}

/// The task's own.
struct Work {
    settings: Settings,
    post: Post,
    metrics: Arc<Metrics>,
    setup: Arc<Mutex<Weak<Setup>>>,
    batch: Vec<Finished>,
    /// When the operator was told that the collector takes nothing.
    told: Option<Instant>,
}

impl Work {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut due = Instant::now();
        let mut next = Instant::now() + self.settings.interval;
        loop {
            let has_some = !self.batch.is_empty();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Take(finished)) => {
                        if !has_some {
                            due = Instant::now() + DELAY;
                        }
                        self.batch.push(*finished);
                        if self.batch.len() >= BATCH {
                            self.send_spans(&PAUSES).await;
                        }
                    }
                    Some(Order::Finish(done)) => {
                        self.send_spans(&[]).await;
                        self.send_metrics().await;
                        let _ = done.send(());
                    }
                    // Another config has another exporter.
                    None => return self.send_spans(&[]).await,
                },
                () = sleep_until(due), if has_some => self.send_spans(&PAUSES).await,
                () = sleep_until(next), if self.settings.metrics.is_some() => {
                    self.send_metrics().await;
                    next = Instant::now() + self.settings.interval;
                }
            }
        }
    }

    async fn send_spans(&mut self, pauses: &[Duration]) {
        if self.batch.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let count = batch.iter().map(Finished::spans).sum();
        let message = spans::request(&batch, &self.settings).into();
        drop(batch);
        let result = self.send(Signal::Traces, message, pauses).await;
        self.metrics.spans(if result { points::SENT } else { points::FAILED }, count);
    }

    async fn send_metrics(&mut self) {
        let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let Some(setup) = setup.filter(|_| self.settings.metrics.is_some()) else { return };
        let settings = self.settings.clone();
        // Files are read for it.
        let written = tokio::task::spawn_blocking(move || points::request(&setup, &settings)).await;
        if let Ok(message) = written {
            // The next ones say all that these do.
            self.send(Signal::Metrics, message.into(), &[]).await;
        }
    }

    /// Sends it, again after each pause as long as that may help; true if it was taken.
    async fn send(&mut self, signal: Signal, message: bytes::Bytes, pauses: &[Duration]) -> bool {
        let mut pauses = pauses.iter();
        loop {
            match self.post.send(&self.settings, signal, message.clone()).await {
                Ok(()) => {
                    if self.told.take().is_some() {
                        tracing::info!("the OpenTelemetry collector takes what it is sent again");
                    }
                    return true;
                }
                Err(Trouble { why, may_pass }) => match pauses.next().filter(|_| may_pass) {
                    Some(pause) => sleep(*pause).await,
                    None => {
                        let is_fresh = self.told.is_some_and(|told| told.elapsed() < COOLDOWN);
                        if !is_fresh {
                            self.told = Some(Instant::now());
                            tracing::warn!(
                                ?signal,
                                why,
                                "the OpenTelemetry collector does not take what it is sent"
                            );
                        }
                        return false;
                    }
                },
            }
        }
    }
}
