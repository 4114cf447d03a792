//! The dialects against recorded traffic.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod watch;
