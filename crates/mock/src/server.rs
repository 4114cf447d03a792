//! Accepts connections and hands out the `Mock` that tests steer.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Behaviour, Counts, Entry, Fault, Settings, service,
    shared::{Breaker, Open, Shared},
};

/// A connection may idle, or take its time with the headers, this long: about what providers allow.
const IDLE: Duration = Duration::from_secs(75);
/// Pause after a failed accept, which is most often a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A running mock. Dropping it closes the port and all connections.
pub struct Mock {
    addr: SocketAddr,
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// Binds `addr` (port 0 = any free port) and serves until the mock is stopped or dropped.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(addr: SocketAddr, settings: Settings) -> io::Result<Mock> {
    let listener = TcpListener::bind(addr).await?;
    let addr = listener.local_addr()?;
    let shared = Arc::new(Shared::new(settings));
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(accept(listener, Arc::clone(&shared), cancel.clone(), tasks.clone()));
    tasks.close();
    Ok(Mock { addr, shared, cancel, tasks })
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, cancel: CancellationToken, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                // Without it the last piece of a reply could wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                tasks.spawn(serve(stream, Arc::clone(&shared), cancel.child_token()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, cancel: CancellationToken) {
    let _open = Open::new(&shared);
    let breaker = Breaker::new(cancel);
    let socket = TokioIo::new(Socket { stream, breaker: breaker.clone() });
    let service = {
        let breaker = breaker.clone();
        service_fn(move |request| {
            let (shared, breaker) = (Arc::clone(&shared), breaker.clone());
            async move { Ok::<_, Infallible>(service::serve(request, shared, breaker).await) }
        })
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE);
    builder.http2().timer(TokioTimer::new());
    tokio::select! {
        // How a connection ends is in the ledger, call by call.
        _ = builder.serve_connection(socket, service) => {}
        () = breaker.cancelled() => {}
    }
}

// === impl Mock ===

impl Mock {
    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What an OpenAI client takes as its base URL: `http://127.0.0.1:port/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Queues one fault for each of the next requests; after them all is well, or the cycle goes on.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.script(faults.into_iter().map(Some));
    }

    /// One entry for each request, `None` = healthy, over and over; an empty list ends it.
    pub fn cycle(&self, faults: Vec<Option<Fault>>) {
        self.shared.cycle(faults);
    }

    /// Sets pace and length of the answers to requests that come from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.set_behaviour(behaviour);
    }

    /// The calls seen, oldest first.
    pub fn ledger(&self) -> Vec<Entry> {
        self.shared.ledger.entries()
    }

    /// Calls counted by how they ended.
    pub fn counts(&self) -> Counts {
        self.shared.ledger.counts()
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open_connections()
    }

    /// Closes the port and all connections, and returns when both are gone.
    pub async fn stop(self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }

    /// Returns when the mock has been stopped, which is never unless somebody does.
    pub async fn wait(&self) {
        self.tasks.wait().await;
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// A TCP stream that, when told so, closes with a reset instead of a farewell.
struct Socket {
    stream: TcpStream,
    breaker: Breaker,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.breaker.is_reset() {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }
}
