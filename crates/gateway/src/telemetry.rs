//! What is sent to an OpenTelemetry collector, and what becomes of the traces that clients' requests belong to.
//!
//! OTLP is a few messages of protobuf in a POST. They are written here, in a background task: OpenTelemetry's own crates would
//! bring an SDK, a second HTTP client and a third of a megabyte for the same bytes.

mod context;
mod exporter;
mod points;
mod post;
mod protobuf;
mod sampler;
mod settings;
mod spans;
mod trace;

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use lockgate_config as config;

use crate::{Gateway, Setup};
use exporter::Exporter;
use sampler::Sampler;
use settings::Settings;

pub(crate) use context::pass_on;
pub(crate) use spans::{About, Finished};
pub(crate) use trace::Trace;

/// How long the last of it may take when the gateway stops.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// What one config says of it.
pub(crate) struct Telemetry {
    /// Whether what says which trace a request belongs to goes on to providers.
    pub(crate) propagates: bool,
    /// Which traces are kept.
    sampler: Sampler,
    exporter: Option<Arc<Exporter>>,
}

impl Telemetry {
    /// As `written`, with the exporter of `older` where it has the same to do.
    ///
    /// # Errors
    /// What cannot be meant, with the setting or variable that says it.
    pub(crate) fn new(
        written: &config::Telemetry,
        gateway: &Gateway,
        older: Option<&Self>,
    ) -> Result<Self, String> {
        let settings = Settings::of(written, &|name| std::env::var(name).ok())?;
        let kept = older.and_then(|older| older.exporter.as_ref());
        let exporter = match settings {
            None => None,
            Some(settings) => Some(match kept.filter(|kept| kept.settings() == &settings) {
                Some(kept) => Arc::clone(kept),
                None => Arc::new(Exporter::start(settings, gateway)?),
            }),
        };
        let (sampler, fault) = Sampler::of(written.sample, &|name| std::env::var(name).ok());
        if let Some(fault) = fault.filter(|_| exporter.is_some()) {
            tracing::warn!("telemetry: {fault}");
        }
        Ok(Self { propagates: written.propagate, sampler, exporter })
    }

    /// Looks for what cannot be meant.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub(crate) fn check(written: &config::Telemetry) -> Result<(), String> {
        Settings::of(written, &|name| std::env::var(name).ok()).map(drop)
    }

    /// From now on the metrics that are sent are those of `setup`.
    pub(crate) fn counts_now(&self, setup: &Arc<Setup>) {
        if let Some(exporter) = &self.exporter {
            exporter.counts_now(setup);
        }
    }

    /// The trace that a request with these headers belongs to, or that begins with it; `None` where no traces are sent.
    /// `ids` gives random numbers that nobody else has.
    pub(crate) fn trace(&self, headers: &HeaderMap, ids: impl Fn() -> u64) -> Option<Box<Trace>> {
        self.exporter.as_ref().filter(|exporter| exporter.takes_traces())?;
        Some(Box::new(Trace::of(headers, ids, self.sampler)))
    }

    /// Hands over what a traced call came to. Never waits: what finds no room is dropped and counted.
    pub(crate) fn take(&self, finished: Finished) {
        if let Some(exporter) = &self.exporter {
            exporter.take(finished);
        }
    }

    /// Has the last of it sent, for a moment.
    pub(crate) async fn finish(&self) {
        if let Some(exporter) = &self.exporter {
            let _ = tokio::time::timeout(LAST_PATIENCE, exporter.finish()).await;
        }
    }
}
