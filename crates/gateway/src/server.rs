//! A gateway that runs: what it listens at, another config for it, and its end.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
};

use lockgate_config::{Address, Config};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    ReloadError, StartError, access, alerts, health,
    listen::{Place, Prepared},
    reload,
    setup::Live,
    store,
};

/// A gateway that listens.
pub struct Serving {
    /// The first IP address that it listens at; the port is the real one when the config asked for port 0. Of a gateway
    /// that started with none it is `0.0.0.0:0`.
    pub address: SocketAddr,
    live: Arc<Live>,
    stop: CancellationToken,
    checking: JoinHandle<()>,
    watching: JoinHandle<()>,
    counting: JoinHandle<()>,
    keeping_keys: JoinHandle<()>,
    /// Looks after the journal.
    noticing: JoinHandle<()>,
}

impl Serving {
    /// Where it listens now, in the order of the config.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.live.listeners.places()
    }

    /// Whether clients have to show a key now.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.live.setup().access.needs_key()
    }

    /// Goes on with `config`, in a gateway that was not started from a file: what is under way ends by what it began with, and what is known of deployments that are
    /// still there is kept. Reads the files that the config names. Listeners that are still there stay untouched but for
    /// their certificates.
    ///
    /// # Errors
    /// A provider that cannot be set up, or a listener that cannot be had; then nothing has changed.
    pub fn apply(&self, config: &Config) -> Result<(), StartError> {
        self.live.apply(config)
    }

    /// Reads the config's file anew and goes on with it; returns what is different in words, nothing if nothing is. The log
    /// says the same.
    ///
    /// # Errors
    /// A config that cannot be gone on with: then nothing has changed.
    pub async fn reload(&self) -> Result<Vec<String>, ReloadError> {
        self.live.reload().await
    }

    /// Stops accepting at once, lets running requests finish within the config's `drain`, then ends. True if none had to
    /// be cut off.
    pub async fn stop(self) -> bool {
        self.stop.cancel();
        self.live.gateway.feed.end();
        self.live.listeners.stop().await;
        self.live.gateway.draining.store(true, Ordering::Relaxed);
        let has_finished = self.live.listeners.close(self.live.setup().drain).await;
        // Told to stop by the same word, and done before.
        let _ = self.checking.await;
        let _ = self.watching.await;
        let _ = self.noticing.await;
        let _ = self.keeping_keys.await;
        let _ = self.counting.await;
        self.live.gateway.alerts.finish().await;
        self.live.setup().telemetry.finish().await;
        let gateway = Arc::clone(&self.live.gateway);
        // Waits for files, which no task of the runtime's should.
        let _ = tokio::task::spawn_blocking(move || gateway.store.close()).await;
        has_finished
    }
}

pub(crate) fn serve(listening: Prepared, live: Arc<Live>) -> Serving {
    let stop = CancellationToken::new();
    live.setup().fleet.discover();
    let checking = live.gateway.tasks.spawn(health::watch(Arc::clone(&live), stop.clone()));
    let watching = live.gateway.tasks.spawn(reload::watch(Arc::clone(&live), stop.clone()));
    let counting = live.gateway.tasks.spawn(alerts::watch(Arc::clone(&live.gateway), stop.clone()));
    let keeping_keys = live.gateway.tasks.spawn(access::watch(Arc::clone(&live.gateway.keys), stop.clone()));
    let noticing = live.gateway.tasks.spawn(store::watch(Arc::clone(&live.gateway), stop.clone()));
    live.listen(listening);
    let first = live.listeners.places().into_iter().find_map(|place| match place.address {
        Address::Ip(address) => Some(address),
        Address::Unix(_) => None,
    });
    let address = first.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
    Serving { address, live, stop, checking, watching, counting, keeping_keys, noticing }
}
