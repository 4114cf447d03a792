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
use lockgate_routing::Ticket;
use lockgate_store::Ended;
use tokio::time::Sleep;

use crate::{
    body::{AnswerBody, Broken},
    clock,
    data_path::{
        asking::Committed,
        call::Call,
        passage::{Passage, Progress},
        phases::Phase,
        reply::{Begun, Content, Events, classified, next, silent},
        resume::{Resumed, Resumer},
        settle,
        sign::Sign,
    },
    fleet::{Deployment, Limits},
    metrics::SecondTry,
    setup::Setup,
    upstream::Incoming,
};

/// How long the bytes behind a finished answer are waited for, so that the connection can be used again.
const LINGER: Duration = Duration::from_secs(1);

/// Turns a committed answer into the response that the server sends. `resumer` has somebody else go on, should it break
/// off.
pub(crate) fn relay(
    mut call: Box<Call>,
    committed: Committed,
    resumer: Option<Box<Resumer>>,
) -> Response<AnswerBody> {
    let Committed { deployment, answer, limits, pass, ticket } = committed;
    let told = (Arc::clone(call.setup()), Arc::clone(&deployment));
    let mut witness = Witness { ticket: Some(ticket), limits: Arc::clone(&limits), told };
    let Begun { status, mut headers, content } = answer;
    call.begins_to_answer(&deployment, matches!(content, Content::Events(_) | Content::Bytes { .. }));
    settle::mark(&call, Some(&deployment), &mut headers);
    let (pieces, length): (crate::body::Pieces, _) = match content {
        Content::Whole(body) => {
            witness.answered(call.latest());
            return settle::whole(call, status, headers, body);
        }
        Content::Bytes { first, rest, length } => {
            call.passes_in_pieces();
            let relay = ByteRelay {
                call,
                witness,
                first: Some(first),
                rest,
                left: length,
                patience: Patience::new(deployment.stall, limits.timeout, None),
                status,
            };
            (Box::pin(stream::unfold(Box::new(relay), ByteRelay::next)), length)
        }
        Content::Events(events) => {
            call.passes_in_pieces();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            let relay = EventRelay::new(call, (deployment, pass), status, events, witness, resumer);
            (Box::pin(stream::unfold(Box::new(relay), EventRelay::next)), None)
        }
    };
    let mut response = Response::new(AnswerBody::Streamed { pieces, length });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Tells what becomes of an answer where it is learned from. Dropped before (the client went away), nothing is.
struct Witness {
    ticket: Option<Ticket>,
    limits: Arc<Limits>,
    /// Whose answer it is.
    told: (Arc<Setup>, Arc<Deployment>),
}

impl Witness {
    /// The answer was complete at `now`.
    fn answered(&mut self, now: Instant) {
        if let Some(ticket) = self.ticket.take() {
            ticket.answered(now);
            let (setup, deployment) = &self.told;
            setup.answers(deployment);
        }
    }

    fn failed(&mut self, fault: &Fault, call: &Call) {
        if let Some(ticket) = self.ticket.take()
            && ticket.failed(fault, &self.limits.rules, clock::now(), call.dice())
        {
            let (setup, deployment) = &self.told;
            setup.left_alone(deployment, fault);
        }
    }
}

/// Bounds the silence between two pieces and the length of the whole call, with one timer that is only set anew when it
/// fires: pieces come far more often than that.
struct Patience {
    stall: Duration,
    timeout: Duration,
    /// How often the client is told that there will be more.
    every: Duration,
    /// Since when the next piece is waited for; the time that the client took for the one before is not the provider's.
    since: Option<Instant>,
    told: Instant,
    timer: Pin<Box<Sleep>>,
}

/// What waiting for a piece came to.
enum Waited {
    /// The next piece; `None` at the end.
    For(Option<Bytes>),
    /// Nothing yet, for so long that the client should hear something.
    InVain,
}

impl Patience {
    fn new(stall: Duration, timeout: Duration, sign: Option<Sign>) -> Self {
        let every = sign.map_or(Duration::MAX, |sign| sign.every);
        let timer = Box::pin(tokio::time::sleep(stall.min(every)));
        Self { stall, timeout, every, since: None, told: clock::now(), timer }
    }

    /// The next piece of `body`, or the fault that it did not come.
    async fn next(&mut self, call: &mut Call, body: &mut Incoming) -> Result<Waited, Fault> {
        let waiting = clock::now();
        call.enter_at(Phase::Upstream, waiting);
        let since = *self.since.get_or_insert(waiting);
        let mut frame = std::pin::pin!(next(body));
        let piece = loop {
            tokio::select! {
                biased;
                piece = &mut frame => break piece.map(Waited::For),
                () = self.timer.as_mut() => {
                    let now = clock::now();
                    let quiet = now - since;
                    let over = call.elapsed() >= self.timeout;
                    if quiet >= self.stall || over {
                        break Err(if over { overdue(self.timeout) } else { silent(quiet) });
                    }
                    let untold = now - self.told.max(since);
                    let is_due = untold >= self.every;
                    let left = (self.stall - quiet).min(self.timeout - call.elapsed());
                    let left = left.min(if is_due { self.every } else { self.every - untold });
                    self.timer.as_mut().reset((now + left).into());
                    if is_due {
                        self.told = now;
                        call.enter_at(call.piecework, now);
                        return Ok(Waited::InVain);
                    }
                }
            }
        };
        self.since = None;
        call.enter(call.piecework);
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
    call: Box<Call>,
    witness: Witness,
    deployment: Arc<Deployment>,
    pass: Arc<Pass>,
    status: StatusCode,
    passage: Box<dyn Passage>,
    rest: Incoming,
    patience: Patience,
    /// What is ready to go.
    ready: VecDeque<Bytes>,
    stage: Stage,
    /// What has somebody else go on, if the model says so.
    resumer: Option<Box<Resumer>>,
    /// Why the answer first broke off.
    first: Option<Fault>,
}

/// How far a stream has come.
enum Stage {
    /// The answer goes on.
    Open,
    /// It broke off.
    Broken(Fault),
    /// The answer is complete and on record; the provider has not closed its stream yet.
    Complete,
    /// Nothing more comes.
    Closed,
}

impl EventRelay {
    fn new(
        call: Box<Call>,
        (deployment, pass): (Arc<Deployment>, Arc<Pass>),
        status: StatusCode,
        events: Events,
        witness: Witness,
        resumer: Option<Box<Resumer>>,
    ) -> Self {
        let Events { passage, ready, progress, rest } = events;
        let patience = Patience::new(deployment.stall, witness.limits.timeout, call.sign);
        let mut relay = Self {
            call,
            witness,
            deployment,
            pass,
            status,
            passage,
            rest,
            patience,
            ready,
            stage: Stage::Open,
            resumer,
            first: None,
        };
        relay.take(progress);
        relay
    }

    /// Boxed, since it is handed on with each piece.
    async fn next(mut self: Box<Self>) -> Option<(Result<Bytes, Broken>, Box<Self>)> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.call.is_kept().await;
                self.call.leaves(&piece);
                self.call.hands_over();
                return Some((Ok(piece), self));
            }
            match std::mem::replace(&mut self.stage, Stage::Closed) {
                Stage::Open => {
                    self.stage = Stage::Open;
                    let progress = match self.patience.next(&mut self.call, &mut self.rest).await {
                        Ok(Waited::For(Some(chunk))) => self.passage.chunk(&chunk, &mut self.ready),
                        Ok(Waited::For(None)) => self.passage.end(&mut self.ready),
                        Ok(Waited::InVain) => {
                            // Only whole events leave, so this stands between two.
                            self.ready.extend(self.call.sign.map(Sign::bytes));
                            continue;
                        }
                        // What came before the fault may have been all there was to say.
                        Err(fault) => match self.passage.broken(&mut self.ready) {
                            Progress::Complete => Progress::Complete,
                            _ => {
                                self.stage = Stage::Broken(fault);
                                continue;
                            }
                        },
                    };
                    self.take(progress);
                }
                // What came before it has left by now.
                Stage::Broken(fault) => self.go_on_or_fail(fault).await,
                Stage::Complete => {
                    let rest = async { while let Ok(Some(_)) = next(&mut self.rest).await {} };
                    // A provider that keeps its stream open costs a connection, not the client's time.
                    let _ = tokio::time::timeout(LINGER, rest).await;
                }
                Stage::Closed => return None,
            }
        }
    }

    /// Acts on what the latest bytes came to; nothing of `ready` has left yet.
    fn take(&mut self, progress: Progress) {
        let provider = &self.deployment.provider;
        match progress.fault(|body| classified(provider, 200, &HeaderMap::new(), body)) {
            Ok(Progress::Complete) => {
                self.witness.answered(self.call.latest());
                // On record first, then the last bytes.
                self.settle(Ended::Answered);
                self.stage = Stage::Complete;
            }
            Ok(_) => {}
            Err(mut fault) => {
                self.pass.conceal(&mut fault);
                self.stage = Stage::Broken(fault);
            }
        }
    }

    /// The answer broke off: somebody else goes on with it where its model says so, else the client is told in its
    /// dialect, after what it already has. What it is told is why the answer broke off, not why nobody went on.
    async fn go_on_or_fail(&mut self, mut fault: Fault) {
        self.passage.turn_back(&mut fault);
        self.witness.failed(&fault, &self.call);
        self.call.broke(&fault);
        let fault = self.first.take().unwrap_or(fault);
        let resumed = match &mut self.resumer {
            Some(resumer) => resumer.go_on(&mut self.call, &mut self.passage, &self.deployment).await,
            None => None,
        };
        match resumed {
            Some(Resumed { deployment, pass, ticket, rest }) => {
                self.call.meter.tries_again(SecondTry::Resume);
                self.witness.ticket = Some(ticket);
                self.patience = Patience::new(deployment.stall, self.patience.timeout, self.call.sign);
                (self.deployment, self.pass, self.rest) = (deployment, pass, rest);
                self.call.begins_to_answer(&self.deployment, true);
                self.first = Some(fault);
                self.stage = Stage::Open;
            }
            None => {
                self.call.tells(&fault);
                self.settle(Ended::Broken);
                self.ready.push_back(self.passage.fail(&fault));
                self.stage = Stage::Closed;
            }
        }
    }

    fn settle(&mut self, ended: Ended) {
        match ended {
            Ended::Answered => self.call.usage = self.passage.usage(),
            _ => self.call.used_in_part(self.passage.usage(), self.passage.outputs()),
        }
        if let Some(losses) = self.passage.losses() {
            self.call.losses.append(losses);
        }
        // The last of it leaves when it is on record.
        self.ready.iter().for_each(|piece| self.call.leaves(piece));
        self.call.settle(self.status.as_u16(), ended);
    }
}

