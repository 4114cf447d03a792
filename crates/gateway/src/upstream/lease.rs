//! A connection in the hands of one request, until its answer is over.

use std::{
    error::Error,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;

use super::{
    causes,
    driven::Driven,
    host::Host,
    io::{Seen, Watched},
    tls::distrust,
};
use crate::body::RequestBody;

/// A connection, or a stream on one, for one request. Returned when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    host: Arc<Host>,
    line: Option<Line>,
    /// The number of the first connection to be opened after this was taken.
    pub(super) next: u64,
}

/// What is taken.
#[derive(Debug)]
pub(super) enum Line {
    Single(Single),
    Shared(Stream),
}

/// What makes a connection of HTTP/1.1 go: there is nobody for whom it could do so but the request that has it.
pub(super) type Link = Driven<http1::Connection<TokioIo<Watched>, RequestBody>>;

/// A connection of HTTP/1.1.
#[derive(Debug)]
pub(super) struct Single {
    pub(super) number: u64,
    /// Absent once it is closed.
    pub(super) sender: Option<http1::SendRequest<RequestBody>>,
    pub(super) connection: Link,
    pub(super) seen: Arc<Seen>,
    pub(super) is_absolute: bool,
    pub(super) has_sent: bool,
    /// It has answered before, or lain idle: that it is closed meanwhile is nobody's fault.
    pub(super) is_rested: bool,
}

/// Room for a stream on a connection of HTTP/2.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) number: u64,
    /// Absent once the request is sent.
    pub(super) sender: Option<http2::SendRequest<RequestBody>>,
    pub(super) seen: Arc<Seen>,
    /// Of the connection, on any stream.
    pub(super) has_answered: Arc<AtomicBool>,
}

/// No answer came.
#[derive(Debug)]
pub(super) struct Failed {
    /// For the log.
    pub(super) why: String,
    /// What is wrong with the certificates, if that is why.
    pub(super) distrust: Option<String>,
    pub(super) may: May,
}

/// Whether a request that failed may be sent again as if it had not been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// The other side has surely not looked at it.
    Unseen,
    /// A connection that has worked before ended without a byte of an answer: the other side closed it while it lay idle,
    /// as a rule.
    Lost,
    /// It is for others to decide.
    No,
}

/// The body of an answer, as it comes. While it is not over it holds its connection, or its room on one.
#[derive(Debug)]
pub(crate) struct Incoming {
    // Dropped first: only then the connection knows that nobody reads on.
    body: body::Incoming,
    lease: Option<Lease>,
}

impl Lease {
    pub(super) fn new(host: &Arc<Host>, line: Line, next: u64) -> Self {
        Self { host: Arc::clone(host), line: Some(line), next }
    }

    /// Whether sending may fail in a way that is not to count.
    pub(super) fn may_fail_unseen(&self) -> bool {
        match &self.line {
            Some(Line::Single(single)) => single.is_rested,
            _ => true,
        }
    }

    /// Sends the request; the answer holds the lease on. Dropped before the answer, the request is given up at once.
    pub(super) async fn send(
        mut self,
        request: Box<Request<RequestBody>>,
    ) -> Result<Response<Incoming>, Failed> {
        let answer = match &mut self.line {
            Some(Line::Single(single)) => single.send(request, self.host.name()).await?,
            Some(Line::Shared(stream)) => stream.send(request, &self.host).await?,
            None => return Err(Failed::used_up()),
        };
        Ok(answer.map(|body| Incoming { body, lease: Some(self) }))
    }

    /// The connection, where it is this lease's alone.
    fn connection(&mut self) -> Option<&mut Link> {
        match &mut self.line {
            Some(Line::Single(single)) => Some(&mut single.connection),
            _ => None,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.line.take() {
            Some(Line::Shared(stream)) => self.host.release(stream.number),
            Some(Line::Single(mut single)) => {
                if single.is_open() {
                    return self.host.give_back(single);
                }
                let Ok(runtime) = Handle::try_current() else { return };
                if single.sender.is_none() || single.connection.has_ended() {
                    return;
                }
                let host = Arc::clone(&self.host);
                // It may have to see the end of the answer first; if there is more to come, it closes.
                runtime.spawn(async move {
                    if single.rests().await {
                        host.give_back(single);
                    }
                });
            }
            None => {}
        }
    }
}

impl Single {
    /// Whether it can take a request, as far as is known here.
    pub(super) fn is_open(&mut self) -> bool {
        // One that is new has not asked for its first request yet; that it may be closed already is for who sends it to see.
        let is_new = !self.has_sent && !self.is_rested;
        if !is_new {
            // What has come meanwhile, such as its end, is seen now.
            self.connection.settle();
        }
        let Some(sender) = &self.sender else { return false };
        is_new || !self.connection.has_ended() && sender.is_ready()
    }

    /// Waits until it can take a request; false if it closes instead.
    async fn rests(&mut self) -> bool {
        let Self { sender: Some(sender), connection, .. } = self else { return false };
        poll_fn(|cx| connection.wait(cx, |cx| sender.poll_ready(cx))).await.is_ok()
    }

