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
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_provider::Pass;
use lockgate_store::Ended;
use tokio::time::Sleep;

use crate::{
    body::{AnswerBody, Broken},
    clock,
    data_path::{
        attempt::{Begun, Committed},
        call::Call,
        passage::{Passage, Progress},
        reply::{Content, Events, classified, next, silent},
        settle,
    },
    fleet::Deployment,
    upstream::Incoming,
};

/// How long the bytes behind a finished answer are waited for, so that the connection can be used again.
const LINGER: Duration = Duration::from_secs(1);

/// Turns a committed answer into the response that the server sends.
pub(crate) fn relay(call: Call, committed: Committed) -> Response<AnswerBody> {
    let Committed { deployment, answer, limits, pass } = committed;
    let Begun { status, mut headers, content } = answer;
    settle::mark(&call, Some(&deployment), &mut headers);
    let (pieces, length): (crate::body::Pieces, _) = match content {
        Content::Whole(body) => return settle::whole(call, status, headers, body),
        Content::Bytes { first, rest, length } => {
            let relay = ByteRelay {
                call,
                first: Some(first),
                rest,
                left: length,
                patience: Patience::new(deployment.stall, limits.timeout),
                status,
            };
            (Box::pin(stream::unfold(relay, ByteRelay::next)), length)
        }
        Content::Events(events) => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let relay = EventRelay::new(call, deployment, pass, status, events, limits.timeout);
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
    fn new(stall: Duration, timeout: Duration) -> Self {
        Self { stall, timeout, last: clock::now(), timer: Box::pin(tokio::time::sleep(stall)) }
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

/// Passes a stream on.
struct EventRelay {
    call: Call,
    deployment: Arc<Deployment>,
    pass: Arc<Pass>,
    status: StatusCode,
    passage: Box<dyn Passage>,
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
        pass: Arc<Pass>,
        status: StatusCode,
        events: Events,
        timeout: Duration,
    ) -> Self {
        let Events { passage, ready, progress, rest } = events;
        let patience = Patience::new(deployment.stall, timeout);
        let stage = Stage::Open;
        let mut relay = Self { call, deployment, pass, status, passage, rest, patience, ready, stage };
        relay.take(progress);
        relay
    }

    async fn next(mut self) -> Option<(Result<Bytes, Broken>, Self)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some((Ok(piece), self));
            }
            match self.stage {
                Stage::Open => {
                    let progress = match self.patience.next(&mut self.call, &mut self.rest).await {
                        Ok(Some(chunk)) => self.passage.chunk(&chunk, &mut self.ready),
                        Ok(None) => self.end(),
                        // What came before the fault may have been all there was to say.
                        Err(fault) => match self.passage.broken(&mut self.ready) {
                            Progress::Complete => Progress::Complete,
                            _ => {
                                self.fail(fault);
                                continue;
                            }
                        },
                    };
                    self.take(progress);
                }
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

    fn end(&mut self) -> Progress {
        self.passage.end(&mut self.ready)
    }

    /// Acts on what the latest bytes came to; nothing of `ready` has left yet.
    fn take(&mut self, progress: Progress) {
        let provider = &self.deployment.provider;
        match progress.fault(|body| classified(provider, 200, &HeaderMap::new(), body)) {
            Ok(Progress::Complete) => {
                // On record first, then the last bytes.
                self.settle(Ended::Answered);
                self.stage = Stage::Complete;
            }
            Ok(_) => {}
            Err(mut fault) => {
                self.pass.conceal(&mut fault);
                self.fail(fault);
            }
        }
    }

    /// The answer broke off: the client is told in its dialect, after what it already has.
    fn fail(&mut self, mut fault: Fault) {
        self.passage.turn_back(&mut fault);
        self.call.broke(&fault);
        self.settle(Ended::Broken);
        self.ready.push_back(self.passage.fail(&fault));
        self.stage = Stage::Closed;
    }

    fn settle(&mut self, ended: Ended) {
        self.call.usage = self.passage.usage();
        if let Some(losses) = self.passage.losses() {
            self.call.losses.append(losses);
        }
        self.call.settle(self.status.as_u16(), ended);
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
