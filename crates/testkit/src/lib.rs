//! Test helpers every crate may use: recorded traffic, stream splitting, a process runner, a tiny HTTP client,
//! a small proxy, and the hunt for secrets in what a run left.
//!
//! Nothing here needs an async runtime, so that the pure crates can use it without giving up their promise.

mod base64;
pub mod canary;
pub mod clock;
pub mod corpus;
pub mod fixtures;
pub mod http;
pub mod mutate;
pub mod process;
pub mod proxy;
pub mod split;
