//! The response body: performs the steps, in pieces of the wanted size, and tells the ledger how it ended.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::{
    ledger::{Ended, Track},
    pacing::{Step, Steps},
};

/// A body being sent.
pub(crate) struct Outgoing {
    /// `None` for a body known whole, and once all steps are taken.
    steps: Option<Steps>,
    /// A step looked at while a piece was being filled.
    next: Option<Step>,
    /// What is left of the bytes being sent.
    rest: Bytes,
    /// Bytes in each network write, where that was asked for.
    piece: Option<usize>,
    /// Whether what was sent must be on its way before anything else happens.
    flush: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Bytes still to come, where the length was announced.
    length: Option<u64>,
    /// `None` for the mock's own pages, which are not calls, and once the end is known.
    track: Option<Track>,
    outcome: Ended,
    over: bool,
}

/// The connection is to be closed in the middle of the answer.
#[derive(Debug)]
pub(crate) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is cut short on demand")
    }
}

impl std::error::Error for CutShort {}

impl Outgoing {
    /// A body known whole.
    pub(crate) fn whole(
        body: Bytes,
        chunk_bytes: Option<usize>,
        track: Option<Track>,
        outcome: Ended,
    ) -> Self {
        let length = Some(body.len() as u64);
        Self::new(None, body, length, chunk_bytes, track, outcome)
    }

    /// A body made of steps, of an announced length or chunked.
    pub(crate) fn steps(
        steps: Steps,
        length: Option<u64>,
        chunk_bytes: Option<usize>,
        track: Option<Track>,
        outcome: Ended,
    ) -> Self {
        Self::new(Some(steps), Bytes::new(), length, chunk_bytes, track, outcome)
    }

    fn new(
        steps: Option<Steps>,
        rest: Bytes,
        length: Option<u64>,
        chunk_bytes: Option<usize>,
        track: Option<Track>,
        outcome: Ended,
    ) -> Self {
        let piece = chunk_bytes.map(|bytes| bytes.max(1));
        let (next, flush, sleep, over) = (None, false, None, false);
        let mut body = Self { steps, next, rest, piece, flush, sleep, length, track, outcome, over };
        if length == Some(0) {
            // Nobody polls an empty body.
            body.finish();
        }
        body
    }

    fn finish(&mut self) {
        self.over = true;
        if let Some(mut track) = self.track.take() {
            track.end(self.outcome);
        }
    }

    fn next_step(&mut self) -> Option<Step> {
        self.next.take().or_else(|| self.steps.as_mut()?.next())
    }

    /// Joins what is sent without a pause to `size` bytes or a little more.
    fn fill(&mut self, size: usize) {
        let mut joined = BytesMut::from(std::mem::take(&mut self.rest));
        while joined.len() < size {
            match self.next_step() {
                Some(Step::Send(more)) => joined.extend_from_slice(&more),
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        self.rest = joined.freeze();
    }

    /// The bytes of one write, joined from several steps where they are shorter than it.
    fn next_piece(&mut self) -> Bytes {
        let piece = match self.piece {
            None => std::mem::take(&mut self.rest),
            Some(size) => {
                if self.rest.len() < size {
                    self.fill(size);
                }
                self.flush = true;
                self.rest.split_to(size.min(self.rest.len()))
            }
        };
        if let Some(length) = &mut self.length {
            *length = length.saturating_sub(piece.len() as u64);
            if *length == 0 {
                self.finish();
            }
        }
        piece
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let this = &mut *self;
        loop {
            if std::mem::take(&mut this.flush) {
                // Hyper writes what it has when the body is not ready.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !this.rest.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(this.next_piece()))));
            }
            if let Some(sleep) = &mut this.sleep {
                ready!(sleep.as_mut().poll(context));
                this.sleep = None;
            }
            match this.next_step() {
                Some(Step::Send(bytes)) => this.rest = bytes,
                Some(Step::Wait(pause)) => this.sleep = Some(Box::pin(sleep(pause))),
                Some(Step::Stall) => {
                    this.next = Some(Step::Stall);
                    // The connection wakes itself when the client leaves.
                    return Poll::Pending;
                }
                Some(Step::Flush) => this.flush = true,
                Some(Step::Cut) => {
                    this.finish();
                    return Poll::Ready(Some(Err(CutShort)));
                }
                None => {
                    this.finish();
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
