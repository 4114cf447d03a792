//! The way out: connections to providers, kept and reused; a request in, an answer's head and body out.

mod exits;
mod road;
mod route;
mod tls;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    Request, Response, StatusCode, Uri, header,
    uri::{Authority, Scheme},
};
use hyper::body::Incoming;
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use lockgate_config::Proxy;
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_provider::{Outbound, Pass, Site};
use tower_service::Service;

use crate::{body::RequestBody, clock};
use road::{Line, Road};
use route::Routes;
use tls::Tls;

pub(crate) use exits::{Exit, Exits};

/// How long an unused connection is kept. Shorter than the minute after which most servers close theirs, so that a
/// request seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(50);
/// Most unused connections kept to one host.
const MAX_IDLE: usize = 1024;

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    client: Client<Connector, RequestBody>,
    routes: Routes,
}

/// Makes connections: the road to the host, and TLS over it where the host wants that.
#[derive(Clone, Debug)]
struct Connector {
    https: HttpsConnector<Road>,
    limit: Duration,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting = Pin<Box<dyn Future<Output = Result<MaybeHttpsStream<Line>, BoxError>> + Send>>;

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Line>;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, host: Uri) -> Connecting {
        let connecting = tokio::time::timeout(self.limit, self.https.call(host));
        let late = format!("TLS was not agreed on within {} ms", self.limit.as_millis());
        Box::pin(async move { connecting.await.unwrap_or_else(|_| Err(late.into())) })
    }
}

impl Upstream {
    /// `connect` bounds the making of one connection: DNS, TCP, a proxy's consent, TLS. `to_proxy` is for a proxy that
    /// wants TLS itself.
    fn new(connect: Duration, routes: Routes, tls: Tls, to_proxy: Tls) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let to_proxy = HttpsConnector::from((tcp.clone(), to_proxy.client));
        let road = Road { tcp, to_proxy, routes: routes.clone(), limit: connect };
        // HTTP/1.1 only, so nothing is offered: one HTTP/2 connection would cap a provider at its 100 streams.
        let https = match tls.server_name {
            Some(name) => {
                HttpsConnector::new(road, tls.client, false, Arc::new(FixedServerNameResolver::new(name)))
            }
            None => {
                HttpsConnector::new(road, tls.client, false, Arc::new(DefaultServerNameResolver::default()))
            }
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(Connector { https, limit: connect });
        Self { client, routes }
    }

    /// Sends one request; answers with the head as soon as it is there. Redirects are answers like any other. A request
    /// that met a dead connection before anything was sent goes out again on a fresh one by itself.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        let asked = self.asked_whole(request.uri()).cloned();
        if let Some(shown) = asked.as_ref().and_then(road::basic) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, shown);
        }
        let place = request.uri().authority().cloned();
        let place = || place.as_ref().map_or("", Authority::as_str);
        let answer = self.client.request(request).await.map_err(|error| fault(&error, place()))?;
        match asked {
            // No provider answers with this one.
            Some(proxy) if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let place = place();
                let detail =
                    format!("the proxy {proxy} does not lead to {place}: it wants other credentials");
                Err(Fault::new(FaultKind::Connect, UNREACHABLE).with_detail(detail))
            }
            _ => Ok(answer),
        }
    }

    /// The proxy that is sent the whole request, which it can read, rather than asked for a tunnel.
    fn asked_whole(&self, uri: &Uri) -> Option<&Proxy> {
        let is_plain = uri.scheme() == Some(&Scheme::HTTP);
        self.routes.to(uri).filter(|proxy| is_plain && proxy.is_http())
    }
}

const UNREACHABLE: &str = "the provider cannot be reached";

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

fn fault(error: &hyper_util::client::legacy::Error, place: &str) -> Fault {
    if let Some(why) = tls::distrust(error) {
        let public = "the provider and the gateway do not trust each other's certificates";
        return Fault::new(FaultKind::Untrusted, public).with_detail(format!("{place}: {why}"));
    }
    let (kind, public) = if error.is_connect() {
        (FaultKind::Connect, UNREACHABLE)
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
