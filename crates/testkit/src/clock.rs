//! The one place of this crate that reads the time.

use std::time::Instant;

/// The current monotonic time, for measuring how long something took.
#[expect(clippy::disallowed_methods, reason = "this is the crate's clock")]
pub fn now() -> Instant {
    Instant::now()
}
