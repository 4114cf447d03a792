//! The crate from outside: where requests go, what must never get there, what failures mean.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is how a test fails, in its helpers too"
)]

mod classify;
mod corpus;
mod hostile;
mod prepare;
mod sites;
