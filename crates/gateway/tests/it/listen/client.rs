//! A client that chooses how it comes: over TCP, TLS or a socket in the file system, in HTTP/1.1 or HTTP/2.

use std::{net::SocketAddr, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream, UnixStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    house::{Answer, CHAT_PATH, House, read},
    tls::{Authority, Identity},
};

/// What one reads from and writes to.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One connection.
pub(super) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// How TLS is done.
pub(super) struct Trust<'t> {
    pub(super) authority: &'t Authority,
    pub(super) shows: Option<&'t Identity>,
    pub(super) offers: &'t [&'t str],
    pub(super) versions: &'t [&'static SupportedProtocolVersion],
}

/// Believes that authority, shows nothing, and offers HTTP/2.
pub(super) fn trust(authority: &Authority) -> Trust<'_> {
    Trust { authority, shows: None, offers: &["h2"], versions: rustls::ALL_VERSIONS }
}

pub(super) async fn tcp(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

/// A connection for which the kernel keeps little.
pub(super) async fn narrow(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(32 * 1024).unwrap();
    socket.connect(address).await.unwrap()
}

/// Puts TLS on a connection.
pub(super) async fn tls<IO: Io>(io: IO, trust: &Trust<'_>) -> std::io::Result<TlsStream<IO>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trust.authority.file()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(trust.versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut client = match trust.shows {
        Some(identity) => {
            let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    client.alpn_protocols = trust.offers.iter().map(|offer| offer.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, io).await
}

pub(super) async fn unix(path: &Path) -> UnixStream {
    UnixStream::connect(path).await.unwrap()
}

impl Connection {
    pub(super) async fn http1<IO: Io + 'static>(io: IO) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
        // Ends with its connection.
        tokio::spawn(connection);
        Self::Http1(sender)
    }

    pub(super) async fn http2<IO: Io + 'static>(io: IO) -> Self {
        Self::windowed(io, 65_535).await
    }

    /// HTTP/2 with that much room for each answer until it is read.
    pub(super) async fn windowed<IO: Io + 'static>(io: IO, window: u32) -> Self {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let (sender, connection) = builder.handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    /// Asks `fast`; the answer as it begins.
    pub(super) async fn chat(&mut self, body: &'static str) -> Response<Incoming> {
        self.send(chat(self, body)).await.unwrap()
    }

    /// The whole answer.
    pub(super) async fn asked(&mut self, body: &'static str) -> Answer {
        read(self.chat(body).await).await
    }
}

/// A chat request as the connection's HTTP takes it.
pub(super) fn chat(connection: &Connection, body: &'static str) -> Request<Full<Bytes>> {
    let request = match connection {
        Connection::Http1(_) => Request::post(CHAT_PATH).header("host", "localhost"),
        Connection::Http2(_) => Request::post(format!("https://localhost{CHAT_PATH}")),
    };
    request.header("content-type", "application/json").body(Full::from(body)).unwrap()
}

/// The IP address of a listener of the gateway.
pub(super) fn at(house: &House, index: usize) -> SocketAddr {
    house.serving.places()[index].address.ip().unwrap()
}

/// A config with these listeners, and whatever else of the server.
pub(super) fn listening(upstream: &str, listen: &str, rest: &str) -> String {
    let listen = format!("server: {{ listen: {listen}, drain: 5s{rest} }}");
    crate::house::config(&[upstream], "").replace("server: { listen: \"127.0.0.1:0\", drain: 5s }", &listen)
}
