//! One connection of a client: what comes before its first request, and which HTTP is spoken on it.

mod http2;
mod wire;

use std::{
    convert::Infallible,
    io,
    pin::{Pin, pin},
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulConnection};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Setup, admin,
    arriving::Arriving,
    body::AnswerBody,
    closing::Told,
    data_path,
    listen::{Accepted, HTTP2, Serve, Terms, read_proxy_header},
    metrics,
    peer::Peer,
    setup::Live,
    slow_head::{Lasting, Requests, Timed},
    slow_reader::{self, Taken},
};
use wire::Wire;

/// How long a connection may idle between requests at least: clients' pools keep connections for a minute.
const IDLE: Duration = Duration::from_secs(75);
/// How long a request's head may take from its first byte on.
const HEAD: Duration = Duration::from_secs(10);
/// How long a TLS handshake may take, and a PROXY protocol header.
const GREETING: Duration = Duration::from_secs(10);
/// Most headers of one request. Of HTTP/1 it is what hyper takes by itself, and quicker than if it were told so.
const MAX_HEADERS: usize = 100;
/// Room for a request's head.
const MAX_HEAD: usize = 64 * 1024;
/// How HTTP/2 begins (RFC 9113, section 3.4), as far as no method of HTTP/1 does.
const PREFACE: &[u8; 3] = b"PRI";

/// Which HTTP is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Http1,
    Http2,
}

/// Serves connections for `live` as long as it is there.
pub(crate) fn serving(live: &Weak<Live>) -> Serve {
    let live = Weak::clone(live);
    Arc::new(move |accepted, terms, told| {
        if let Some(live) = live.upgrade() {
            begin(accepted, terms, &live, told);
        }
    })
}

/// Serves a connection to its end, in a task of its own.
fn begin(accepted: Accepted, terms: Terms, live: &Arc<Live>, mut told: Told) {
    let counted = live.gateway.connections.enter();
    let live = Arc::clone(live);
    let tasks = live.gateway.tasks.clone();
    tasks.spawn(async move {
        let mut peer = peer_of(&accepted);
        let greeted = tokio::select! {
            greeted = greet(accepted, &terms, live.setup().write_stall, &mut peer) => greeted,
            // Nothing was asked yet.
            () = told.told() => return,
        };
        let ended = match greeted {
            Ok((wire, Version::Http1)) => http1(wire, &live, &peer, &mut told).await,
            Ok((wire, Version::Http2)) => http2::serve(wire, &live, &peer, &mut told).await,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection refused");
                return;
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended");
        }
        drop(counted);
    });
}

/// What comes before HTTP: where the client is, TLS, and which HTTP it is.
async fn greet(
    accepted: Accepted,
    terms: &Terms,
    write_stall: Duration,
    peer: &mut Peer,
) -> io::Result<(Wire, Version)> {
    let mut stream = match accepted {
        Accepted::Tcp(stream, _) => stream,
        Accepted::Unix(mut stream) => {
            if terms.proxy_protocol {
                *peer = peer.clone().behind(in_time(read_proxy_header(&mut stream)).await?);
            }
            return Ok((Wire::Unix(Taken::new(stream, write_stall)), Version::Http1));
        }
    };
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    if let Err(error) = slow_reader::keep_little(&stream) {
        tracing::debug!(%peer, %error, "cannot set TCP_NOTSENT_LOWAT");
    }
    if terms.proxy_protocol {
        *peer = peer.clone().behind(in_time(read_proxy_header(&mut stream)).await?);
    }
    let Some(tls) = &terms.tls else {
        let version = version(&stream).await?;
        return Ok((Wire::Tcp(Taken::new(stream, write_stall)), version));
    };
    let acceptor = TlsAcceptor::from(Arc::clone(&tls.server));
    let stream = in_time(acceptor.accept(Taken::new(stream, write_stall))).await?;
    let version = match stream.get_ref().1.alpn_protocol() {
        Some(HTTP2) => Version::Http2,
        _ => Version::Http1,
    };
    Ok((Wire::Tls(Box::new(stream)), version))
}

