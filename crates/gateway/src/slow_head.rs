//! Closes connections whose request heads do not get finished: hyper has one timer for a head and for the idle time
//! before it, and clients' pools idle far longer than a head may take.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http_body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use crate::clock;

/// What a connection's reading side must know of its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// How many heads were complete so far.
    begun: AtomicUsize,
    /// How much is going on about the requests so far: what arrives meanwhile belongs to no head that is waited for.
    answering: AtomicUsize,
}

impl Requests {
    /// A head is complete; its request is being answered until what this gives is dropped.
    pub(crate) fn begin(&self) -> Answering {
        self.0.begun.fetch_add(1, Ordering::Release);
        self.answering()
    }

    /// How many heads were complete so far.
    pub(crate) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Whether nothing goes on, and nothing was asked since so many heads were complete.
    pub(crate) fn rest_since(&self, begun: usize) -> bool {
        self.0.answering.load(Ordering::Acquire) == 0 && self.begun() == begun
    }

    fn answering(&self) -> Answering {
        self.0.answering.fetch_add(1, Ordering::Release);
        Answering(self.clone())
    }
}

/// Lasts as long as an answer; a clone, as long as what else belongs to its request.
#[derive(Debug)]
pub(crate) struct Answering(Requests);

impl Clone for Answering {
    fn clone(&self) -> Self {
        self.0.answering()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.answering.fetch_sub(1, Ordering::Release);
    }
}

/// The body of an answer, which lasts as long as the answer.
pub(crate) struct Lasting<B> {
    body: B,
    _answering: Answering,
}

impl<B> Lasting<B> {
    pub(crate) fn new(body: B, answering: Answering) -> Self {
        Self { body, _answering: answering }
    }
}

impl<B: Body + Unpin> Body for Lasting<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection that fails to be read once a head has taken longer than it may, counted from its first byte.
pub(crate) struct Timed<IO> {
    io: IO,
    requests: Requests,
    patience: Duration,
    /// When the head began that is not complete yet.
    since: Option<Instant>,
    /// How many heads were complete when it began.
    begun: usize,
    /// Made for the first head that does not come in one piece.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<IO> Timed<IO> {
    pub(crate) fn new(io: IO, patience: Duration, requests: Requests) -> Self {
        Self { io, requests, patience, since: None, begun: 0, timer: None }
    }

    /// Fails if a head is overdue; else, with nothing to read, asks to be called when it will be.
    fn check(&mut self, read: &Poll<io::Result<()>>, cx: &mut Context<'_>) -> io::Result<()> {
        let begun = self.requests.begun();
        let is_answering = self.requests.0.answering.load(Ordering::Acquire) > 0;
        if is_answering || begun != self.begun {
            (self.begun, self.since) = (begun, None);
        }
        if is_answering {
            return Ok(());
        }
        let deadline = match (self.since, read) {
            (None, Poll::Pending) => return Ok(()),
            (None, Poll::Ready(_)) => *self.since.insert(clock::now()) + self.patience,
            (Some(since), _) => since + self.patience,
        };
        let is_over = match read {
            // A head that comes in one piece costs no timer.
            Poll::Ready(_) => clock::now() >= deadline,
            Poll::Pending => {
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
                if timer.deadline() != deadline.into() {
                    timer.as_mut().reset(deadline.into());
                }
                timer.as_mut().poll(cx).is_ready()
            }
        };
        if is_over {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the request's head did not arrive in time"));
        }
        Ok(())
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Timed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        self.check(&read, cx)?;
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Timed<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use hyper::{server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
        time::{sleep, timeout},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);
    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    /// A client's end of a connection; each request is answered after `pause`.
    fn connect(pause: Duration) -> DuplexStream {
        let (client, server) = tokio::io::duplex(4096);
        let requests = Requests::default();
        let timed = Timed::new(server, PATIENCE, requests.clone());
        let service = service_fn(move |_| {
            let answering = requests.begin();
            async move {
                sleep(pause).await;
                let body = Lasting::new(Full::new(Bytes::from_static(b"done")), answering);
                Ok::<_, Infallible>(Response::new(body))
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(timed), service);
        #[allow(clippy::disallowed_methods, reason = "ends with its connection")]
        tokio::spawn(connection);
        client
    }

    async fn answered(client: &mut DuplexStream) -> bool {
        let mut buffer = [0; 1024];
        let read = timeout(PATIENCE * 20, client.read(&mut buffer)).await.unwrap();
        read.is_ok_and(|count| buffer[..count].ends_with(b"done"))
    }

    #[tokio::test]
    async fn a_head_that_stops_is_not_waited_for() {
        let mut client = connect(Duration::ZERO);
        client.write_all(&HEAD[..10]).await.unwrap();
        assert!(!answered(&mut client).await);
    }

    #[tokio::test]
    async fn a_head_that_trickles_is_not_waited_for() {
        let mut client = connect(Duration::ZERO);
        let mut sent = 0;
        for byte in HEAD {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            sent += 1;
            sleep(PATIENCE / 10).await;
        }
        assert!(sent < HEAD.len(), "the whole head was taken");
    }

    #[tokio::test]
    async fn neither_idling_nor_a_long_answer_is_a_slow_head() {
        let mut client = connect(PATIENCE * 2);
        for _ in 0..2 {
            sleep(PATIENCE * 2).await;
            client.write_all(HEAD).await.unwrap();
            assert!(answered(&mut client).await);
        }
        // The second one waits in line while the first is answered.
        client.write_all(&[HEAD, HEAD].concat()).await.unwrap();
        assert!(answered(&mut client).await && answered(&mut client).await);
        // The connection is as strict as it was with its first head.
        client.write_all(&HEAD[..10]).await.unwrap();
        assert!(!answered(&mut client).await);
    }
}
