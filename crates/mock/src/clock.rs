//! The one place that reads the clock, so that tests can hold it.
#![allow(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::SystemTime;

pub(crate) use tokio::time::Instant;

/// The monotonic time, which stands still under tokio's paused clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock, which signatures and keys that count for a while are held against.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}
