//! The way out: connections to providers, kept and reused; a request in, an answer's head and body out.

mod dial;
mod driven;
mod exits;
mod host;
mod io;
mod lease;
mod road;
mod route;
mod state;
mod tls;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
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

/// The tries to send one request that came to nothing and do not count.
#[derive(Debug)]
pub(crate) struct Tries {
    /// The number of the first connection that may be taken.
    from: u64,
    /// How many there may be.
    left: usize,
    /// Whether one of them may be of a request that the other side may have looked at.
    may_be_lost: bool,
}

#[derive(Debug)]
struct Shared {
    dial: Dial,
    routes: Routes,
    /// Whether HTTP/2 is offered.
    offers: bool,
    /// There are as many as the config and the grants name. Each request looks for its own, and seldom one is added.
    hosts: ArcSwap<Vec<Arc<Host>>>,
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
        Self { shared: Arc::new(Shared { dial, routes, offers, hosts: ArcSwap::default() }) }
    }

    /// Sends one request; answers with the head as soon as it is there. Redirects are answers like any other. A request
    /// that met a connection which had been closed meanwhile goes out again, on one that is opened for it.
    pub(crate) async fn send(&self, mut request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        let mut tries = Tries::default();
        loop {
            let again = request.clone();
            if let Some(answer) = self.try_send(Box::new(request), &mut tries).await? {
                return Ok(answer);
            }
            request = again;
        }
    }

    /// The same for who can make the request again: `None` if it is to be sent once more, with the same `tries`. So nobody
    /// has to copy what is hardly ever needed twice. The request is boxed, since it is handed on some times.
    pub(crate) async fn try_send(
        &self,
        mut request: Box<Request<RequestBody>>,
        tries: &mut Tries,
    ) -> Result<Option<Response<Incoming>>, Fault> {
        let host = self.host(request.uri())?;
        if let Some(shown) = host.whole().and_then(road::basic) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, shown);
        }
        let lease = host.take(tries.from).await?;
        let (next, may_fail_unseen) = (lease.next, lease.may_fail_unseen());
        let answer = match lease.send(request).await {
            Ok(answer) => answer,
            Err(failed) if may_fail_unseen && tries.may_be_more(failed.may, next) => {
                let host = host.place();
                tracing::debug!(%host, "a connection was closed under a request, which is sent again");
                return Ok(None);
            }
            Err(failed) => return Err(fault(failed, &host)),
        };
        match host.whole() {
            // No provider answers with this one.
            Some(proxy) if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let place = host.place().authority().map_or("", Authority::as_str);
                let detail =
                    format!("the proxy {proxy} does not lead to {place}: it wants other credentials");
                Err(unreached(detail))
            }
            _ => Ok(Some(answer)),
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
        let is_it = |host: &&Arc<Host>| {
            host.place().authority() == Some(authority) && host.place().scheme() == Some(scheme)
        };
        let hosts = &self.shared.hosts;
        if let Some(host) = hosts.load().iter().find(is_it) {
            return Ok(Arc::clone(host));
        }
        let place = Uri::builder().scheme(scheme.clone()).authority(authority.clone()).path_and_query("/");
        let place = place.build().unwrap_or_else(|_| uri.clone());
        let new = Arc::new(self.new_host(place));
        // Somebody else may be as quick: the first one counts.
        hosts.rcu(|hosts| {
            let mut more = Vec::clone(hosts);
            if !more.iter().any(|host| is_it(&host)) {
                more.push(Arc::clone(&new));
            }
            more
        });
        Ok(hosts.load().iter().find(is_it).map_or(new, Arc::clone))
    }

    fn new_host(&self, place: Uri) -> Host {
        let whole = self.asked_whole(&place).cloned();
        Host::new(place, self.shared.offers, self.shared.dial.clone(), whole)
    }
}

impl Default for Tries {
    fn default() -> Self {
        Self { from: 0, left: MAX_AGAIN, may_be_lost: true }
    }
}

impl Tries {
    /// Whether there is to be another one, on connections from the number `next` on.
    fn may_be_more(&mut self, may: May, next: u64) -> bool {
        let may = match may {
            May::Unseen => self.left > 0,
            May::Lost => self.left > 0 && std::mem::take(&mut self.may_be_lost),
            May::No => false,
        };
        if may {
            self.left -= 1;
            self.from = next;
        }
        may
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
    if !site.signs() {
        return Ok(request);
    }
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
