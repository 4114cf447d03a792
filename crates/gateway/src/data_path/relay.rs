//! relay: passes the answer on as it comes, and sees to it that a cut one never looks whole.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use lockgate_protocol::{
    dialect::{Ending, Meaning, Watch},
    framing::sse::Framer,
    ir::{Fault, FaultKind},
};
use lockgate_store::Ended;
use tokio::time::Sleep;

use crate::{
    body::{AnswerBody, Broken},
    clock,
    data_path::{
        attempt::{Committed, Content, EventStream, Held, failed_event, garbled, next, silent, too_long},
        call::Call,
        settle,
    },
    fleet::{Deployment, Limits},
};

/// How long the bytes behind a finished answer are waited for, so that the connection can be used again.
const LINGER: Duration = Duration::from_secs(1);

/// Turns a committed answer into the response that the server sends.
pub(crate) fn relay(call: Call, committed: Committed) -> Response<AnswerBody> {
    let Committed { deployment, status, mut headers, content, limits } = committed;
    settle::mark(&call, Some(&deployment), &mut headers);
    let (pieces, length): (crate::body::Pieces, _) = match content {
        Content::Whole(body) => return settle::whole(call, status, headers, body),
        Content::Bytes { first, rest, length } => {
            let relay = ByteRelay {
                call,
                first: Some(first),
                rest,
                left: length,
                patience: Patience::new(&limits),
                status,
            };
            (Box::pin(stream::unfold(relay, ByteRelay::next)), length)
        }
        Content::Events(events) => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let relay = EventRelay::new(call, deployment, status, events, &limits);
            (Box::pin(stream::unfold(relay, EventRelay::next)), None)
        }
    };
    let mut response = Response::new(AnswerBody::Streamed { pieces, length });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Bounds the silence between two pieces and the length of the whole call, with one timer that is only set anew when it
/// fires: pieces come far more often than that.
struct Patience {
    stall: Duration,
    timeout: Duration,
    last: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    fn new(limits: &Limits) -> Self {
        Self {
            stall: limits.stall,
            timeout: limits.timeout,
            last: clock::now(),
            timer: Box::pin(tokio::time::sleep(limits.stall)),
        }
    }

    /// The next piece of `body`, or the fault that it did not come.
    async fn next(&mut self, call: &mut Call, body: &mut Incoming) -> Result<Option<Bytes>, Fault> {
        let waiting = clock::now();
        let mut frame = std::pin::pin!(next(body));
        let piece = loop {
            tokio::select! {
                biased;
                piece = &mut frame => break piece,
                () = self.timer.as_mut() => {
                    let now = clock::now();
                    let quiet = now - self.last.max(waiting);
                    let over = call.elapsed() >= self.timeout;
                    if quiet >= self.stall || over {
                        break Err(if over { overdue(self.timeout) } else { silent(quiet) });
                    }
                    let left = (self.stall - quiet).min(self.timeout - call.elapsed());
                    self.timer.as_mut().reset((now + left).into());
                }
            }
        };
        self.last = clock::now();
        call.waited_since(waiting);
        piece
    }
}

fn overdue(timeout: Duration) -> Fault {
    Fault::new(
        FaultKind::Timeout,
        format!("the answer took longer than the {} s a call may take", timeout.as_secs()),
    )
}

/// Passes events on.
struct EventRelay {
    call: Call,
    deployment: Arc<Deployment>,
    status: StatusCode,
    framer: Framer,
    watch: Box<dyn Watch>,
    rest: Incoming,
    patience: Patience,
    /// What is ready to go.
    ready: VecDeque<Bytes>,
    stage: Stage,
}

/// How far a stream has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The answer goes on.
    Open,
    /// The answer is complete and on record; the provider has not closed its stream yet.
    Complete,
    /// Nothing more comes.
    Closed,
}

impl EventRelay {
    fn new(
        call: Call,
        deployment: Arc<Deployment>,
        status: StatusCode,
        events: EventStream,
        limits: &Limits,
    ) -> Self {
        let EventStream { held, framer, watch, rest } = events;
        let (ready, stage) = (VecDeque::new(), Stage::Open);
        let mut relay = Self {
            call,
            deployment,
            status,
            framer,
            watch,
            rest,
            patience: Patience::new(limits),
            ready,
            stage,
        };
        for Held { bytes, meaning } in held {
            relay.event(bytes, meaning);
        }
        relay
    }

