//! The connections to one host: who needs one takes a free one, waits for the next, or has one opened.
//!
//! Where HTTP/2 is spoken, requests share connections, and there are as many connections as the requests under way need;
//! where HTTP/1.1 is spoken, each request has one for itself. Which it is, the first connection shows: until then the others
//! wait for it.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use lockgate_config::Proxy;
use lockgate_protocol::ir::Fault;
use tokio::sync::oneshot;

use super::{
    dial::{Dial, MAX_STREAMS, Opened, Shared, unreached},
    lease::{Lease, Single},
    state::{Lane, MAX_SHARED, Speaks, State, Taker, Waiter},
};
use crate::clock;

/// How often unused connections are looked through.
const SWEEP: Duration = Duration::from_secs(10);
/// The connections to one host.
#[derive(Debug)]
pub(super) struct Host {
    /// Scheme and authority; the path is `/`.
    place: Uri,
    /// What it is called in a request.
    name: Option<HeaderValue>,
    /// The proxy that is sent the whole request, if one is.
    whole: Option<Proxy>,
    dial: Dial,
    state: Mutex<State>,
}

impl Host {
    /// The host of `place`, a URL of which only scheme and authority count. `offers` says that HTTP/2 is offered; `whole` is
    /// the proxy that is sent the whole request.
    pub(super) fn new(place: Uri, offers: bool, dial: Dial, whole: Option<Proxy>) -> Self {
        let speaks =
            if offers && place.scheme() == Some(&Scheme::HTTPS) { Speaks::Unknown } else { Speaks::Http1 };
        let usual = if place.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let name = place.host().map(|host| match place.port_u16() {
            Some(port) if port != usual => format!("{host}:{port}"),
            _ => host.to_owned(),
        });
        let name = name.and_then(|name| HeaderValue::try_from(name).ok());
        Self { place, name, whole, dial, state: Mutex::new(State::new(speaks)) }
    }

    /// The value of a `host` header.
    pub(super) fn name(&self) -> Option<&HeaderValue> {
        self.name.as_ref()
    }

    /// The proxy that is sent the whole request, which it can read, rather than asked for a tunnel.
    pub(super) fn whole(&self) -> Option<&Proxy> {
        self.whole.as_ref()
    }

    /// Scheme and authority, as in a URL.
    pub(super) fn place(&self) -> &Uri {
        &self.place
    }

    /// A connection for one request: any, or with `from` one whose opening began as that number or later.
    pub(super) async fn take(self: &Arc<Self>, from: u64) -> Result<Lease, Fault> {
        let waiting = {
            let mut state = self.state();
            if let Some(line) = state.free(from) {
                return Ok(Lease::new(self, line, state.begun));
            }
            let (taker, waiting) = oneshot::channel();
            state.waiters.push_back(Waiter { from, taker });
            if state.is_full() {
                state.waiters.pop_back();
                return Err(unreached(format!("all {MAX_SHARED} connections that may be shared are taken")));
            }
            self.open_missing(&mut state);
            waiting
        };
        waiting.await.unwrap_or_else(|_| Err(unreached("its connections are given up")))
    }

    /// Takes a connection back that can serve the next request.
    pub(super) fn give_back(self: &Arc<Self>, single: Single) {
        self.change(|state| state.rest(single));
    }

    /// Takes back the room of a stream that is over.
    pub(super) fn release(self: &Arc<Self>, number: u64) {
        self.change(|state| {
            if let Some(lane) = state.lane(number) {
                lane.taken = lane.taken.saturating_sub(1);
                lane.since = clock::now();
            }
        });
    }

    /// No more requests on this connection: it is closed or being closed.
    pub(super) fn retire(self: &Arc<Self>, number: u64) {
        let mut failed = Vec::new();
        self.change(|state| {
            if state.forget(number) {
                failed = state.given_up();
            }
        });
        fail(failed, &unreached("the provider closed a connection before it could be used"));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, then gives those who wait what there is for them, and has opened what they still miss.
    fn change(self: &Arc<Self>, act: impl FnOnce(&mut State)) {
        let (served, begun) = {
            let mut state = self.state();
            act(&mut state);
            let served = state.served();
            self.open_missing(&mut state);
            if !state.is_swept && state.has_idle() {
                state.is_swept = true;
                TokioExecutor::new().execute(sweep(Arc::downgrade(self)));
            }
            (served, state.begun)
        };
        for (taker, line) in served {
            // Whoever is gone meanwhile does not take it; the lease then gives it back, which needs the state.
            let _ = taker.send(Ok(Lease::new(self, line, begun)));
        }
    }

    fn open_missing(self: &Arc<Self>, state: &mut State) {
        let room = match state.speaks {
            Speaks::Http2 => MAX_SHARED.saturating_sub(state.lanes.len() + state.opening),
            _ => usize::MAX,
        };
        for _ in 0..state.wanted().saturating_sub(state.opening).min(room) {
            state.opening += 1;
            TokioExecutor::new().execute(Arc::clone(self).open(state.begun));
            state.begun += 1;
        }
    }

    async fn open(self: Arc<Self>, number: u64) {
        match self.dial.open(self.place.clone()).await {
            Err(fault) => {
                let mut failed = Vec::new();
                self.change(|state| {
                    state.opening -= 1;
                    failed = state.given_up();
                });
                fail(failed, &fault);
            }
            Ok(Opened::Single { sender, connection, seen, is_absolute }) => self.change(|state| {
                state.opening -= 1;
                state.speaks = Speaks::Http1;
                let sender = Some(sender);
                state.rest(Single {
                    number,
                    sender,
                    connection,
                    seen,
                    is_absolute,
                    has_sent: false,
                    is_rested: false,
                });
            }),
            Ok(Opened::Shared { sender, connection, seen }) => {
                self.change(|state| {
                    state.speaks = Speaks::Http2;
                    state.lanes.push(Lane {
                        number,
                        sender,
                        seen,
                        has_answered: Arc::default(),
                        taken: 0,
                        streams: None,
                        since: clock::now(),
                    });
                });
                // The connection must not keep its host: it would keep itself.
                let host = Arc::downgrade(&self);
                drop(self);
                drive(host, number, connection).await;
            }
        }
    }

    fn allows(self: &Arc<Self>, number: u64, streams: usize) {
        let streams = streams.clamp(1, MAX_STREAMS);
        self.change(|state| {
            let Some(lane) = state.lane(number) else { return };
            let is_first = lane.streams.replace(streams).is_none();
            state.streams = streams;
            if is_first {
                state.opening -= 1;
            }
        });
    }
}

/// Makes a shared connection go until its end, and notes what its host allows.
async fn drive(host: Weak<Host>, number: u64, connection: Shared) {
    let mut connection = pin!(connection);
    let mut known = 0;
    poll_fn(|cx| {
        let end = connection.as_mut().poll(cx);
        let allowed = connection.current_max_send_streams();
        if allowed != known {
            known = allowed;
            if let Some(host) = host.upgrade() {
                host.allows(number, allowed);
            }
        }
        // Whoever has a request on it is told why it ended.
        end.map(drop)
    })
    .await;
    if let Some(host) = host.upgrade() {
        host.retire(number);
    }
}

/// Closes what nobody has used for long, until there is nothing left to look for.
async fn sweep(host: Weak<Host>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(host) = host.upgrade() else { return };
        let mut state = host.state();
        state.close_idle(clock::now());
        if !state.has_idle() {
            state.is_swept = false;
            return;
        }
    }
}

fn fail(failed: Vec<Taker>, fault: &Fault) {
    for taker in failed {
        let _ = taker.send(Err(fault.clone()));
    }
}
