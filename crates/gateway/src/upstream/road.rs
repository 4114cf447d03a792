//! The road to a host: straight, or through a proxy that is asked to lead there.

use std::{
    error::Error,
    future::{Ready, ready},
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Uri, uri::Scheme as UriScheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::connect::{
        Connected, Connection, HttpConnector,
        proxy::{SocksV5, Tunnel},
    },
    rt::TokioIo,
};
use lockgate_config::{Proxy, Scheme};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tower_service::Service;

use super::{causes, route::Routes, tls::distrust};

/// How long the addresses of the kind that the resolver prefers have for themselves (RFC 8305, section 5, has 250 ms).
const SECOND_KIND: Duration = Duration::from_millis(300);
/// A silent connection is asked after this time whether its other end is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Most addresses of a host that a proxy is asked for in turn.
const MAX_ADDRESSES: usize = 4;

/// Makes connections over which a host can be spoken to. TLS with the host itself is laid over it by others.
#[derive(Clone, Debug)]
pub(super) struct Road {
    pub(super) tcp: HttpConnector,
    /// To a proxy, which may want TLS of its own.
    pub(super) to_proxy: HttpsConnector<HttpConnector>,
    pub(super) routes: Routes,
    /// For all of it.
    pub(super) limit: Duration,
}

/// Why there is no road, naming the hop that failed. It never holds a user name or a password.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoadError {
    #[error("{0}")]
    Direct(String),
    #[error("the proxy {proxy} cannot be reached: {why}")]
    ToProxy { proxy: Proxy, why: String },
    #[error("the proxy {proxy} does not lead to {host}: {why}")]
    BehindProxy { proxy: Proxy, host: String, why: String },
    #[error("connecting took longer than {} ms{}", .limit.as_millis(), .proxy.as_ref().map(|proxy| format!(" (through the proxy {proxy})")).unwrap_or_default())]
    Slow { limit: Duration, proxy: Option<Proxy> },
    #[error(
        "{host} cannot be resolved, which `socks5` leaves to this side and `socks5h` to the proxy: {why}"
    )]
    Unresolved { host: String, why: String },
}

/// What a connection is made of: TCP, or TLS to a proxy.
type Io = MaybeHttpsStream<TokioIo<TcpStream>>;
/// What a SOCKS proxy says against a host.
type SocksError = <SocksV5<Made> as Service<Uri>>::Error;

/// Makes TCP connections within `limit`, which the addresses of a host share: one after the other is tried, and those of
/// the other kind (IPv6, IPv4) beside them as soon as the first has not answered at once.
pub(super) fn tcp<R>(resolver: R, limit: Duration) -> HttpConnector<R> {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limit));
    tcp.set_happy_eyeballs_timeout(Some(SECOND_KIND));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp
}

/// One connection.
pub(super) struct Line {
    io: Io,
    /// Whether the other end is a proxy that wants whole addresses in requests.
    is_absolute: bool,
}

type Opening = Pin<Box<dyn Future<Output = Result<Line, RoadError>> + Send>>;

impl Service<Uri> for Road {
    type Response = Line;
    type Error = RoadError;
    type Future = Opening;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RoadError>> {
        // Neither DNS nor TCP has anything to wait for.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: Uri) -> Opening {
        let mut road = self.clone();
        Box::pin(async move {
            let proxy = road.routes.to(&host).cloned();
            let limit = road.limit;
            match timeout(limit, road.open(&host, proxy.as_ref())).await {
                Ok(opened) => opened,
                Err(_) => Err(RoadError::Slow { limit, proxy }),
            }
        })
    }
}

impl Road {
    async fn open(&mut self, host: &Uri, proxy: Option<&Proxy>) -> Result<Line, RoadError> {
        let Some(proxy) = proxy else {
            let io = self.tcp.call(host.clone()).await;
            let io = io.map_err(|error| RoadError::Direct(causes(&error)))?;
            return Ok(Line { io: MaybeHttpsStream::Http(io), is_absolute: false });
        };
        let (host, place) = with_port(host);
        if proxy.is_http() && host.scheme() == Some(&UriScheme::HTTP) {
            return Ok(Line { io: self.reach(proxy).await?, is_absolute: true });
        }
        let behind = |error: &(dyn Error + 'static)| RoadError::BehindProxy {
            proxy: proxy.clone(),
            host: place.clone(),
            why: causes(error),
        };
        let io = match proxy.scheme {
            Scheme::Http | Scheme::Https => {
                let mut tunnel = Tunnel::new(host.clone(), Made(Some(self.reach(proxy).await?)));
                if let Some(shown) = basic(proxy) {
                    tunnel = tunnel.with_auth(shown);
                }
                tunnel.call(host).await.map_err(|error| behind(&error))?
            }
            Scheme::Socks5h => self.socks(proxy, host).await?.map_err(|error| behind(&error))?,
            Scheme::Socks5 => {
                let mut outcome =
                    Err(RoadError::Unresolved { host: place.clone(), why: "no address".to_owned() });
                for address in resolved(&place).await? {
                    outcome = self.socks(proxy, address).await?.map_err(|error| behind(&error));
                    if outcome.is_ok() {
                        break;
                    }
                }
                outcome?
            }
        };
        Ok(Line { io, is_absolute: false })
    }

