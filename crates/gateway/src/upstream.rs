//! The way out: connections to providers, kept and reused; a request in, an answer's head and body out.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use lockgate_protocol::ir::{Fault, FaultKind};

use lockgate_provider::{Outbound, Pass, Site};

use crate::{body::RequestBody, clock};

/// How long an unused connection is kept. Shorter than the minute after which most servers close theirs, so that a
/// request seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// Most unused connections kept to one host.
const MAX_IDLE: usize = 1024;

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, RequestBody>,
}

impl Upstream {
    /// `connect` bounds the making of one connection: DNS and TCP.
    pub(crate) fn new(connect: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        // HTTP/1.1 only: one HTTP/2 connection would cap a provider at its 100 streams.
        let tls = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(tls);
        Self { client }
    }

    /// Sends one request; answers with the head as soon as it is there. Redirects are answers like any other. A request
    /// that met a dead connection before anything was sent goes out again on a fresh one by itself.
    pub(crate) async fn send(&self, request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        self.client.request(request).await.map_err(|error| fault(&error))
    }
}

/// The request as it may leave: signed, where its provider wants that.
pub(crate) fn signed(
    site: &Site,
    pass: &Pass,
    request: Request<RequestBody>,
) -> Result<Request<RequestBody>, Fault> {
    let (mut head, mut body) = request.into_parts();
    let mut outbound =
        Outbound { method: &head.method, uri: &head.uri, headers: &mut head.headers, body: body.pieces() };
    site.sign(pass, &mut outbound, clock::wall())?;
    Ok(Request::from_parts(head, body))
}

fn fault(error: &Error) -> Fault {
    let (kind, public) = if error.is_connect() {
        (FaultKind::Connect, "the provider cannot be reached")
    } else {
        (FaultKind::Reset, "the provider closed the connection before it answered")
    };
    Fault::new(kind, public).with_detail(causes(error))
}

/// The body of an answer broke off.
pub(crate) fn cut(error: &hyper::Error) -> Fault {
    Fault::new(FaultKind::Cut, "the provider's answer broke off").with_detail(causes(error))
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
