//! Tells all connections to come to an end, and waits until they have.

use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// The one who tells.
pub(crate) struct Closing(watch::Sender<()>);

/// One who is told, and counts as there until it is dropped.
pub(crate) struct Told(watch::Receiver<()>);

impl Closing {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// One more to tell, from here on.
    pub(crate) fn watch(&self) -> Told {
        Told(self.0.subscribe())
    }

    /// Tells all there are. True if the last of them was dropped within `patience`.
    pub(crate) async fn close(&self, patience: Duration) -> bool {
        self.0.send_replace(());
        timeout(patience, self.0.closed()).await.is_ok()
    }
}

impl Told {
    /// Comes when it is time.
    pub(crate) async fn told(&mut self) {
        // The one who tells is gone: then it is time too.
        let _ = self.0.changed().await;
    }
}
