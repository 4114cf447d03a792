//! The connections to one host: who needs one takes a free one, waits for the next, or has one opened.
//!
//! Where HTTP/2 is spoken, requests share connections, and there are as many connections as the requests under way need;
//! where HTTP/1.1 is spoken, each request has one for itself. Which it is, the first connection shows: until then the others
//! wait for it.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicBool},
    time::{Duration, Instant},
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper::{client::conn::http2, rt::Executor};
use hyper_util::rt::TokioExecutor;
use lockgate_protocol::ir::Fault;
use tokio::sync::oneshot;

use super::{
    dial::{Dial, MAX_STREAMS, Opened, Shared, unreached},
    io::Seen,
    lease::{Lease, Line, Single, Stream},
};
use crate::{body::RequestBody, clock};

/// How long an unused connection is kept. Shorter than the minute after which most servers close theirs, so that a
/// request seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// How often unused connections are looked through.
const SWEEP: Duration = Duration::from_secs(10);
/// A connection that nobody took for so long after it was opened has lain idle like a used one.
const REST: Duration = Duration::from_secs(1);
/// Most unused connections kept that serve one request at a time.
const MAX_IDLE: usize = 1024;
/// Most connections that requests share.
const MAX_SHARED: usize = 1024;

/// The connections to one host.
#[derive(Debug)]
pub(super) struct Host {
    /// Scheme and authority; the path is `/`.
    place: Uri,
    /// What it is called in a request.
    name: Option<HeaderValue>,
    dial: Dial,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    speaks: Speaks,
    /// Unused connections, the latest last.
    idle: Vec<Idle>,
    /// Connections that are shared, the oldest first. They are filled in this order, so that the last ones fall idle.
    lanes: Vec<Lane>,
    waiters: VecDeque<Waiter>,
    /// Connections being opened, and shared ones whose host has not yet said how many streams it takes.
    opening: usize,
    /// How many connections have been begun so far: the number of the next one.
    begun: u64,
    /// How many streams the latest shared connection takes.
    streams: usize,
    /// Whether somebody is looking for connections that nobody uses.
    is_swept: bool,
}

/// What a host speaks, going by its latest connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Unknown,
    Http1,
    Http2,
}

#[derive(Debug)]
struct Idle {
    single: Single,
    since: Instant,
}

#[derive(Debug)]
struct Lane {
    number: u64,
    sender: http2::SendRequest<RequestBody>,
    seen: Arc<Seen>,
    has_answered: Arc<AtomicBool>,
    taken: usize,
    /// How many streams it takes, once its host has said so.
    streams: Option<usize>,
    since: Instant,
}

#[derive(Debug)]
struct Waiter {
    /// Takes only connections from this number on; those that serve one request at a time only new.
    from: u64,
    taker: Taker,
}

type Taker = oneshot::Sender<Result<Lease, Fault>>;

impl Host {
    /// The host of `place`, a URL of which only scheme and authority count. `offers` says that HTTP/2 is offered.
    pub(super) fn new(place: Uri, offers: bool, dial: Dial) -> Self {
        let speaks =
            if offers && place.scheme() == Some(&Scheme::HTTPS) { Speaks::Unknown } else { Speaks::Http1 };
        let usual = if place.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let name = place.host().map(|host| match place.port_u16() {
            Some(port) if port != usual => format!("{host}:{port}"),
            _ => host.to_owned(),
        });
        let name = name.and_then(|name| HeaderValue::try_from(name).ok());
        let state = State {
            speaks,
            idle: Vec::new(),
            lanes: Vec::new(),
            waiters: VecDeque::new(),
            opening: 0,
            begun: 0,
            streams: MAX_STREAMS,
            is_swept: false,
        };
        Self { place, name, dial, state: Mutex::new(state) }
    }

