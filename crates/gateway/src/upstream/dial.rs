//! Opens connections: the road to a host, TLS over it where the host wants that, and the HTTP that both sides speak.

use std::{fmt::Display, sync::Arc, time::Duration};

use http::Uri;
use hyper::client::conn::{http1, http2};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::connect::Connection,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use lockgate_protocol::ir::{Fault, FaultKind};
use tokio::time::timeout;
use tower_service::Service;

use super::{
    causes,
    driven::Driven,
    io::{Seen, Watched},
    lease::Link,
    road::Road,
    tls::distrust,
};
use crate::body::RequestBody;

/// Most requests that share one connection. Servers allow a hundred as a rule; one that allows more is better asked over
/// more connections, where less waits behind one lost packet.
pub(super) const MAX_STREAMS: usize = 100;
/// What may come of one answer before it is read. Together, all streams of a connection stay below what may come on the
/// connection, so that a client that does not read never holds up the others. That is why the windows are fixed and do
/// not grow by themselves: hyper would let one stream's window grow as large as the connection's.
const STREAM_WINDOW: u32 = 512 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;
/// Largest head of an answer.
const MAX_HEAD: u32 = 64 << 10;
/// With requests under way and nothing heard for so long, the other side is asked whether it is there; it has the second
/// time to say so.
const PING_AFTER: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// Streams that a client gave up whose late frames are still expected. What comes for one that is forgotten counts against
/// the connection.
const MAX_RESET_STREAMS: usize = 1024;

/// A connection that shares its requests, with what makes it go.
pub(super) type Shared = http2::Connection<TokioIo<Watched>, RequestBody, TokioExecutor>;

/// Opens connections to the hosts of one way out.
#[derive(Clone, Debug)]
pub(super) struct Dial {
    https: HttpsConnector<Road>,
    limit: Duration,
    http2: http2::Builder<TokioExecutor>,
}

/// What was opened.
pub(super) enum Opened {
    /// HTTP/1.1: one request after the other.
    Single {
        sender: http1::SendRequest<RequestBody>,
        connection: Link,
        seen: Arc<Seen>,
        /// Whether requests name the whole address, for a proxy.
        is_absolute: bool,
    },
    /// HTTP/2: requests beside each other. Nothing goes before the connection is polled.
    Shared { sender: http2::SendRequest<RequestBody>, connection: Shared, seen: Arc<Seen> },
}

impl Dial {
    /// `limit` bounds all of one opening.
    pub(super) fn new(https: HttpsConnector<Road>, limit: Duration) -> Self {
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            // Nothing is sent before the other side has said how many streams it takes.
            .initial_max_send_streams(0)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD)
            .max_concurrent_reset_streams(MAX_RESET_STREAMS)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_PATIENCE);
        Self { https, limit, http2 }
    }

    /// Opens a connection to the host of `place`.
    pub(super) async fn open(&self, place: Uri) -> Result<Opened, Fault> {
        let name = place.authority().map_or_else(String::new, ToString::to_string);
        // The road has its own limit, and says more about it; what is left is TLS.
        let io = match timeout(self.limit, self.https.clone().call(place)).await {
            Ok(Ok(io)) => io,
            Ok(Err(error)) => {
                return Err(match distrust(&*error) {
                    Some(why) => untrusted(&name, &why),
                    None => unreached(causes(&*error)),
                });
            }
            Err(_) => {
                let why = format!("TLS was not agreed on within {} ms", self.limit.as_millis());
                return Err(unreached(why));
            }
        };
        let connected = io.connected();
        let (io, seen) = Watched::new(io);
        let io = TokioIo::new(io);
        if connected.is_negotiated_h2() {
            let opened = self.http2.handshake(io).await;
            let (sender, connection) = opened.map_err(|error| unreached(causes(&error)))?;
            return Ok(Opened::Shared { sender, connection, seen });
        }
        let opened = http1::Builder::new().handshake(io).await;
        let (sender, connection) = opened.map_err(|error| unreached(causes(&error)))?;
        let connection = Driven::new(connection);
        Ok(Opened::Single { sender, connection, seen, is_absolute: connected.is_proxied() })
    }
}

/// No connection could be made.
pub(super) fn unreached(why: impl Display) -> Fault {
    Fault::new(FaultKind::Connect, "the provider cannot be reached").with_detail(why)
}

/// One side does not believe the other's certificate.
pub(super) fn untrusted(place: &str, why: &str) -> Fault {
    let public = "the provider and the gateway do not trust each other's certificates";
    Fault::new(FaultKind::Untrusted, public).with_detail(format!("{place}: {why}"))
}
