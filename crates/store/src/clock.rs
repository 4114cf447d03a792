//! The one place of this crate that reads the time.
#![allow(clippy::disallowed_methods, reason = "this is the clock")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, for durations: never jumps.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock in milliseconds since 1970: for stamps and ages only, since it may jump.
pub(crate) fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