/// The client went away: what it had by then was used all the same.
impl Drop for EventRelay {
    fn drop(&mut self) {
        if !self.call.is_settled() {
            self.call.used_in_part(self.passage.usage(), self.passage.outputs());
        }
    }
}

/// Passes bytes on that the gateway does not read. There is no way to say in them that they broke off, so the connection
/// is broken too.
struct ByteRelay {
    call: Box<Call>,
    witness: Witness,
    first: Option<Bytes>,
    rest: Incoming,
    /// Bytes still to come, where the provider said how many there are.
    left: Option<u64>,
    patience: Patience,
    status: StatusCode,
}

impl ByteRelay {
    /// Boxed, since it is handed on with each piece.
    async fn next(mut self: Box<Self>) -> Option<(Result<Bytes, Broken>, Box<Self>)> {
        let piece = match self.first.take().filter(|first| !first.is_empty()) {
            Some(first) => Ok(Some(first)),
            None => match self.patience.next(&mut self.call, &mut self.rest).await {
                Ok(Waited::For(piece)) => Ok(piece),
                Ok(Waited::InVain) => Ok(Some(Bytes::new())),
                Err(fault) => Err(fault),
            },
        };
        match piece {
            Ok(Some(piece)) => {
                self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                self.call.leaves(&piece);
                // Nobody asks for more behind the last byte of a known length.
                if self.left == Some(0) {
                    self.witness.answered(self.call.latest());
                    self.call.settle(self.status.as_u16(), Ended::Answered);
                    self.call.is_kept().await;
                }
                self.call.hands_over();
                Some((Ok(piece), self))
            }
            Ok(None) => {
                self.witness.answered(self.call.latest());
                self.call.settle(self.status.as_u16(), Ended::Answered);
                self.call.is_kept().await;
                None
            }
            Err(fault) => {
                self.witness.failed(&fault, &self.call);
                self.call.broke(&fault);
                self.call.tells(&fault);
                self.call.settle(self.status.as_u16(), Ended::Broken);
                // A connection that breaks takes along what waits to be sent: what came before leaves first.
                tokio::task::yield_now().await;
                Some((Err(Broken), self))
            }
        }
    }
}
