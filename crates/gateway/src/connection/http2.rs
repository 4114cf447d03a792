//! HTTP/2 with a client: many requests on one connection, each of which ends on its own.

mod pace;

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::task::TaskTracker;

use super::{IDLE, MAX_HEAD, answer, drive, wire::Wire};
use crate::{
    body::AnswerBody,
    closing::Told,
    peer::Peer,
    setup::Live,
    slow_head::{Lasting, Requests},
};
use pace::Portions;

/// Most requests under way on one connection.
const STREAMS: u32 = 256;
/// What may be on its way of one request's body, and of all of a connection. They are fixed: each byte of them may come to
/// wait here.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Most bytes of one answer that wait here to be sent.
const SEND_BUFFER: usize = 64 * 1024;
/// How often a silent connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// Most and least that the answer to that may take. It waits behind what the client has yet to read, so that it takes as
/// long as that may.
const PONG: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(3600));

/// Serves a connection until it ends.
pub(super) async fn serve(wire: Wire, live: &Arc<Live>, peer: &Peer, told: &mut Told) -> hyper::Result<()> {
    let requests = Requests::default();
    let service = service_fn(|request| one(live, peer, &requests, request));
    let write_stall = live.setup().write_stall;
    let streams = Streams { tasks: live.gateway.tasks.clone(), write_stall };
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(MAX_HEAD as u32)
        .keep_alive_interval(PING)
        .keep_alive_timeout(write_stall.clamp(PONG.0, PONG.1))
        .serve_connection(TokioIo::new(wire), service);
    drive(connection, &requests, told, IDLE).await
}

/// Answers one request.
fn one(
    live: &Arc<Live>,
    peer: &Peer,
    requests: &Requests,
    mut request: Request<Incoming>,
) -> impl Future<Output = Result<Response<Portions<Lasting<AnswerBody>>>, Infallible>> + Send + use<> {
    // What HTTP/1 calls by another name, and what counts of the two (RFC 9113, section 8.3.1).
    let host = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
    let answered = answer(live, peer, requests, request);
    async move { answered.await.map(|answer| answer.map(Portions::new)) }
}

/// Runs the requests of a connection.
#[derive(Clone)]
struct Streams {
    tasks: TaskTracker,
    write_stall: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, request: F) {
        self.tasks.spawn(pace::watched(request, self.write_stall));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{BodyExt, Full};
    use hyper::client::conn::http2 as client;
    use hyper_util::rt::TokioExecutor;
    use tokio::{
        io::duplex,
        time::{Instant, sleep},
    };

    use super::*;
    use crate::closing::Closing;

    const PATIENCE: Duration = Duration::from_millis(200);

    /// A connection whose requests are answered after a pause, with that many bytes; and when it ended.
    async fn served(
        pause: Duration,
        length: usize,
        work: impl AsyncFnOnce(client::SendRequest<Full<Bytes>>),
    ) -> Duration {
        let (ours, theirs) = duplex(1 << 20);
        let requests = Requests::default();
        let service = service_fn(|_: Request<Incoming>| {
            let answering = requests.begin();
            async move {
                sleep(pause).await;
                let body = Lasting::new(Full::new(Bytes::from(vec![7; length])), answering);
                Ok::<_, Infallible>(Response::new(body))
            }
        });
        let connection =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(theirs), service);
        let closing = Closing::new();
        let mut told = closing.watch();
        let start = Instant::now();
        let client = async {
            // No room for an answer beyond the first bytes, until it is read.
            let mut builder = client::Builder::new(TokioExecutor::new());
            let builder = builder.initial_stream_window_size(1000);
            let (sender, connection) = builder.handshake(TokioIo::new(ours)).await.unwrap();
            tokio::join!(work(sender), async { drop(connection.await) });
        };
        let server = async {
            // A client that leaves without a word is an error.
            drop(drive(connection, &requests, &mut told, PATIENCE).await);
            start.elapsed()
        };
        tokio::join!(client, server).1
    }

    async fn ask(sender: &mut client::SendRequest<Full<Bytes>>) -> Response<Incoming> {
        sender.ready().await.unwrap();
        sender.send_request(Request::get("http://localhost/").body(Full::default()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn who_asks_nothing_is_closed_and_who_waits_or_asks_now_and_then_is_not() {
        let nothing = served(Duration::ZERO, 1, async |sender| {
            sleep(PATIENCE * 3).await;
            assert!(sender.is_closed());
        });
        assert!((PATIENCE..PATIENCE * 2).contains(&nothing.await));
        served(PATIENCE * 5 / 2, 1, async |mut sender| {
            ask(&mut sender).await.into_body().collect().await.unwrap();
        })
        .await;
        let now_and_then = served(Duration::ZERO, 1, async |mut sender| {
            for _ in 0..8 {
                ask(&mut sender).await.into_body().collect().await.unwrap();
                sleep(PATIENCE / 2).await;
            }
        });
        assert!(now_and_then.await >= PATIENCE * 4);
    }

    #[tokio::test]
    async fn what_nobody_takes_does_not_hold_a_connection() {
        let held = served(Duration::ZERO, 100_000, async |mut sender| {
            let answer = ask(&mut sender).await;
            sleep(PATIENCE * 6).await;
            assert!(answer.into_body().collect().await.is_err());
        });
        assert!(held.await < PATIENCE * 5);
    }
}