    /// The value of a `host` header.
    pub(super) fn name(&self) -> Option<&HeaderValue> {
        self.name.as_ref()
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
            Ok(Opened::Single { sender, seen, is_absolute }) => self.change(|state| {
                state.opening -= 1;
                state.speaks = Speaks::Http1;
                let sender = Some(sender);
                state.rest(Single { number, sender, seen, is_absolute, has_sent: false, is_rested: false });
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

impl State {
    /// A free connection, taken.
    fn free(&mut self, from: u64) -> Option<Line> {
        self.free_single(from).map(Line::Single).or_else(|| self.free_stream(from).map(Line::Shared))
    }

    fn free_single(&mut self, from: u64) -> Option<Single> {
        if self.idle.is_empty() {
            return None;
        }
        let now = clock::now();
        let fits = |idle: &Idle| from == 0 || idle.single.number >= from && !idle.single.is_rested;
        while let Some(place) = self.idle.iter().rposition(fits) {
            let Idle { mut single, since } = self.idle.remove(place);
            let rested = now.saturating_duration_since(since);
            if rested < IDLE && single.is_open() {
                single.is_rested |= rested >= REST;
                return Some(single);
            }
        }
        None
    }

    fn free_stream(&mut self, from: u64) -> Option<Stream> {
        let has_room = |lane: &&mut Lane| {
            lane.number >= from && lane.taken < lane.streams.unwrap_or(1) && !lane.sender.is_closed()
        };
        let lane = self.lanes.iter_mut().find(has_room)?;
        lane.taken += 1;
        Some(Stream {
            number: lane.number,
            sender: Some(lane.sender.clone()),
            seen: Arc::clone(&lane.seen),
            has_answered: Arc::clone(&lane.has_answered),
        })
    }

    /// Keeps a connection for the next request.
    fn rest(&mut self, single: Single) {
        if self.idle.len() < MAX_IDLE || !self.waiters.is_empty() {
            self.idle.push(Idle { single, since: clock::now() });
        }
    }

    fn lane(&mut self, number: u64) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.number == number)
    }

    /// Forgets a shared connection; whether that was one less being opened.
    fn forget(&mut self, number: u64) -> bool {
        let Some(place) = self.lanes.iter().position(|lane| lane.number == number) else { return false };
        let was_opening = self.lanes.remove(place).streams.is_none();
        self.opening -= usize::from(was_opening);
        was_opening
    }

    /// How many of those who wait one connection can serve that is being opened.
    fn per_opening(&self) -> usize {
        match self.speaks {
            Speaks::Unknown => usize::MAX,
            Speaks::Http1 => 1,
            Speaks::Http2 => self.streams,
        }
    }

    /// How many connections those who wait need.
    fn wanted(&self) -> usize {
        self.waiters.len().div_ceil(self.per_opening())
    }

    /// Whether no more connections may be opened for those who wait.
    fn is_full(&self) -> bool {
        self.speaks == Speaks::Http2
            && self.wanted() > self.opening
            && self.lanes.len() + self.opening >= MAX_SHARED
    }

    /// Who waits, is still there, and has now got something.
    fn served(&mut self) -> Vec<(Taker, Line)> {
        let mut served = Vec::new();
        let mut place = 0;
        while let Some(waiter) = self.waiters.get(place) {
            let from = waiter.from;
            if waiter.taker.is_closed() {
                self.waiters.remove(place);
            } else if let Some(line) = self.free(from) {
                served.extend(self.waiters.remove(place).map(|waiter| (waiter.taker, line)));
            } else if from == 0 {
                // Nothing at all is free.
                break;
            } else {
                place += 1;
            }
        }
        served
    }

    /// Those who wait longest, for whom nothing is being opened any more.
    fn given_up(&mut self) -> Vec<Taker> {
        let able = self.opening.saturating_mul(self.per_opening());
        let lost = self.waiters.len().saturating_sub(able);
        self.waiters.drain(..lost).map(|waiter| waiter.taker).collect()
    }

    fn has_idle(&self) -> bool {
        !self.idle.is_empty() || self.lanes.iter().any(|lane| lane.taken == 0)
    }

    fn close_idle(&mut self, now: Instant) {
        let is_old = |since: Instant| now.saturating_duration_since(since) >= IDLE;
        self.idle.retain(|idle| !is_old(idle.since) && idle.single.is_open());
        let old: Vec<u64> = self
            .lanes
            .iter()
            .filter(|lane| lane.taken == 0 && is_old(lane.since))
            .map(|lane| lane.number)
            .collect();
        for number in old {
            self.forget(number);
        }
    }
}