    async fn next(mut self) -> Option<(Result<Bytes, Broken>, Self)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some((Ok(piece), self));
            }
            match self.stage {
                Stage::Open => match self.patience.next(&mut self.call, &mut self.rest).await {
                    Ok(Some(chunk)) => self.chunk(&chunk),
                    Ok(None) => self.end(None),
                    Err(fault) => self.end(Some(fault)),
                },
                Stage::Complete => {
                    let rest = async { while let Ok(Some(_)) = next(&mut self.rest).await {} };
                    // A provider that keeps its stream open costs a connection, not the client's time.
                    let _ = tokio::time::timeout(LINGER, rest).await;
                    self.stage = Stage::Closed;
                }
                Stage::Closed => return None,
            }
        }
    }

    /// The next bytes: events that stand side by side leave as one piece.
    fn chunk(&mut self, chunk: &Bytes) {
        let batch = match self.framer.push(chunk) {
            Ok(batch) => batch,
            Err(error) => return self.fail(&too_long(error)),
        };
        let mut run = 0;
        let mut start = 0;
        for end in &batch.ends {
            let event = &batch.bytes[start..*end];
            let meaning = self.watch.event(event);
            if !matches!(meaning, Meaning::Lifecycle | Meaning::Output) {
                self.ready.extend((run < start).then(|| batch.bytes.slice(run..start)));
                self.event(batch.bytes.slice(start..*end), meaning);
                run = *end;
            }
            start = *end;
            if self.stage != Stage::Open {
                return;
            }
        }
        self.ready.extend((run < start).then(|| batch.bytes.slice(run..start)));
    }

    fn event(&mut self, bytes: Bytes, meaning: Meaning) {
        if self.stage != Stage::Open {
            return;
        }
        match meaning {
            Meaning::Lifecycle | Meaning::Output => self.ready.push_back(bytes),
            Meaning::Withheld => {}
            Meaning::End | Meaning::Empty => self.complete(bytes),
            Meaning::Failed => self.fail(&failed_event(&self.deployment.provider, &bytes, &HeaderMap::new())),
            Meaning::Garbled => self.fail(&garbled("the provider's stream has an event that is not JSON")),
        }
    }

    /// The bytes have ended, as they should (`None`) or by a fault.
    fn end(&mut self, fault: Option<Fault>) {
        if let Some(last) = self.framer.finish() {
            let meaning = self.watch.event(&last);
            // Half an event is no event; a whole one only lacks its blank line.
            if meaning != Meaning::Garbled {
                self.event([last.trim_ascii_end(), b"\n\n".as_slice()].concat().into(), meaning);
            }
        }
        if self.stage != Stage::Open {
            return;
        }
        match self.watch.finish() {
            Ending::Whole(closing) => {
                self.complete(closing);
                self.stage = Stage::Closed;
            }
            Ending::Cut => {
                let cut = || Fault::new(FaultKind::Cut, "the provider's answer broke off");
                self.fail(&fault.unwrap_or_else(cut));
            }
        }
    }

    /// The answer is complete: on record first, then its last bytes.
    fn complete(&mut self, last: Bytes) {
        self.call.usage = self.watch.usage();
        self.call.settle(self.status.as_u16(), Ended::Answered);
        self.ready.extend((!last.is_empty()).then_some(last));
        self.stage = Stage::Complete;
    }

    /// The answer broke off: the client is told in its dialect, after what it already has.
    fn fail(&mut self, fault: &Fault) {
        self.call.usage = self.watch.usage();
        self.call.broke(fault);
        self.call.settle(self.status.as_u16(), Ended::Broken);
        self.ready.push_back(self.watch.fail(fault));
        self.stage = Stage::Closed;
    }
}

/// Passes bytes on that the gateway does not read. There is no way to say in them that they broke off, so the connection
/// is broken too.
struct ByteRelay {
    call: Call,
    first: Option<Bytes>,
    rest: Incoming,
    /// Bytes still to come, where the provider said how many there are.
    left: Option<u64>,
    patience: Patience,
    status: StatusCode,
}

impl ByteRelay {
    async fn next(mut self) -> Option<(Result<Bytes, Broken>, Self)> {
        let piece = match self.first.take().filter(|first| !first.is_empty()) {
            Some(first) => Ok(Some(first)),
            None => self.patience.next(&mut self.call, &mut self.rest).await,
        };
        match piece {
            Ok(Some(piece)) => {
                self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                // Nobody asks for more behind the last byte of a known length.
                if self.left == Some(0) {
                    self.call.settle(self.status.as_u16(), Ended::Answered);
                }
                Some((Ok(piece), self))
            }
            Ok(None) => {
                self.call.settle(self.status.as_u16(), Ended::Answered);
                None
            }
            Err(fault) => {
                self.call.broke(&fault);
                self.call.settle(self.status.as_u16(), Ended::Broken);
                Some((Err(Broken), self))
            }
        }
    }
}