/// Looks at how the first request begins, and leaves it there. One look for each connection, and nothing for each request
/// or read. Who sends the first three bytes one by one is taken for HTTP/1.
async fn version(stream: &TcpStream) -> io::Result<Version> {
    let mut start = [0; PREFACE.len()];
    let looked = timeout(IDLE, stream.peek(&mut start)).await;
    let length = looked.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "nothing was asked"))??;
    Ok(if start[..length] == *PREFACE { Version::Http2 } else { Version::Http1 })
}

/// What the other side says before HTTP, unless it takes too long.
async fn in_time<T>(greeting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(GREETING, greeting).await {
        Ok(said) => said,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the connection was not set up in time")),
    }
}

async fn http1(wire: Wire, live: &Arc<Live>, peer: &Peer, told: &mut Told) -> hyper::Result<()> {
    let requests = Requests::default();
    let wire = Timed::new(wire, HEAD, requests.clone());
    let service = service_fn(|request| answer(live, peer, &requests, request));
    let connection = http1::Builder::new()
        // It would set a timer for each request. Who idles is looked for now and then, and heads have a time of their own.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(wire), service);
    drive(connection, &requests, told, IDLE).await
}

/// Runs a connection until it ends, is told to, or has had nothing to do for `patience`: then it is closed, and cut off
/// where even that takes as long again, since all that is left is what nobody takes.
async fn drive<C: GracefulConnection>(
    connection: C,
    requests: &Requests,
    told: &mut Told,
    patience: Duration,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    let mut is_closing = false;
    let mut begun = 0;
    let mut idle = pin!(sleep(patience));
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
                        return Ok(());
                    }
                    is_closing = true;
                    connection.as_mut().graceful_shutdown();
                }
                begun = requests.begun();
                idle.set(sleep(patience));
            }
        }
    }
}

/// An answer under way.
type Answered = Pin<Box<dyn Future<Output = Result<Response<Lasting<AnswerBody>>, Infallible>> + Send>>;

/// Answers one request of a connection. What that takes is some kilobytes: boxed here, they are not moved about by the
/// layers above, and a connection that idles has none of them.
fn answer(live: &Arc<Live>, peer: &Peer, requests: &Requests, request: Request<Incoming>) -> Answered {
    // What counts now counts for this request to its end.
    let (setup, peer) = (live.setup(), peer.clone());
    let steering = admin::claims(request.uri().path()).then(|| Arc::clone(live));
    let answering = requests.begin();
    Box::pin(async move {
        let (head, body) = request.into_parts();
        // HTTP/1 does not let them get here.
        if head.headers.len() > MAX_HEADERS {
            let mut refusal = Response::new(Lasting::new(AnswerBody::Whole(Bytes::new()), answering));
            *refusal.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Ok(refusal);
        }
        let (most, tasks) = (setup.max_body.saturating_mul(2), setup.gateway.tasks.clone());
        let body = Arriving::new(body, &head.headers, most, tasks, answering.clone());
        let request = Request::from_parts(head, body);
        let answer = match steering {
            // Boxed, so that calls do not need room for it.
            Some(live) => Box::pin(admin::answer(live, setup, peer, request)).await,
            None if metrics::claims(&setup, request.uri().path()) => {
                Box::pin(metrics::answer(&setup, &peer, request)).await
            }
            None => answer_to_page(&setup, peer, request).await,
        };
        Ok(answer.map(|body| Lasting::new(body, answering)))
    })
}

/// Answers a request: a browser's question whether a page may ask, or the request itself. Not for the admin API, which is for
/// no page.
async fn answer_to_page(setup: &Arc<Setup>, peer: Peer, request: Request<Arriving>) -> Response<AnswerBody> {
    let Some(cors) = &setup.cors else {
        return data_path::answer(setup, peer, request).await;
    };
    let origin = request.headers().get(header::ORIGIN).filter(|origin| cors.lists(origin)).cloned();
    if let Some(origin) = &origin
        && let Some(preflight) = cors.preflight(origin, &request)
    {
        return preflight;
    }
    let mut answer = data_path::answer(setup, peer, request).await;
    cors.mark(origin.as_ref(), answer.headers_mut());
    answer
}

fn peer_of(accepted: &Accepted) -> Peer {
    match accepted {
        Accepted::Tcp(_, address) => Peer::from(*address),
        Accepted::Unix(_) => Peer::unix(),
    }
}
