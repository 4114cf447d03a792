//! The listeners: opened at the start, and changed by a reload without touching those that stay.

mod proxy_protocol;
mod socket;
mod tls;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lockgate_config::{Address, Listener, Server};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    StartError,
    closing::{Closing, Told},
};
use socket::Socket;

pub(crate) use proxy_protocol::read as read_proxy_header;
pub(crate) use socket::Accepted;
pub(crate) use tls::{HTTP2, Tls};

/// How long accepting rests after it failed.
const REST: Duration = Duration::from_millis(50);

/// All listeners of a gateway, and the connections that came by them.
pub(crate) struct Listeners {
    open: Mutex<Vec<Arc<Open>>>,
    /// Ends all accepting.
    stop: CancellationToken,
    accepting: TaskTracker,
    closing: Closing,
}

/// Takes over a connection, which is told when it is to come to its end.
pub(crate) type Serve = Arc<dyn Fn(Accepted, Terms, Told) + Send + Sync>;

/// What a listener does with its connections.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    pub(crate) tls: Option<Arc<Tls>>,
    /// Whether they begin with a PROXY protocol header.
    pub(crate) proxy_protocol: bool,
}

/// A listener that listens.
struct Open {
    /// The address as it is written, where port 0 stays one.
    written: Address,
    socket: Socket,
    /// Read for each connection.
    terms: Mutex<Terms>,
    stop: CancellationToken,
}

/// Listeners that are ready to be the gateway's, and nothing of it is visible yet but that new addresses are bound.
pub(crate) struct Prepared {
    listeners: Arc<Listeners>,
    rows: Vec<Row>,
}

/// One listener to be.
struct Row {
    open: Arc<Open>,
    is_new: bool,
    terms: Terms,
    mode: u32,
}

// === impl Listeners ===

impl Listeners {
    /// None so far.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            stop: CancellationToken::new(),
            accepting: TaskTracker::new(),
            closing: Closing::new(),
        })
    }

    /// Binds what is new and reads the certificates of all. To be committed, or dropped, before the next is prepared.
    ///
    /// # Errors
    /// An address that cannot be listened on, or a certificate that cannot be used: then nothing has changed.
    pub(crate) fn prepare(self: &Arc<Self>, server: &Server) -> Result<Prepared, StartError> {
        let mut leaving = lock(&self.open).clone();
        let mut known: Vec<Option<Arc<Open>>> = server
            .listen
            .iter()
            .map(|listener| {
                let at = leaving.iter().position(|open| open.written == listener.address)?;
                Some(leaving.remove(at))
            })
            .collect();
        let leaving: Vec<&Socket> = leaving.iter().map(|open| &open.socket).collect();
        // What costs nothing to undo comes first.
        let mut terms = Vec::with_capacity(server.listen.len());
        for (listener, known) in server.listen.iter().zip(&known) {
            terms.push(terms_of(server, listener, known.as_ref().map(|open| lock(&open.terms).clone()))?);
        }
        let mut rows = Vec::with_capacity(server.listen.len());
        for ((listener, known), terms) in server.listen.iter().zip(&mut known).zip(terms) {
            let (is_new, mode) = (known.is_none(), listener.mode());
            let open = match known.take() {
                Some(open) => open,
                None => {
                    let socket = Socket::bind(&listener.address, mode, &leaving)
                        .map_err(|error| StartError::Listen { address: listener.address.clone(), error })?;
                    Arc::new(Open {
                        written: listener.address.clone(),
                        socket,
                        terms: Mutex::new(terms.clone()),
                        stop: self.stop.child_token(),
                    })
                }
            };
            rows.push(Row { open, is_new, terms, mode });
        }
        Ok(Prepared { listeners: Arc::clone(self), rows })
    }

    /// Where is listened, in the order of the config, with the real ports.
    pub(crate) fn places(&self) -> Vec<Place> {
        let open = lock(&self.open);
        let place = |open: &Arc<Open>| {
            Some(Place { address: open.socket.address()?, is_tls: lock(&open.terms).tls.is_some() })
        };
        open.iter().filter_map(place).collect()
    }

    /// Stops accepting.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.accepting.close();
        self.accepting.wait().await;
        // With the last of them go the sockets.
        lock(&self.open).clear();
    }

    /// Has all connections come to an end, each after the requests that run on it. True if they did within `patience`.
    pub(crate) async fn close(&self, patience: Duration) -> bool {
        self.closing.close(patience).await
    }
}

