//! What is known of a host's connections: which are free, who waits, and how many more are needed.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use hyper::client::conn::http2;
use lockgate_protocol::ir::Fault;
use tokio::sync::oneshot;

use super::{
    dial::MAX_STREAMS,
    io::Seen,
    lease::{Lease, Line, Single, Stream},
};
use crate::{body::RequestBody, clock};

/// How long an unused connection is kept. Shorter than the minute after which most servers close theirs, so that a
/// request seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// A connection that nobody took for so long after it was opened has lain idle like a used one.
const REST: Duration = Duration::from_secs(1);
/// Most unused connections kept that serve one request at a time.
const MAX_IDLE: usize = 1024;
/// Most connections that requests share.
pub(super) const MAX_SHARED: usize = 1024;

/// What is known of a host's connections.
#[derive(Debug)]
pub(super) struct State {
    pub(super) speaks: Speaks,
    /// Unused connections, the latest last.
    idle: Vec<Idle>,
    /// Connections that are shared, the oldest first. They are filled in this order, so that the last ones fall idle.
    pub(super) lanes: Vec<Lane>,
    pub(super) waiters: VecDeque<Waiter>,
    /// Connections being opened, and shared ones whose host has not yet said how many streams it takes.
    pub(super) opening: usize,
    /// How many connections have been begun so far: the number of the next one.
    pub(super) begun: u64,
    /// How many streams the latest shared connection takes.
    pub(super) streams: usize,
    /// Whether somebody is looking for connections that nobody uses.
    pub(super) is_swept: bool,
}

/// What a host speaks, going by its latest connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Unknown,
    Http1,
    Http2,
}

#[derive(Debug)]
struct Idle {
    single: Single,
    since: Instant,
}

/// A connection that is shared.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) number: u64,
    pub(super) sender: http2::SendRequest<RequestBody>,
    pub(super) seen: Arc<Seen>,
    pub(super) has_answered: Arc<AtomicBool>,
    pub(super) taken: usize,
    /// How many streams it takes, once its host has said so.
    pub(super) streams: Option<usize>,
    pub(super) since: Instant,
}

/// A request without a connection.
#[derive(Debug)]
pub(super) struct Waiter {
    /// Takes only connections from this number on; those that serve one request at a time only new.
    pub(super) from: u64,
    pub(super) taker: Taker,
}

/// Who waits for a connection.
pub(super) type Taker = oneshot::Sender<Result<Lease, Fault>>;

impl State {
    pub(super) fn new(speaks: Speaks) -> Self {
        Self {
            speaks,
            idle: Vec::new(),
            lanes: Vec::new(),
            waiters: VecDeque::new(),
            opening: 0,
            begun: 0,
            streams: MAX_STREAMS,
            is_swept: false,
        }
    }

    /// A free connection, taken.
    pub(super) fn free(&mut self, from: u64) -> Option<Line> {
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
    pub(super) fn rest(&mut self, single: Single) {
        if self.idle.len() < MAX_IDLE || !self.waiters.is_empty() {
            self.idle.push(Idle { single, since: clock::now() });
        }
    }

    pub(super) fn lane(&mut self, number: u64) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.number == number)
    }

    /// Forgets a shared connection; whether that was one less being opened.
    pub(super) fn forget(&mut self, number: u64) -> bool {
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
    pub(super) fn wanted(&self) -> usize {
        self.waiters.len().div_ceil(self.per_opening())
    }

    /// Whether no more connections may be opened for those who wait.
    pub(super) fn is_full(&self) -> bool {
        self.speaks == Speaks::Http2
            && self.wanted() > self.opening
            && self.lanes.len() + self.opening >= MAX_SHARED
    }

    /// Who waits, is still there, and has now got something.
    pub(super) fn served(&mut self) -> Vec<(Taker, Line)> {
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
    pub(super) fn given_up(&mut self) -> Vec<Taker> {
        let able = self.opening.saturating_mul(self.per_opening());
        let lost = self.waiters.len().saturating_sub(able);
        self.waiters.drain(..lost).map(|waiter| waiter.taker).collect()
    }

    pub(super) fn has_idle(&self) -> bool {
        !self.idle.is_empty() || self.lanes.iter().any(|lane| lane.taken == 0)
    }

    pub(super) fn close_idle(&mut self, now: Instant) {
        let is_old = |since: Instant| now.saturating_duration_since(since) >= IDLE;
        self.idle.retain_mut(|idle| !is_old(idle.since) && idle.single.is_open());
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
