//! How a stream of bytes is cut into events: split-invariant, whatever the network does to the bytes.

pub mod sse;
