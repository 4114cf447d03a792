//! Closes connections whose clients stop reading: with the connection goes what is under way for it upstream.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep_until},
};

use crate::clock;

/// Most bytes that wait in the kernel to be sent, beside those that are on their way. Without it some megabytes may wait
/// there, and a client that reads slowly would be seen to take something only once a third of them has left.
const UNSENT: u32 = 64 * 1024;

/// Has the kernel keep no more than little of what a client is to read, where it can be told: elsewhere a client that reads
/// very slowly may be taken for one that does not.
pub(crate) fn keep_little(stream: &TcpStream) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (stream, UNSENT);
    Ok(())
}

/// A connection that fails to be written to once the other side has taken nothing for too long.
pub(crate) struct Taken<IO> {
    io: IO,
    /// Absent if there is no limit.
    patience: Option<Duration>,
    /// Whether there is something that the other side does not take.
    is_stalled: bool,
    /// Made for the first time that it does not.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<IO> Taken<IO> {
    pub(crate) fn new(io: IO, patience: Duration) -> Self {
        let patience = Some(patience).filter(|patience| *patience < Duration::MAX);
        Self { io, patience, is_stalled: false, timer: None }
    }

    /// Fails if nothing was taken for too long; else, with nothing taken, asks to be called when it will be.
    fn check(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.is_stalled = false;
            return written;
        }
        if !self.is_stalled {
            // A limit beyond all time is none.
            let deadline = self.patience.and_then(|patience| clock::now().checked_add(patience));
            let Some(deadline) = deadline else { return Poll::Pending };
            self.is_stalled = true;
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(deadline.into()),
                None => self.timer = Some(Box::pin(sleep_until(deadline.into()))),
            }
        }
        let is_over = self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        if is_over {
            let text = "the client stopped reading its answer";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
        }
        Poll::Pending
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Taken<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Taken<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.check(written, cx)
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
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.check(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::{Instant, sleep, timeout},
    };

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn who_takes_nothing_is_given_up() {
        for limit in [PATIENCE, Duration::MAX] {
            let (mut client, server) = duplex(1000);
            let mut server = Taken::new(server, limit);
            // Having idled before counts for nothing.
            sleep(PATIENCE * 2).await;
            let start = Instant::now();
            let written = timeout(PATIENCE * 10, server.write_all(&[0; 1500])).await;
            if limit == Duration::MAX {
                assert!(written.is_err(), "without a limit it waits");
                continue;
            }
            assert_eq!(written.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert!(start.elapsed() >= PATIENCE, "{:?}", start.elapsed());
            let mut buffer = [0; 1500];
            assert_eq!(client.read(&mut buffer).await.unwrap(), 1000);
        }
    }

    #[tokio::test]
    async fn who_takes_little_at_a_time_is_not() {
        let (mut client, server) = duplex(100);
        let mut server = Taken::new(server, PATIENCE);
        let reading = async {
            let mut buffer = [0; 100];
            for _ in 0..10 {
                sleep(PATIENCE * 3 / 4).await;
                client.read_exact(&mut buffer).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[0; 1000]), reading);
        written.unwrap();
    }
}
