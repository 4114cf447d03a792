//! The crate as others use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod assembled;
mod corpus;
mod lines;
