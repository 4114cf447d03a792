//! HTTP/2 with a client: many requests on one connection, each of which ends on its own.

mod pace;

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, rt::Executor, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use super::{IDLE, MAX_HEAD, Peer, answer, wire::Wire};
use crate::{
    body::AnswerBody,
    clock,
    closing::Told,
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
    let mut connection = pin!(connection);
    let mut is_closing = false;
    let mut begun = 0;
    let mut idle = pin!(sleep_until(Instant::from_std(clock::now() + IDLE)));
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = told.told(), if !is_closing => {
                is_closing = true;
                connection.as_mut().graceful_shutdown();
            }
            () = idle.as_mut() => {
                if requests.rest_since(begun) {
                    if is_closing {
                        // All that is left is what nobody takes.
                        return Ok(());
                    }
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                begun = requests.begun();
                idle.as_mut().reset(Instant::from_std(clock::now() + IDLE));
            }
        }
    }
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
