//! Who is at the other end of a connection, as records name it.

use std::{fmt, net::SocketAddr, sync::Arc};

use crate::access::Knocker;

/// An address, or `unix`.
#[derive(Clone)]
pub(crate) struct Peer {
    name: Arc<str>,
    /// Whether it is a program on this machine, as far as the connection says.
    is_local: bool,
    /// Whom its tries at keys are put down to; nobody where all that come are one.
    knocker: Option<Knocker>,
}

impl Peer {
    /// Nobody but the gateway itself.
    pub(crate) fn none() -> Self {
        Self { name: "".into(), is_local: false, knocker: None }
    }

    /// A program on the same machine.
    pub(crate) fn unix() -> Self {
        Self { name: "unix".into(), is_local: true, knocker: None }
    }

    /// The client behind a balancer: whom the balancer names, if it names somebody. Who cannot be told from the balancer is
    /// not taken for a program on its machine.
    pub(crate) fn behind(self, said: Option<SocketAddr>) -> Self {
        match said.map(Self::from) {
            Some(client) => Self { is_local: self.is_local && client.is_local, ..client },
            None => Self { is_local: false, ..self },
        }
    }

    /// How records name it.
    pub(crate) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Whom its tries at keys are put down to.
    pub(crate) fn knocker(&self) -> Option<Knocker> {
        self.knocker
    }

    /// Whether it is a program on this machine: at a loopback address, or at a socket in the file system.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        // A listener for both kinds of addresses sees `127.0.0.1` as `::ffff:127.0.0.1`.
        Self {
            name: address.to_string().into(),
            is_local: address.ip().to_canonical().is_loopback(),
            knocker: Some(address.ip().into()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::from(address.parse::<SocketAddr>().unwrap())
    }

    #[test]
    fn programs_on_this_machine_are_told_from_others() {
        for (peer, expect) in [
            (peer("127.0.0.1:1"), true),
            (peer("127.9.9.9:1"), true),
            (peer("[::1]:1"), true),
            (peer("[::ffff:127.0.0.1]:1"), true),
            (Peer::unix(), true),
            (peer("10.0.0.1:1"), false),
            (peer("[::ffff:10.0.0.1]:1"), false),
            (Peer::none(), false),
        ] {
            assert_eq!(peer.is_local(), expect, "{peer}");
        }
    }

    #[test]
    fn behind_a_balancer_its_client_counts() {
        let client = |said: &str| Some(said.parse().unwrap());
        for (balancer, said, name, expect) in [
            (peer("127.0.0.1:1"), client("127.0.0.1:2"), "127.0.0.1:2", true),
            (peer("127.0.0.1:1"), client("9.9.9.9:2"), "9.9.9.9:2", false),
            // Loopback on another machine.
            (peer("10.0.0.1:1"), client("127.0.0.1:2"), "127.0.0.1:2", false),
            (peer("127.0.0.1:1"), None, "127.0.0.1:1", false),
            (Peer::unix(), client("9.9.9.9:2"), "9.9.9.9:2", false),
            (Peer::unix(), None, "unix", false),
        ] {
            let behind = balancer.behind(said);
            assert_eq!((&*behind.name(), behind.is_local()), (name, expect));
        }
    }
}
