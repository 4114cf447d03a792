//! The way out: connections to providers, kept and reused; a request in, an answer's head and body out.

mod dial;
mod exits;
mod host;
mod io;
mod lease;
mod road;
mod route;
mod state;
mod tls;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{
    Request, Response, StatusCode, Uri, header,
    uri::{Authority, Scheme},
};
use hyper_rustls::{DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector};
use hyper_util::client::legacy::connect::dns::GaiResolver;
use lockgate_config::Proxy;
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_provider::{Outbound, Pass, Site};

use crate::{body::RequestBody, clock};
use dial::{Dial, unreached, untrusted};
use host::Host;
use lease::{Failed, May};
use road::Road;
use route::Routes;
use tls::Tls;

pub(crate) use exits::{Exit, Exits};
pub(crate) use lease::Incoming;

/// Most times that one request is sent again because the other side surely did not look at it: a host that is being
/// restarted may say so on one connection after the other.
const MAX_AGAIN: usize = 3;

/// Sends requests. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dial: Dial,
    routes: Routes,
    /// Whether HTTP/2 is offered.
    offers: bool,
    /// There are as many as the config and the grants name.
    hosts: Mutex<HashMap<(Scheme, Authority), Arc<Host>>>,
}

impl Upstream {
    /// `connect` bounds the making of one connection: DNS, TCP, a proxy's consent, TLS. `to_proxy` is for a proxy that
    /// wants TLS itself.
    fn new(connect: Duration, routes: Routes, tls: Tls, to_proxy: &Tls) -> Self {
        let tcp = road::tcp(GaiResolver::new(), connect);
        let to_proxy = HttpsConnector::from((tcp.clone(), to_proxy.for_proxy()));
        let road = Road { tcp, to_proxy, routes: routes.clone(), limit: connect };
        let offers = tls.offers_http2();
        let https = match tls.server_name {
            Some(name) => {
                HttpsConnector::new(road, tls.client, false, Arc::new(FixedServerNameResolver::new(name)))
            }
            None => {
                HttpsConnector::new(road, tls.client, false, Arc::new(DefaultServerNameResolver::default()))
            }
        };
        let dial = Dial::new(https, connect);
        Self { shared: Arc::new(Shared { dial, routes, offers, hosts: Mutex::default() }) }
    }

    /// Sends one request; answers with the head as soon as it is there. Redirects are answers like any other. A request
    /// that met a connection which had been closed meanwhile goes out again, on one that is opened for it.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        let asked = self.asked_whole(request.uri()).cloned();
        if let Some(shown) = asked.as_ref().and_then(road::basic) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, shown);
        }
        let host = self.host(request.uri())?;
        let answer = ask(&host, request).await?;
        match asked {
            // No provider answers with this one.
            Some(proxy) if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let place = host.place().authority().map_or("", Authority::as_str);
                let detail =
                    format!("the proxy {proxy} does not lead to {place}: it wants other credentials");
                Err(unreached(detail))
            }
            _ => Ok(answer),
        }
    }

    /// The proxy that is sent the whole request, which it can read, rather than asked for a tunnel.
    fn asked_whole(&self, uri: &Uri) -> Option<&Proxy> {
        let is_plain = uri.scheme() == Some(&Scheme::HTTP);
        self.shared.routes.to(uri).filter(|proxy| is_plain && proxy.is_http())
    }

    fn host(&self, uri: &Uri) -> Result<Arc<Host>, Fault> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(unreached(format!("`{uri}` does not say where to go")));
        };
        let shared = &self.shared;
        let mut hosts = shared.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let found = hosts.entry((scheme.clone(), authority.clone()));
        let new = || {
            let place =
                Uri::builder().scheme(scheme.clone()).authority(authority.clone()).path_and_query("/");
            let place = place.build().unwrap_or_else(|_| uri.clone());
            Arc::new(Host::new(place, shared.offers, shared.dial.clone()))
        };
        Ok(Arc::clone(found.or_insert_with(new)))
    }
}

/// Sends a request until it is answered, or until sending it again would be another attempt.
async fn ask(host: &Arc<Host>, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
    let mut from = 0;
    let mut may_be_lost = true;
    let mut left = MAX_AGAIN;
    loop {
        let lease = host.take(from).await?;
        let next = lease.next;
        let again = (left > 0 && lease.may_fail_unseen()).then(|| request.clone());
        let failed = match lease.send(request).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        request = match (failed.may, again) {
            (May::Unseen, Some(again)) => again,
            (May::Lost, Some(again)) if may_be_lost => {
                may_be_lost = false;
                again
            }
            _ => return Err(fault(failed, host)),
        };
        left -= 1;
        from = next;
        tracing::debug!(host = %host.place(), "a connection was closed under a request, which is sent again");
    }
}

/// TLS to what is no provider: the public roots are believed, and those of a file if one is named.
///
/// # Errors
/// A file that cannot be used; nothing of its contents is repeated.
pub(crate) fn elsewhere_tls(ca_file: Option<&str>) -> Result<rustls::ClientConfig, String> {
    let written =
        lockgate_config::Tls { ca_file: ca_file.map(str::to_owned), ..lockgate_config::Tls::default() };
    Tls::new(&written).map(|tls| tls.for_proxy())
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

fn fault(failed: Failed, host: &Host) -> Fault {
    if let Some(why) = failed.distrust {
        return untrusted(host.place().authority().map_or("", Authority::as_str), &why);
    }
    let public = "the provider closed the connection before it answered";
    Fault::new(FaultKind::Reset, public).with_detail(failed.why)
}

/// The body of an answer broke off.
pub(crate) fn cut(error: &hyper::Error) -> Fault {
    Fault::new(FaultKind::Cut, "the provider's answer broke off").with_detail(causes(error))
}

/// An error and what caused it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