    async fn send(
        &mut self,
        mut request: Box<Request<RequestBody>>,
        host: Option<&HeaderValue>,
    ) -> Result<Response<body::Incoming>, Failed> {
        if let Some(host) = host {
            request.headers_mut().entry(header::HOST).or_insert_with(|| host.clone());
        }
        if !self.is_absolute {
            *request.uri_mut() = relative(request.uri());
        }
        let Some(sender) = self.sender.take() else { return Err(Failed::used_up()) };
        self.has_sent = true;
        self.seen.listen();
        match answer(sender, &mut self.connection, request).await {
            Ok((answer, sender)) => {
                self.sender = sender;
                self.is_rested = true;
                Ok(answer)
            }
            Err(mut failed) => {
                let was_written = failed.take_message().is_none();
                let may = match (self.is_rested, was_written) {
                    (false, _) => May::No,
                    (true, false) => May::Unseen,
                    (true, true) if self.seen.has_heard() => May::No,
                    (true, true) => May::Lost,
                };
                Err(Failed::new(failed.error(), &self.seen, may))
            }
        }
    }
}

/// The answer to a request, and the sender for the next one. A request that is left lying when the connection ends is told,
/// since all that the connection held goes with it.
async fn answer(
    mut sender: http1::SendRequest<RequestBody>,
    connection: &mut Link,
    request: Box<Request<RequestBody>>,
) -> Result<
    (Response<body::Incoming>, Option<http1::SendRequest<RequestBody>>),
    TrySendError<Request<RequestBody>>,
> {
    let mut answer = pin!(sender.try_send_request(*request));
    let answer = poll_fn(|cx| connection.wait(cx, |cx| answer.as_mut().poll(cx))).await?;
    Ok((answer, (!connection.has_ended()).then_some(sender)))
}

impl Stream {
    async fn send(
        &mut self,
        mut request: Box<Request<RequestBody>>,
        host: &Arc<Host>,
    ) -> Result<Response<body::Incoming>, Failed> {
        // The address names the host; where a header does it too, that is what was signed.
        if let Some(name) = request.headers_mut().remove(header::HOST) {
            let mut parts = request.uri().clone().into_parts();
            parts.authority = name.as_bytes().try_into().ok().or(parts.authority);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        let Some(mut sender) = self.sender.take() else { return Err(Failed::used_up()) };
        let answer = sender.try_send_request(*request);
        // A request that is handed over just when the connection ends is only told when nobody can hand over more.
        drop(sender);
        match answer.await {
            Ok(answer) => {
                self.has_answered.store(true, Ordering::Relaxed);
                Ok(answer)
            }
            Err(mut failed) => {
                let was_written = failed.take_message().is_none();
                // Such a connection at least began with what HTTP/2 begins with.
                let is_unseen = !was_written && self.seen.has_heard();
                let has_answered = self.has_answered.load(Ordering::Relaxed);
                let (may, is_over) = judge(failed.error(), is_unseen, has_answered);
                if is_over {
                    host.retire(self.number);
                }
                Err(Failed::new(failed.error(), &self.seen, may))
            }
        }
    }
}

/// Whether a request on a shared connection may be sent again, and whether the connection is over.
fn judge(error: &hyper::Error, is_unseen: bool, has_answered: bool) -> (May, bool) {
    let told = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    match told {
        // The last stream that the other side looks at came before this one (RFC 9113, section 6.8).
        Some(told) if told.is_go_away() && told.is_remote() => (May::Unseen, true),
        // The same for this stream alone (RFC 9113, section 8.7).
        Some(told) if told.is_remote() && told.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            (May::Unseen, false)
        }
        Some(told) if told.is_reset() => (May::No, false),
        _ if is_unseen => (May::Unseen, true),
        _ if has_answered => (May::Lost, true),
        // A connection that never worked did not close for having lain idle.
        _ => (May::No, true),
    }
}

impl Failed {
    fn new(error: &hyper::Error, seen: &Seen, may: May) -> Self {
        let distrust = distrust(error).or_else(|| seen.distrust().map(str::to_owned));
        Self { why: causes(error), distrust, may }
    }

    /// A lease is for one request.
    fn used_up() -> Self {
        Self { why: "the connection is in use".to_owned(), distrust: None, may: May::No }
    }
}

/// The address as the host itself is asked for it.
fn relative(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map_or_else(Uri::default, Uri::from)
}

impl Incoming {
    /// What is over needs no connection.
    fn end(&mut self, is_over: bool) {
        if is_over || self.body.is_end_stream() {
            self.lease = None;
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, lease } = &mut *self;
        let frame = match lease.as_mut().and_then(Lease::connection) {
            Some(connection) => connection.wait(cx, |cx| Pin::new(&mut *body).poll_frame(cx)),
            None => Pin::new(body).poll_frame(cx),
        };
        match &frame {
            Poll::Pending => {}
            Poll::Ready(next) => self.end(!matches!(next, Some(Ok(_)))),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