/// Reads the certificates of all listeners and forgets them.
///
/// # Errors
/// One that cannot be used.
pub(crate) fn check(server: &Server) -> Result<(), StartError> {
    server.listen.iter().try_for_each(|listener| terms_of(server, listener, None).map(drop))
}

fn terms_of(server: &Server, listener: &Listener, before: Option<Terms>) -> Result<Terms, StartError> {
    let before = before.and_then(|terms| terms.tls);
    let tls = server.tls_of(listener).map(|written| Tls::new(written, before.as_ref())).transpose();
    let tls = tls.map_err(|why| StartError::Tls { address: listener.address.clone(), why })?;
    Ok(Terms { tls, proxy_protocol: server.proxy_protocol_of(listener) })
}

// === impl Prepared ===

impl Prepared {
    /// Makes them the gateway's, whose connections are `serve`'s: new ones accept, those that are gone do not any more and their connections live on, and
    /// those that stay take new connections on their new terms.
    pub(crate) fn commit(self, serve: &Serve) {
        let Self { listeners, rows } = self;
        let stays = |open: &Arc<Open>| rows.iter().any(|row| Arc::ptr_eq(&row.open, open));
        let mut open = lock(&listeners.open);
        let is_start = open.is_empty();
        for gone in open.iter().filter(|open| !stays(open)) {
            tracing::info!(address = %gone.written, "no longer listens here");
            gone.stop.cancel();
        }
        *open = rows.iter().map(|row| Arc::clone(&row.open)).collect();
        drop(open);
        for row in rows {
            let Row { open, is_new, terms, mode } = row;
            *lock(&open.terms) = terms;
            if is_new {
                if !is_start {
                    tracing::info!(address = %open.written, "listens here from now on");
                }
                listeners.accepting.spawn(accept(open, Arc::clone(&listeners), Arc::clone(serve)));
            } else if let Err(error) = open.socket.set_mode(mode) {
                tracing::warn!(address = %open.written, %error, "cannot set the mode of the socket");
            }
        }
    }
}

async fn accept(open: Arc<Open>, listeners: Arc<Listeners>, serve: Serve) {
    let begin = |accepted| {
        let terms = lock(&open.terms).clone();
        serve(accepted, terms, listeners.closing.watch());
    };
    loop {
        let accepted = tokio::select! {
            accepted = open.socket.accept() => accepted,
            () = open.stop.cancelled() => break,
        };
        match accepted {
            Ok(accepted) => begin(accepted),
            Err(error) => {
                // Out of file descriptors, mostly: the running requests will free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(REST).await;
            }
        }
    }
    if listeners.stop.is_cancelled() {
        return;
    }
    // Those that the system has taken in already would be cut off with the listener.
    while let Ok(Ok(accepted)) = tokio::time::timeout(Duration::ZERO, open.socket.accept()).await {
        begin(accepted);
    }
}

// === Place ===

/// Where a gateway listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The address, with the real port when the config asked for port 0.
    pub address: Address,
    /// Whether it is spoken to by TLS.
    pub is_tls: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.address, self.is_tls) {
            (Address::Ip(address), false) => write!(f, "http://{address}"),
            (Address::Ip(address), true) => write!(f, "https://{address}"),
            (address @ Address::Unix(_), _) => address.fmt(f),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What it guards is replaced whole, so that there is nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
