//! Who is at the other end of a connection, as records name it.

use std::{fmt, net::SocketAddr, sync::Arc};

/// An address, or `unix`.
#[derive(Clone)]
pub(crate) struct Peer(Arc<str>);

impl Peer {
    /// Nobody but the gateway itself.
    pub(crate) fn none() -> Self {
        Self("".into())
    }

    /// A program on the same machine.
    pub(crate) fn unix() -> Self {
        Self("unix".into())
    }

    /// How records name it.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string().into())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
