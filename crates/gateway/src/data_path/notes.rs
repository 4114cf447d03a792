//! What one attempt at a deployment notes, and where its time goes, until its call takes it over.

use std::{
    pin::Pin,
    time::{Duration, Instant},
};

use futures_util::future::poll_immediate;
use lockgate_protocol::ir::{Losses, Usage};

use crate::{
    clock,
    data_path::phases::{Phase, Phases},
    gauge::Permit,
};

/// What one attempt notes for its call: attempts may run beside each other.
pub(crate) struct Notes {
    pub(crate) usage: Option<Usage>,
    pub(crate) losses: Losses,
    pub(crate) permit: Option<Permit>,
    /// What the work on a piece of its stream is.
    pub(crate) piecework: Phase,
    pub(super) phases: Phases,
}

impl Notes {
    /// Of an attempt that begins at `since` and has that place among what its credential is asked for.
    pub(crate) fn begin(since: Instant, permit: Option<Permit>) -> Self {
        let phases = Phases::begin(Phase::Translate, since);
        Self { usage: None, losses: Losses::default(), permit, piecework: Phase::Relay, phases }
    }

    /// Waits for the provider. What is there already takes no time. `work` is pinned where it is made, so that it is not
    /// moved about.
    pub(crate) async fn wait<T>(&mut self, mut work: Pin<&mut impl Future<Output = T>>) -> T {
        match poll_immediate(work.as_mut()).await {
            Some(done) => done,
            None => self.waiting(work).await,
        }
    }

    /// The same, for `most` at most.
    pub(crate) async fn wait_for<T>(
        &mut self,
        most: Duration,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        match poll_immediate(work.as_mut()).await {
            Some(done) => Some(done),
            None => self.waiting(tokio::time::timeout(most, work)).await.ok(),
        }
    }

    async fn waiting<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.phases.enter(Phase::Upstream, clock::now());
        let done = work.await;
        self.phases.enter(Phase::Translate, clock::now());
        done
    }
}
