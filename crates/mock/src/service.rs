//! One request: read it, ask its dialect, apply the fault that is due, answer at the pace asked for.

use std::{future, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::{
    Behaviour, Fault,
    body::Outgoing,
    control,
    dialects::{self, Address, Call, Dialect, Refusal},
    ledger::{Ended, Track},
    pacing::{self, Mishap},
    reply::{Payload, Reply},
    shared::{Breaker, Shared},
};

/// Longest request body read.
const MAX_BODY: usize = 128 << 20;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\
<body><center><h1>502 Bad Gateway</h1></center><hr><center>cdn</center></body></html>\n";

/// The life of a request. Dropped when the client closes its connection, which the ledger then knows.
pub(crate) async fn serve(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    breaker: Breaker,
) -> Response<Outgoing> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if control::claims(path) {
        let body = read(body).await.unwrap_or_default();
        return send(control::answer(&head.method, path, &body, &shared), None, &Behaviour::default(), None);
    }

    let fault = shared.next_fault();
    let full_path = head.uri.path_and_query().map_or(path, http::uri::PathAndQuery::as_str);
    let mut track = shared.ledger.begin(&head.method, full_path, &head.headers, fault.as_ref());
    let Some(body) = read(body).await else {
        // Too large, or cut: the latter is the client's end and found by its connection.
        track.answered(413, None, None);
        let reply = Reply::whole(413, "text/plain", "the request body is too large");
        return send(reply, Some(track), &Behaviour::default(), None);
    };
    track.body(&body);

    let behaviour = shared.behaviour();
    let query = head.uri.query().unwrap_or_default();
    let Some(dialect) = dialects::of(&Address { path, query, headers: &head.headers }) else {
        track.answered(404, None, None);
        return send(Reply::whole(404, "text/plain", "not found"), Some(track), &behaviour, None);
    };
    let call = Call {
        method: &head.method,
        path,
        query,
        headers: &head.headers,
        body: &body,
        serial: track.id(),
        strict: shared.settings.strict,
        require_key: shared.settings.require_key,
        aws: shared.settings.aws.as_ref(),
        behaviour: &behaviour,
    };
    let reply = dialect.answer(&call);
    let reply = match &fault {
        Some(fault) => replaced(reply, fault, dialect, &call),
        None => reply,
    };
    match fault {
        Some(Fault::Reset) => {
            track.answered(0, reply.model, None);
            track.end(Ended::Faulted);
            breaker.reset();
            future::pending().await
        }
        Some(Fault::Silent) => {
            track.answered(0, reply.model, None);
            future::pending().await
        }
        fault => {
            if !behaviour.latency.is_zero() {
                track.answered(0, reply.model.clone(), None);
                tokio::time::sleep(behaviour.latency).await;
            }
            let usage = if is_billed(fault.as_ref()) { reply.usage } else { None };
            track.answered(reply.status, reply.model.clone(), usage);
            let fault = fault.map(|fault| {
                let mishap = Mishap::of(
                    &fault,
                    |alone| dialect.error_event(&call, alone),
                    || dialect.malformed_event(&call),
                );
                (fault, mishap)
            });
            send(reply, Some(track), &behaviour, fault)
        }
    }
}

async fn read(body: Incoming) -> Option<Bytes> {
    Limited::new(body, MAX_BODY).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// The reply in place of the one the request deserved.
fn replaced(reply: Reply, fault: &Fault, dialect: &dyn Dialect, call: &Call<'_>) -> Reply {
    let refusal = match fault {
        Fault::Status { status, .. } => Refusal::Status(*status),
        Fault::Quota => Refusal::Quota,
        Fault::ContextLength => Refusal::ContextLength,
        Fault::ContentFilter => Refusal::ContentFilter,
        Fault::Html { status } => {
            let page = Reply::whole(*status, "text/html; charset=utf-8", PAGE);
            return Reply { model: reply.model, ..page };
        }
        _ if reply.status != 200 => return reply,
        Fault::EmptyStream => return emptied(reply),
        Fault::ErrorIn200 | Fault::ErrorEvent { .. } if matches!(reply.payload, Payload::Whole(_)) => {
            let model = reply.model.as_deref().unwrap_or_default();
            let refused = dialect.refusal(call, model, Refusal::Status(500));
            return Reply { status: 200, model: reply.model, ..refused };
        }
        Fault::TruncatedJson | Fault::MalformedEvent { .. } => return truncated(reply),
        _ => return reply,
    };
    let mut refused = dialect.refusal(call, reply.model.as_deref().unwrap_or_default(), refusal);
    if let Fault::Status { retry_after, body, .. } = fault {
        if let Some(after) = retry_after {
            dialect.hint_retry(&mut refused, after);
        }
        if let Some(body) = body {
            refused.payload = Payload::Whole(body.clone().into());
        }
    }
    Reply { model: reply.model, ..refused }
}

/// Whether the client gets to read the usage.
fn is_billed(fault: Option<&Fault>) -> bool {
    use Fault::{LateFirstToken, MalformedEvent, NoDone};
    matches!(fault, None | Some(LateFirstToken { .. } | MalformedEvent { .. } | NoDone))
}

fn emptied(reply: Reply) -> Reply {
    let payload = match reply.payload {
        Payload::Whole(_) => Payload::Whole(Bytes::new()),
        Payload::Frames(_) => Payload::Frames(Box::new(std::iter::empty())),
    };
    Reply { payload, ..reply }
}

fn truncated(reply: Reply) -> Reply {
    let payload = match reply.payload {
        Payload::Whole(body) => Payload::Whole(body.slice(..body.len() / 2)),
        frames @ Payload::Frames(_) => frames,
    };
    Reply { payload, ..reply }
}

/// The response for a reply; `track` is absent for the mock's own pages.
fn send(
    reply: Reply,
    track: Option<Track>,
    behaviour: &Behaviour,
    fault: Option<(Fault, Option<Mishap>)>,
) -> Response<Outgoing> {
    let outcome = if fault.is_some() { Ended::Faulted } else { Ended::Complete };
    let chunk = behaviour.chunk_bytes;
    let body = match (reply.payload, fault) {
        (
            Payload::Whole(body),
            Some((
                fault @ (Fault::CutAfter { .. } | Fault::StallAfter { .. } | Fault::LateFirstToken { .. }),
                _,
            )),
        ) => {
            let length = Some(body.len() as u64);
            Outgoing::steps(pacing::broken_whole(&body, &fault), length, chunk, track, outcome)
        }
        (Payload::Whole(body), _) => Outgoing::whole(body, chunk, track, outcome),
        (Payload::Frames(frames), Some((Fault::LateFirstToken { after }, _))) => {
            let late = Behaviour { first_token: after, ..behaviour.clone() };
            Outgoing::steps(pacing::stream(frames, &late, None), None, chunk, track, outcome)
        }
        (Payload::Frames(frames), fault) => {
            let mishap = fault.and_then(|(_, mishap)| mishap);
            Outgoing::steps(pacing::stream(frames, behaviour, mishap), None, chunk, track, outcome)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.extend(reply.headers);
    response
}
