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

use lockgate_config::Config;

use crate::{
    StartError, admin,
    arriving::Arriving,
    data_path, health,
    setup::Live,
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
    live: Arc<Live>,
    stop: CancellationToken,
    accepting: JoinHandle<bool>,
    checking: JoinHandle<()>,
}

impl Serving {
    /// Goes on with `config`: what is under way ends by what it began with, and what is known of deployments that are
    /// still there is kept. Reads the files that the config names.
    ///
    /// # Errors
    /// A provider that cannot be set up; then nothing has changed.
    pub fn apply(&self, config: &Config) -> Result<(), StartError> {
        self.live.apply(config)
    }

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

pub(crate) fn serve(listener: TcpListener, live: Live) -> io::Result<Serving> {
    let address = listener.local_addr()?;
    let stop = CancellationToken::new();
    let tasks = live.gateway.tasks.clone();
    live.setup().fleet.discover();
    let live = Arc::new(live);
    let checking = tasks.spawn(health::watch(Arc::clone(&live), stop.clone()));
    let accepting = tasks.spawn(accept(listener, Arc::clone(&live), stop.clone(), tasks.clone()));
    Ok(Serving { address, live, stop, accepting, checking })
}

async fn accept(listener: TcpListener, live: Arc<Live>, stop: CancellationToken, tasks: TaskTracker) -> bool {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => connection(stream, peer, &live, &graceful, &tasks),
            Err(error) => {
                // Out of file descriptors, mostly: the running requests will free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    live.gateway.draining.store(true, Ordering::Relaxed);
    drop(listener);
    tokio::time::timeout(live.setup().drain, graceful.shutdown()).await.is_ok()
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    live: &Arc<Live>,
    graceful: &GracefulShutdown,
    tasks: &TaskTracker,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    if let Err(error) = slow_reader::keep_little(&stream) {
        tracing::debug!(%peer, %error, "cannot set TCP_NOTSENT_LOWAT");
    }
    let counted = live.gateway.connections.enter();
    let live = Arc::clone(live);
    let requests = Requests::default();
    let stream = Timed::new(Taken::new(stream, live.setup().write_stall), HEAD, requests.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        // What counts now counts for this request to its end.
        let setup = live.setup();
        let answering = requests.begin();
        async move {
            let (head, body) = request.into_parts();
            let (most, tasks) = (setup.max_body.saturating_mul(2), setup.gateway.tasks.clone());
            let body = Arriving::new(body, &head.headers, most, tasks, answering.clone());
            let request = Request::from_parts(head, body);
            let answer = match admin::claims(request.uri().path()) {
                true => admin::answer(&setup, request).await,
                false => data_path::answer(&setup, request).await,
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
