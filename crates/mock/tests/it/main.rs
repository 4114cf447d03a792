//! The mock over real sockets: pace, chunks, faults, and clients that leave.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on should stop, and signs with the real time"
)]

mod anthropic;
mod bedrock;
mod control;
mod door;
mod faults;
mod gemini;
mod google;
mod leaving;
mod ollama;
mod pace;
mod prefill;
mod wire;
