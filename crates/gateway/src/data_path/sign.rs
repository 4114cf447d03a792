//! How a client is told that it is still waited for.

use std::time::Duration;

use bytes::Bytes;

/// What a client is told, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sign {
    pub(crate) every: Duration,
    /// Nothing to the client's program, but not nothing to what stands between.
    pub(crate) text: &'static str,
}

impl Sign {
    pub(crate) fn bytes(self) -> Bytes {
        Bytes::from_static(self.text.as_bytes())
    }
}
