//! The bodies that come in. What nobody reads of one is thrown away behind the answer: a client that writes all before it
//! reads would only see its connection reset.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{runtime::Handle, time::timeout};
use tokio_util::task::TaskTracker;

use crate::slow_head::Answering;

/// How long what is thrown away is waited for, all together.
const LINGER: Duration = Duration::from_secs(30);
/// How long the client may pause in it.
const PAUSE: Duration = Duration::from_secs(5);

/// The body of a client's request.
pub(crate) struct Arriving {
    /// Absent once nothing more comes of it.
    body: Option<Incoming>,
    /// Whether the client only sends it when it is told that somebody reads it.
    is_withheld: bool,
    most: usize,
    tasks: TaskTracker,
    answering: Answering,
}

impl Arriving {
    /// A body of which up to `most` bytes that nobody reads are thrown away, by one of `tasks`. `answering` lasts until
    /// then: what still arrives is no head of another request.
    pub(crate) fn new(
        body: Incoming,
        headers: &HeaderMap,
        most: usize,
        tasks: TaskTracker,
        answering: Answering,
    ) -> Self {
        let is_withheld = headers.contains_key(header::EXPECT);
        Self { body: Some(body), is_withheld, most, tasks, answering }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_withheld = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !self.is_withheld && !body.is_end_stream()) else {
            return;
        };
        // Without a runtime there is no connection any more either.
        if let Ok(runtime) = Handle::try_current() {
            let rest = thrown_away(body, self.most, self.answering.clone());
            self.tasks.spawn_on(rest, &runtime);
        }
    }
}

/// Reads the rest of a body for nobody.
async fn thrown_away(mut body: Incoming, most: usize, _answering: Answering) {
    let mut left = most;
    let rest = async {
        while let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await {
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => break,
            }
        }
    };
    // However far that came, the answer is the same.
    let _ = timeout(LINGER, rest).await;
}
