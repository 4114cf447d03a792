//! The one place that reads the clock, so that tests can hold it.

pub(crate) use tokio::time::Instant;

/// The monotonic time, which stands still under tokio's paused clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}
