//! What the mock saw and how each call ended, bounded in number and bytes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use serde::Serialize;

use crate::{Fault, clock, clock::Instant};

/// Sum of the request bodies kept; beyond it the oldest calls are dropped.
const BODY_BYTES: usize = 256 << 20;
/// Credentials counted one by one; the rest are not.
const MAX_KEYS: usize = 10_000;

/// One call as the mock saw it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Counts from 1 in order of arrival.
    pub id: u64,
    /// When its headers had come, since the mock was started or reset.
    pub at: Duration,
    /// The credential it showed, as it was sent.
    pub key: Option<String>,
    /// The request method.
    pub method: Method,
    /// The request path with its query.
    pub path: String,
    /// The request headers.
    pub headers: HeaderMap,
    /// The request body; empty unless bodies are kept.
    pub body: Bytes,
    /// The model asked for, when the request names one.
    pub model: Option<String>,
    /// The fault that was due.
    pub fault: Option<Fault>,
    /// The status answered; 0 while and where there is none.
    pub status: u16,
    /// What the answer says it cost; absent when a fault kept the client from reading it.
    pub usage: Option<Usage>,
    /// How it ended.
    pub ended: Ended,
}

/// Tokens the provider bills; cached input is part of `input`, reasoning is part of `output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens of the answer.
    pub output: u64,
    /// Tokens of the answer that nobody sees.
    pub reasoning: u64,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Not yet.
    InFlight,
    /// The whole answer was handed to the connection.
    Complete,
    /// The client closed first.
    ClientGone {
        /// Since the request began.
        after: Duration,
    },
    /// The fault that was due ended it.
    Faulted,
}

/// Calls counted since the start or the last reset, the dropped ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Calls that began.
    pub requests: u64,
    /// Calls that have not ended.
    pub in_flight: u64,
    /// Most calls that had not ended at any one time.
    pub peak: u64,
    /// Streams that have begun and not ended.
    pub streams: u64,
    /// Calls answered whole.
    pub complete: u64,
    /// Calls whose client went away.
    pub client_gone: u64,
    /// Calls ended by a fault.
    pub faulted: u64,
    /// Ledger entries dropped to stay within bounds.
    pub entries_dropped: u64,
    /// Connections accepted.
    pub connections: u64,
}

/// The bounded list of calls.
pub(crate) struct Ledger {
    pages: Mutex<Pages>,
    capacity: usize,
    keep_bodies: bool,
}

struct Pages {
    /// Ids follow each other without gaps, so an entry is found by its distance from the first.
    entries: VecDeque<Entry>,
    next_id: u64,
    body_bytes: usize,
    counts: Counts,
    keys: BTreeMap<String, u64>,
    since: Instant,
}

/// The obligation to say how one call ended: dropped without saying, the client is gone.
pub(crate) struct Track {
    ledger: Arc<Ledger>,
    id: u64,
    began: Instant,
    open: bool,
    streams: bool,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(capacity: usize, keep_bodies: bool) -> Self {
        let pages = Pages {
            entries: VecDeque::new(),
            next_id: 1,
            body_bytes: 0,
            counts: Counts::default(),
            keys: BTreeMap::new(),
            since: clock::now(),
        };
        Self { pages: Mutex::new(pages), capacity, keep_bodies }
    }

    /// Opens an entry for a request whose headers have come.
    pub(crate) fn begin(
        self: &Arc<Self>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        key: Option<String>,
        fault: Option<&Fault>,
    ) -> Track {
        let began = clock::now();
        let mut pages = self.lock();
        if let Some(key) = &key {
            let has_place = pages.keys.len() < MAX_KEYS;
            match pages.keys.get_mut(key) {
                Some(count) => *count += 1,
                None if has_place => drop(pages.keys.insert(key.clone(), 1)),
                None => {}
            }
        }
        let entry = (self.capacity > 0).then(|| Entry {
            id: 0,
            at: began.saturating_duration_since(pages.since),
            key,
            method: method.clone(),
            path: path.to_owned(),
            headers: own(headers),
            body: Bytes::new(),
            model: None,
            fault: fault.cloned(),
            status: 0,
            usage: None,
            ended: Ended::InFlight,
        });
        let id = pages.next_id;
        pages.next_id += 1;
        pages.counts.requests += 1;
        pages.counts.in_flight += 1;
        pages.counts.peak = pages.counts.peak.max(pages.counts.in_flight);
        if let Some(entry) = entry {
            if pages.entries.len() >= self.capacity {
                pages.drop_oldest();
            }
            pages.entries.push_back(Entry { id, ..entry });
        }
        drop(pages);
        Track { ledger: Arc::clone(self), id, began, open: true, streams: false }
    }

    pub(crate) fn connection(&self) {
        self.lock().counts.connections += 1;
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.lock().counts
    }

