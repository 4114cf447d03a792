//! Sees that many calls fail, and that they succeed again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_alerts::{Counts, ErrorRate, Turn};
use lockgate_config as config;
use lockgate_store::{CallRecord, Ended};
use tokio_util::sync::CancellationToken;

use super::{Alert, Alerts, Kind};
use crate::{Gateway, clock};

/// What all calls together are called; no model's name has a blank.
const ALL: &str = "all calls";

/// Counts calls.
pub(super) struct Rate {
    counted: ErrorRate,
}

impl Rate {
    pub(super) fn new(start: Instant) -> Self {
        Self { counted: ErrorRate::new(start) }
    }

    /// Counts a call; one that came to nothing by its client's doing says nothing about us.
    pub(super) fn settled(&self, record: &CallRecord, window: Duration, now: Instant) {
        let has_failed = match (record.ended, record.status) {
            (Ended::Answered, _) => false,
            (Ended::Broken, _) | (Ended::Refused, 500..) => true,
            // A provider's limit, and not one of the client's own.
            (Ended::Refused, 429) if !record.attempts.is_empty() => true,
            _ => return,
        };
        self.counted.count(record.model.as_deref(), has_failed, window, now);
    }
}

impl Alerts {
    /// Looks at the calls of late.
    fn look(&self, wish: &config::ErrorRate) {
        for Turn { model, counts } in self.rate.counted.turns(wish.window, clock::now()) {
            let subject = model.as_deref().unwrap_or(ALL);
            if counts.calls >= u64::from(wish.least) && counts.share() >= wish.share {
                self.raise(Alert::new(Kind::ErrorRate, subject, said(counts, wish.window)));
            } else if counts.share() < wish.share / 2.0 && self.is_open(Kind::ErrorRate) {
                self.resolve(Alert::new(Kind::ErrorRate, subject, said(counts, wish.window)));
            }
        }
    }
}

fn said(counts: Counts, window: Duration) -> String {
    let Counts { calls, failed } = counts;
    let window = humantime::format_duration(window);
    format!("{failed} of {calls} calls failed in the last {window}, {:.0}%", counts.share() * 100.0)
}

/// Looks at the calls of late, until told to stop.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    loop {
        let wish = gateway.alerts.wish.load().error_rate;
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(ErrorRate::beat(wish.window)) => gateway.alerts.look(&wish),
        }
    }
}
