//! Accepts connections, serves requests on them, and lets the running ones finish when told to stop.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Gateway, admin,
    arriving::Arriving,
    data_path, health,
    slow_head::{Lasting, Requests, Timed},
    slow_reader::{self, Taken},
};

/// How long a connection may idle between requests: clients' pools keep connections for a minute.
const IDLE: Duration = Duration::from_secs(75);
/// How long a request's head may take from its first byte on.
const HEAD: Duration = Duration::from_secs(10);
/// Most headers of one request.
const MAX_HEADERS: usize = 100;
/// Room for a request's head.
const MAX_HEAD: usize = 64 * 1024;
const BACKLOG: u32 = 4096;

/// A gateway that listens.
pub struct Serving {
    /// Where it listens; the port is the real one when the config asked for port 0.
    pub address: SocketAddr,
    stop: CancellationToken,
    accepting: JoinHandle<bool>,
    checking: JoinHandle<()>,
}

impl Serving {
    /// Stops accepting at once, lets running requests finish within the config's `drain`, then ends. True if none had to
    /// be cut off.
    pub async fn stop(self) -> bool {
        self.stop.cancel();
        let has_finished = self.accepting.await.unwrap_or(false);
        // Told to stop by the same word, and done before.
        let _ = self.checking.await;
        has_finished
    }
}

pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart is not refused while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(crate) fn serve(listener: TcpListener, gateway: Gateway) -> io::Result<Serving> {
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let tasks = gateway.tasks.clone();
    gateway.fleet.discover();
    let gateway = Arc::new(gateway);
    let checking = tasks.spawn(health::watch(Arc::clone(&gateway), stop.clone()));
    let accepting = tasks.spawn(accept(listener, gateway, stop.clone(), tasks.clone()));
    Ok(Serving { address, stop, accepting, checking })
}

async fn accept(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    tasks: TaskTracker,
) -> bool {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => connection(stream, peer, &gateway, &graceful, &tasks),
            Err(error) => {
                // Out of file descriptors, mostly: the running requests will free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    gateway.draining.store(true, Ordering::Relaxed);
    drop(listener);
    tokio::time::timeout(gateway.drain, graceful.shutdown()).await.is_ok()
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    gateway: &Arc<Gateway>,
    graceful: &GracefulShutdown,
    tasks: &TaskTracker,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    if let Err(error) = slow_reader::keep_little(&stream) {
        tracing::debug!(%peer, %error, "cannot set TCP_NOTSENT_LOWAT");
    }
    let counted = gateway.connections.enter();
    let gateway = Arc::clone(gateway);
    let requests = Requests::default();
    let stream = Timed::new(Taken::new(stream, gateway.write_stall), HEAD, requests.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let gateway = Arc::clone(&gateway);
        let answering = requests.begin();
        async move {
            let (head, body) = request.into_parts();
            let (most, tasks) = (gateway.max_body.saturating_mul(2), gateway.tasks.clone());
            let body = Arriving::new(body, &head.headers, most, tasks, answering.clone());
            let request = Request::from_parts(head, body);
            let answer = match admin::claims(request.uri().path()) {
                true => admin::answer(&gateway, request).await,
                false => data_path::answer(&gateway, request).await,
            };
            Ok::<_, Infallible>(answer.map(|body| Lasting::new(body, answering)))
        }
    });
    let connection = http1::Builder::new()
        // Without a timer hyper's header timeout is silently off. It runs from the end of the request before.
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tasks.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "connection ended");
        }
        drop(counted);
    });
}
