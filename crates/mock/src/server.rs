//! Accepts connections and hands out the `Mock` that tests steer.

use std::{
    collections::BTreeMap,
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
    net::TcpStream,
    sync::mpsc,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Behaviour, Counts, Door, Entry, Fault, Rule, Settings,
    door::{Entrance, Order},
    service,
    shared::{Breaker, Open, Shared, Slam},
};

/// A connection may idle, or take its time with the headers, this long: about what providers allow.
const IDLE: Duration = Duration::from_secs(75);
/// How long a connection that orders all connections broken has to be told that they are.
const SPARED: Duration = Duration::from_millis(100);

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
    let entrance = Entrance::bind(addr).await?;
    let addr = entrance.address();
    let (orders, received) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(settings, orders));
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(accept(entrance, received, Arc::clone(&shared), cancel.clone(), tasks.clone()));
    tasks.close();
    Ok(Mock { addr, shared, cancel, tasks })
}

async fn accept(
    mut entrance: Entrance,
    mut orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
) {
    let mut slam = Slam::new(&cancel);
    loop {
        tokio::select! {
            stream = entrance.next() => {
                // Without it the last piece of a reply could wait for an acknowledgement.
                let _ = stream.set_nodelay(true);
                tasks.spawn(serve(stream, Arc::clone(&shared), Breaker::new(&slam)));
            }
            Some(order) = orders.recv() => {
                std::mem::replace(&mut slam, Slam::new(&cancel)).slam();
                entrance.obey(order);
            }
            () = cancel.cancelled() => return,
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, breaker: Breaker) {
    let _open = Open::new(&shared);
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
    let broken = async {
        breaker.cancelled().await;
        if breaker.is_spared() {
            tokio::time::sleep(SPARED).await;
        }
    };
    tokio::select! {
        // How a connection ends is in the ledger, call by call.
        _ = builder.serve_connection(socket, service) => {}
        () = broken => {}
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
        self.shared.schedule().script(faults.into_iter().map(Some));
    }

    /// Sets faults for the requests that fit them, in place of what was set so before. A scripted fault comes first.
    pub fn rules(&self, rules: Vec<Rule>) {
        self.shared.schedule().rules(rules);
    }

    /// Shuts the port in the way of `door` for so long, at most a day, and returns when it is shut; `Door::Open` opens it
    /// again. Whatever is ordered, connections that are open are reset.
    pub async fn shut(&self, door: Door, lasts: Duration) {
        // A mock that is stopped has no door.
        let _ = self.shared.shut(door, lasts).await;
    }

    /// One entry for each request, `None` = healthy, over and over; an empty list ends it.
    pub fn cycle(&self, faults: Vec<Option<Fault>>) {
        self.shared.schedule().cycle(faults);
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

    /// How many calls each credential came with.
    pub fn keys(&self) -> BTreeMap<String, u64> {
        self.shared.ledger.keys()
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
