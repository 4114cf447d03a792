//! A tiny blocking HTTP/1.1 client for tests, over a plain TCP stream.
//!
//! It shows what a real client library hides: the exact bytes, when each piece came, and whether the body really ended.

mod client;
mod wire;

pub use client::{Answer, Client, Piece, Reader, Request, get};
pub use wire::{Body, Decoded, Head, Malformed, parse_head};