    /// A connection to the proxy itself.
    async fn reach(&mut self, proxy: &Proxy) -> Result<Io, RoadError> {
        let failed = |error: &(dyn Error + 'static)| RoadError::ToProxy {
            proxy: proxy.clone(),
            why: distrust(error).unwrap_or_else(|| causes(error)),
        };
        let scheme = if proxy.scheme == Scheme::Https { UriScheme::HTTPS } else { UriScheme::HTTP };
        let uri =
            Uri::builder().scheme(scheme).authority(proxy.authority.as_str()).path_and_query("/").build();
        let uri = uri.map_err(|error| failed(&error))?;
        self.to_proxy.call(uri).await.map_err(|error| failed(&*error))
    }

    /// A connection through a SOCKS proxy; the inner error is of the hop behind it.
    async fn socks(&mut self, proxy: &Proxy, host: Uri) -> Result<Result<Io, SocksError>, RoadError> {
        let mut socks = SocksV5::new(host.clone(), Made(Some(self.reach(proxy).await?)));
        if let Some((name, password)) = &proxy.user {
            socks = socks.with_auth(name.clone(), password.clone());
        }
        Ok(socks.call(host).await)
    }
}

/// What a proxy's user name and password are in a header; nothing if it wants none.
pub(super) fn basic(proxy: &Proxy) -> Option<HeaderValue> {
    let (name, password) = proxy.user.as_ref()?;
    let encoded = STANDARD.encode(format!("{name}:{password}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The host with its port written out, since not every proxy protocol knows the usual ones, and both as a text.
fn with_port(host: &Uri) -> (Uri, String) {
    let port = host.port_u16().unwrap_or(if host.scheme() == Some(&UriScheme::HTTP) { 80 } else { 443 });
    let place = format!("{}:{port}", host.host().unwrap_or_default());
    let mut parts = host.clone().into_parts();
    parts.authority = place.parse().ok().or(parts.authority);
    (Uri::from_parts(parts).unwrap_or_else(|_| host.clone()), place)
}

/// The addresses of `host:port`.
async fn resolved(place: &str) -> Result<Vec<Uri>, RoadError> {
    let found = lookup_host(place).await;
    let found =
        found.map_err(|error| RoadError::Unresolved { host: place.to_owned(), why: error.to_string() })?;
    let uri = |address: std::net::SocketAddr| {
        Uri::builder().scheme("http").authority(address.to_string()).path_and_query("/").build().ok()
    };
    Ok(found.take(MAX_ADDRESSES).filter_map(uri).collect())
}

/// A connection that is there already, for protocols that would make one: so its failure and theirs are told apart.
#[derive(Debug)]
struct Made(Option<Io>);

impl Service<Uri> for Made {
    type Response = Io;
    type Error = io::Error;
    type Future = Ready<Result<Io, io::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| io::Error::other("the connection is in use")))
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_absolute)
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// A name with two addresses.
    #[derive(Clone)]
    struct Two([SocketAddr; 2]);

    impl Service<Name> for Two {
        type Response = std::array::IntoIter<SocketAddr, 2>;
        type Error = io::Error;
        type Future = Ready<Result<Self::Response, io::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            ready(Ok(self.0.into_iter()))
        }
    }

    /// An address that swallows whatever comes: its queue is full, and nobody takes anything from it.
    async fn black_hole(at: &str) -> (TcpListener, Vec<TcpStream>) {
        let at: SocketAddr = at.parse().expect("an address");
        let socket = if at.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
        let socket = socket.expect("a socket");
        socket.bind(at).expect("a free port");
        let listener = socket.listen(1).expect("a queue");
        let address = listener.local_addr().expect("an address");
        let mut queued = Vec::new();
        while let Ok(Ok(one)) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
            queued.push(one);
        }
        (listener, queued)
    }

    #[tokio::test]
    async fn an_address_that_swallows_everything_costs_a_part_of_the_time_and_not_the_answer() {
        for (dead, live, most) in [("[::1]:0", "127.0.0.1:0", 1500), ("127.0.0.1:0", "127.0.0.2:0", 3500)] {
            let (hole, _queued) = black_hole(dead).await;
            let well = TcpListener::bind(live).await.expect("a free port");
            let addresses = [&hole, &well].map(|listener| listener.local_addr().expect("an address"));
            let mut tcp = tcp(Two(addresses), Duration::from_secs(5));
            let connecting = tcp.call(Uri::from_static("http://provider.test"));
            let connected = timeout(Duration::from_millis(most), connecting).await;
            let io = connected.expect("in time").expect("by the address that is well");
            assert_eq!(io.inner().peer_addr().expect("an address"), addresses[1]);
        }
    }
}