    pub(crate) fn keys(&self) -> BTreeMap<String, u64> {
        self.lock().keys.clone()
    }

    /// Forgets what has been seen; calls in flight stay counted as such.
    pub(crate) fn clear(&self) {
        let mut pages = self.lock();
        pages.entries.clear();
        pages.body_bytes = 0;
        pages.keys.clear();
        pages.since = clock::now();
        let Counts { in_flight, streams, .. } = pages.counts;
        pages.counts = Counts { in_flight, streams, peak: in_flight, ..Counts::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Pages ===

impl Pages {
    fn entry(&mut self, id: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.id;
        self.entries.get_mut(usize::try_from(id.checked_sub(first)?).ok()?)
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.body_bytes -= entry.body.len();
            self.counts.entries_dropped += 1;
        }
    }
}

// === impl Track ===

impl Track {
    /// The number of the call, from 1.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn body(&self, body: &Bytes) {
        if !self.ledger.keep_bodies {
            return;
        }
        let mut pages = self.ledger.lock();
        if let Some(entry) = pages.entry(self.id) {
            entry.body = body.clone();
            pages.body_bytes += body.len();
            while pages.body_bytes > BODY_BYTES {
                pages.drop_oldest();
            }
        }
    }

    pub(crate) fn answered(&self, status: u16, model: Option<String>, usage: Option<Usage>) {
        if let Some(entry) = self.ledger.lock().entry(self.id) {
            entry.status = status;
            entry.model = model;
            entry.usage = usage;
        }
    }

    /// Notes that the answer is a stream, which has begun.
    pub(crate) fn streams(&mut self) {
        self.streams = true;
        self.ledger.lock().counts.streams += 1;
    }

    /// Says how it ended; only the first word counts.
    pub(crate) fn end(&mut self, ended: Ended) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut pages = self.ledger.lock();
        pages.counts.in_flight -= 1;
        pages.counts.streams -= u64::from(self.streams);
        match ended {
            Ended::InFlight => {}
            Ended::Complete => pages.counts.complete += 1,
            Ended::ClientGone { .. } => pages.counts.client_gone += 1,
            Ended::Faulted => pages.counts.faulted += 1,
        }
        if let Some(entry) = pages.entry(self.id) {
            entry.ended = ended;
        }
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        if self.open {
            self.end(Ended::ClientGone { after: clock::now() - self.began });
        }
    }
}

/// A copy that keeps nothing else alive: as they come, header values are views of the connection's read buffer.
fn own(headers: &HeaderMap) -> HeaderMap {
    let copy =
        |value: &HeaderValue| HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
    headers.iter().map(|(name, value)| (name.clone(), copy(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(capacity: usize) -> Arc<Ledger> {
        Arc::new(Ledger::new(capacity, true))
    }

    fn call(ledger: &Arc<Ledger>) -> Track {
        ledger.begin(&Method::POST, "/v1/x?y=1", &HeaderMap::new(), Some("sk".to_owned()), None)
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let ledger = ledger(2);
        let calls: Vec<_> = (0..3).map(|_| call(&ledger)).collect();
        for mut call in calls {
            call.answered(200, Some("mock-1".to_owned()), None);
            call.end(Ended::Complete);
        }
        let ids: Vec<_> = ledger.entries().iter().map(|entry| (entry.id, entry.ended)).collect();
        assert_eq!(ids, [(2, Ended::Complete), (3, Ended::Complete)]);
        let counts = ledger.counts();
        assert_eq!((counts.requests, counts.complete, counts.entries_dropped), (3, 3, 1));
        assert_eq!((counts.in_flight, counts.peak), (0, 3));
        assert_eq!(ledger.keys(), BTreeMap::from([("sk".to_owned(), 3)]));
    }

    #[test]
    fn kept_bodies_are_bounded_too() {
        let ledger = ledger(100);
        let body = Bytes::from(vec![0; BODY_BYTES / 2]);
        for _ in 0..3 {
            call(&ledger).body(&body);
        }
        assert_eq!(ledger.entries().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_dropped_in_silence_is_a_client_gone() {
        let ledger = ledger(1);
        let call = call(&ledger);
        tokio::time::advance(Duration::from_millis(70)).await;
        drop(call);
        assert_eq!(ledger.entries()[0].ended, Ended::ClientGone { after: Duration::from_millis(70) });
        assert_eq!(ledger.counts().in_flight, 0);
    }

    #[test]
    fn a_cleared_ledger_survives_calls_in_flight() {
        let ledger = ledger(5);
        let mut old = call(&ledger);
        ledger.clear();
        let new = call(&ledger);
        old.end(Ended::Complete);
        drop(new);
        assert_eq!(ledger.entries().len(), 1);
        assert_eq!(ledger.counts().in_flight, 0);
    }
}
