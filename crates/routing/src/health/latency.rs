//! How long a deployment takes to its first token: a mean that believes bad news at once and good news slowly.

use std::time::{Duration, Instant};

/// After this time an old measurement counts a third.
const FADES: Duration = Duration::from_secs(10);
/// A measurement older than this is worth a look whether it still holds.
const STALE: Duration = Duration::from_secs(30);

/// Peak-sensitive, exponentially weighted mean of the time to the first token.
#[derive(Debug, Default)]
pub(super) struct Latency {
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    seconds: f64,
    at: Instant,
}

impl Latency {
    pub(super) fn measured(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let seconds = match self.known {
            Some(known) if took < known.seconds => {
                let age = now.saturating_duration_since(known.at).as_secs_f64();
                let weight = (-age / FADES.as_secs_f64()).exp();
                known.seconds * weight + took * (1.0 - weight)
            }
            _ => took,
        };
        self.known = Some(Known { seconds, at: now });
    }

    /// In seconds.
    pub(super) fn mean(&self) -> Option<f64> {
        self.known.map(|known| known.seconds)
    }

    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.known.is_some_and(|known| now.saturating_duration_since(known.at) > STALE)
    }
}
