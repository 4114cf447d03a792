//! A connection's bytes, with an eye on them: whether the other side has said anything, and what was wrong with TLS.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{road::Line, tls::distrust};

/// What is known of a connection by its bytes. TLS's own bytes do not count.
#[derive(Debug, Default)]
pub(super) struct Seen {
    heard: AtomicBool,
    distrust: OnceLock<String>,
}

/// A connection that is watched.
pub(super) struct Watched {
    io: TokioIo<MaybeHttpsStream<Line>>,
    seen: Arc<Seen>,
}

impl Seen {
    /// From here on it counts what is heard.
    pub(super) fn listen(&self) {
        self.heard.store(false, Ordering::Relaxed);
    }

    /// Whether a byte has come since then.
    pub(super) fn has_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// What is wrong between the two sides' certificates. With TLS 1.3 the other side says so only after the handshake, in
    /// place of an answer, and HTTP/2 does not pass it on.
    pub(super) fn distrust(&self) -> Option<&str> {
        self.distrust.get().map(String::as_str)
    }

    fn failed<T>(&self, outcome: &io::Result<T>) {
        if let Some(why) = outcome.as_ref().err().and_then(|error| distrust(error)) {
            let _ = self.distrust.set(why);
        }
    }
}

impl Watched {
    pub(super) fn new(io: MaybeHttpsStream<Line>) -> (Self, Arc<Seen>) {
        let seen = Arc::<Seen>::default();
        (Self { io: TokioIo::new(io), seen: Arc::clone(&seen) }, seen)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, into);
        if let Poll::Ready(outcome) = &read {
            self.seen.failed(outcome);
            if into.filled().len() > before {
                self.seen.heard.store(true, Ordering::Relaxed);
            }
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, pieces)
    }
}
