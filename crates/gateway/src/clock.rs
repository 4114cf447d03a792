//! The one place where time is read.
#![allow(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, for durations and deadlines: never jumps.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock, for stamps and dates.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock in nanoseconds since 1970.
pub(crate) fn wall_nanos() -> u64 {
    wall().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// The wall clock in milliseconds since 1970.
pub(crate) fn wall_ms() -> u64 {
    wall().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
