//! `/metrics`: who may read it, and in which format.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use lockgate_config::MetricsAccess;

use super::{gather, text::Format};
use crate::{
    Setup,
    body::AnswerBody,
    data_path::mark_id,
    door::{self, Shut},
    peer::Peer,
};

/// Where it is.
const PATH: &str = "/metrics";

/// Whether a request is for the metrics, where there are any to read.
pub(crate) fn claims(setup: &Setup, path: &str) -> bool {
    path == PATH && setup.metrics != MetricsAccess::Off
}

/// Answers a request for them.
pub(crate) async fn answer<B>(setup: &Arc<Setup>, peer: &Peer, request: Request<B>) -> Response<AnswerBody> {
    let (head, _) = request.into_parts();
    let mut response = match refusal(setup, peer, &head) {
        Some(response) => response,
        None => page(setup, &head.headers).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    mark_id(&setup.gateway.ids.next(), headers);
    response
}

/// The metrics, in the format that these headers ask for.
pub(crate) async fn page(setup: &Arc<Setup>, headers: &HeaderMap) -> Response<AnswerBody> {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::of(accept);
    let setup = Arc::clone(setup);
    // Files are read for it, and there may be much to write.
    let written = tokio::task::spawn_blocking(move || format.write(&gather::now(&setup))).await;
    match written {
        Ok(text) => said(StatusCode::OK, format.media_type(), text),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be gathered"),
    }
}

/// Why a request is not answered with them, if it is not. They are as open as the gateway itself: where callers need no
/// key, whoever may call from this machine may read them, else the operator alone.
fn refusal(setup: &Setup, peer: &Peer, head: &Parts) -> Option<Response<AnswerBody>> {
    if !matches!(head.method, Method::GET | Method::HEAD) {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "`/metrics` takes GET");
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(refused);
    }
    if setup.metrics == MetricsAccess::Open
        || (setup.access.is_at_home() && door::is_of_neighbour(head, peer))
    {
        return None;
    }
    match setup.door.admit(head, peer) {
        Ok(()) => None,
        Err(Shut::Off) => Some(plain(
            StatusCode::NOT_FOUND,
            "the metrics are off: set `access.admin_key` and send it, or open them to all with `server.metrics: open`",
        )),
        Err(Shut::ForAnother | Shut::ByName | Shut::ForPage) => Some(plain(
            StatusCode::FORBIDDEN,
            "without the admin key the metrics are for programs on this machine",
        )),
        Err(Shut::NoKey) => {
            let mut refused = plain(
                StatusCode::UNAUTHORIZED,
                "the metrics need the admin key: send it as `Authorization: Bearer KEY`, or open them to all with \
                 `server.metrics: open`",
            );
            refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            Some(refused)
        }
    }
}

fn plain(status: StatusCode, text: &str) -> Response<AnswerBody> {
    said(status, "text/plain; charset=utf-8", format!("{text}\n"))
}

fn said(status: StatusCode, media_type: &'static str, text: String) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
