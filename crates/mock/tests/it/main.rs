//! The mock over real sockets: pace, chunks, faults, and clients that leave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod control;
mod faults;
mod leaving;
mod pace;
mod wire;
