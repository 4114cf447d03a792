//! The listening port and what may befall it: refused, reset or unanswered connections for a while.

use std::{io, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
};

use crate::clock::{self, Instant};

/// Pause after a failed accept, which is most often a lack of file descriptors, and after a failed bind.
const PAUSE: Duration = Duration::from_millis(10);
/// Most connections that are held unanswered.
const MAX_HELD: usize = 10_000;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Longest time a door stays shut.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// They are served.
    Open,
    /// Nobody listens: those there are get reset, new ones are refused.
    Refuse,
    /// Those there are and all new ones get reset at once.
    Reset,
    /// Those there are get reset, new ones are accepted and never read from.
    Hold,
}

/// What is to become of connections, for how long, and whom to tell once it is so.
pub(crate) struct Order {
    door: Door,
    until: Instant,
    done: oneshot::Sender<()>,
}

impl Order {
    /// An order, and what says that it is carried out.
    pub(crate) fn new(door: Door, lasts: Duration) -> (Self, oneshot::Receiver<()>) {
        let (done, carried_out) = oneshot::channel();
        (Self { door, until: clock::now() + lasts.min(LONGEST), done }, carried_out)
    }
}

/// The port.
pub(crate) struct Entrance {
    address: SocketAddr,
    /// Absent while nobody listens.
    listener: Option<TcpListener>,
    /// Keeps the port from being taken while nobody listens.
    kept: Option<TcpSocket>,
    door: Door,
    until: Instant,
    held: Vec<TcpStream>,
}

impl Entrance {
    /// Binds `address`; port 0 is any free port.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let until = clock::now();
        Ok(Self { address, listener: Some(listener), kept: None, door: Door::Open, until, held: Vec::new() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Carries out an order.
    pub(crate) fn obey(&mut self, order: Order) {
        self.open();
        if order.door == Door::Refuse {
            // Both sockets allow their address to be used again, but not while one of them listens.
            self.listener = None;
            self.kept = socket(self.address).ok();
        }
        (self.door, self.until) = (order.door, order.until);
        // Whoever gave the order may have left.
        let _ = order.done.send(());
    }

    /// The next connection that is to be served. Can be dropped and asked again without loss.
    pub(crate) async fn next(&mut self) -> TcpStream {
        loop {
            if self.door != Door::Open && clock::now() >= self.until {
                self.open();
            }
            let Some(listener) = &self.listener else {
                match self.door {
                    Door::Refuse => tokio::time::sleep_until(self.until).await,
                    // Somebody has the port: wait for it.
                    _ => {
                        tokio::time::sleep(PAUSE).await;
                        self.listen();
                    }
                }
                continue;
            };
            let accepted = match self.door {
                Door::Open => listener.accept().await,
                _ => match tokio::time::timeout_at(self.until, listener.accept()).await {
                    Ok(accepted) => accepted,
                    Err(_) => continue,
                },
            };
            match (accepted, self.door) {
                (Ok((stream, _)), Door::Open) => return stream,
                (Ok((stream, _)), Door::Hold) if self.held.len() < MAX_HELD => self.held.push(stream),
                (Ok((stream, _)), _) => {
                    // A connection that is gone already needs no reset.
                    let _ = stream.set_zero_linger();
                }
                (Err(_), _) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn open(&mut self) {
        self.door = Door::Open;
        self.held.clear();
        if self.listener.is_none() {
            self.listen();
        }
    }

    fn listen(&mut self) {
        let socket = self.kept.take().map_or_else(|| socket(self.address), Ok);
        self.listener = socket.and_then(|socket| socket.listen(BACKLOG)).ok();
    }
}

/// A socket that has the port and does not listen.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
