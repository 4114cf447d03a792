//! Gives up requests whose answers are not taken: on a connection with many, one that is not read stalls no byte of it, so
//! that the connection itself says nothing of it.

use std::{
    cell::Cell,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep_until};

use crate::clock;

/// Most bytes that are given away at once: what was given waits for the client without anybody watching.
const PORTION: usize = 16 * 1024;

tokio::task_local! {
    /// What the answer of the request that this task runs has come to.
    static PACE: Cell<Pace>;
}

/// How far an answer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Pace {
    /// How many portions were given.
    given: u64,
    /// Whether it was asked for more since and had none.
    is_waiting: bool,
}

/// A body that comes in portions, and whose pace is seen.
pub(super) struct Portions<B> {
    body: B,
    rest: Bytes,
}

impl<B> Portions<B> {
    pub(super) fn new(body: B) -> Self {
        Self { body, rest: Bytes::new() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Portions<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.rest.is_empty() {
            let next = Pin::new(&mut self.body).poll_frame(cx);
            note(next.is_pending());
            match ready!(next) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        } else {
            note(false);
        }
        let length = self.rest.len().min(PORTION);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Notes that the answer was asked for more.
fn note(is_waiting: bool) {
    // In tests of the body alone nobody watches.
    let _ = PACE.try_with(|pace| {
        let given = pace.get().given.wrapping_add(u64::from(!is_waiting));
        pace.set(Pace { given, is_waiting });
    });
}

/// Runs a request to its end, or until the client has taken nothing of its answer for `patience`: dropped, it is told off.
pub(super) async fn watched(request: impl Future<Output = ()>, patience: Duration) {
    let watched = async {
        let mut request = pin!(request);
        let mut stall = Stall { patience, since: None, timer: None };
        poll_fn(|cx| {
            if request.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            stall.poll(PACE.with(Cell::get), cx)
        })
        .await;
    };
    PACE.scope(Cell::default(), watched).await;
}

/// How long a client has taken nothing.
struct Stall {
    patience: Duration,
    /// How many portions were given when it stopped.
    since: Option<u64>,
    /// Made for the first portion that is not taken at once.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    /// Comes once it was too long; else asks to be called when it will be.
    fn poll(&mut self, pace: Pace, cx: &mut Context<'_>) -> Poll<()> {
        // Before its answer and where there is none of it to take, it is not the client that is waited for.
        if pace.given == 0 || pace.is_waiting {
            self.since = None;
            return Poll::Pending;
        }
        if self.since != Some(pace.given) {
            // A limit beyond all time is none.
            let Some(deadline) = clock::now().checked_add(self.patience) else { return Poll::Pending };
            self.since = Some(pace.given);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(deadline.into()),
                None => self.timer = Some(Box::pin(sleep_until(deadline.into()))),
            }
        }
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        ready!(timer.as_mut().poll(cx));
        tracing::debug!("the client stopped reading its answer");
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full, StreamBody};
    use tokio::time::{Instant, sleep};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_body_comes_in_portions_and_whole() {
        let text = Bytes::from(vec![7; 3 * PORTION + 5]);
        let mut body = Portions::new(Full::new(text.clone()));
        assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
        let mut lengths = Vec::new();
        let mut left = text.len() as u64;
        while let Some(frame) = body.frame().await {
            let length = frame.unwrap().into_data().unwrap().len();
            left -= length as u64;
            assert_eq!(body.size_hint().exact(), Some(left));
            assert_eq!(body.is_end_stream(), left == 0);
            lengths.push(length);
        }
        assert_eq!(lengths, [PORTION, PORTION, PORTION, 5]);
    }

    /// Takes `portions` of an endless answer, each after `pause`, and then no more.
    async fn taking(portions: usize, pause: Duration) -> Duration {
        let start = Instant::now();
        let frames = futures_util::stream::repeat_with(|| {
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"ahoi")))
        });
        let mut body = Portions::new(StreamBody::new(frames));
        let request = async {
            for _ in 0..portions {
                body.frame().await.unwrap().unwrap();
                sleep(pause).await;
            }
            std::future::pending().await
        };
        watched(request, PATIENCE).await;
        start.elapsed()
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_little_is_not() {
        let slow = PATIENCE * 3 / 4;
        assert!(taking(1, Duration::ZERO).await >= PATIENCE);
        assert!(taking(5, slow).await >= slow * 5);
    }

    #[tokio::test]
    async fn a_provider_that_takes_its_time_is_waited_for() {
        let frames = futures_util::stream::once(async {
            sleep(PATIENCE * 3).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"ahoi")))
        });
        let body = Portions::new(StreamBody::new(Box::pin(frames)));
        let read = Cell::new(0);
        let request = async {
            // Before the answer, too.
            sleep(PATIENCE * 2).await;
            read.set(body.collect().await.unwrap().to_bytes().len());
        };
        watched(request, PATIENCE).await;
        assert_eq!(read.get(), 4);
    }
}
