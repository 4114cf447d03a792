//! One request: read it, ask its dialect, apply the fault that is due, answer at the pace asked for.

use std::{future, str::FromStr as _, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::{
    Behaviour, Fault, LineEnd,
    body::Outgoing,
    control, credential,
    dialects::{self, Address, Call, Dialect, Refusal},
    ledger::{Ended, Track},
    pacing::{self, Mishap},
    reply::{Frame, Payload, Reply},
    shared::{Breaker, Shared},
    spoil,
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
        let answer = control::answer(&head.method, path, &body, &shared, &breaker);
        return send(answer, None, &Behaviour::default(), None);
    }

    let key = credential::of(&head.headers, head.uri.query());
    let fault = shared.schedule().due(key.as_deref());
    let full_path = head.uri.path_and_query().map_or(path, http::uri::PathAndQuery::as_str);
    let mut track = shared.ledger.begin(&head.method, full_path, &head.headers, key, fault.as_ref());
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
                    |status, alone| dialect.error_event(&call, status.map(Refusal::Status), alone),
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
        Fault::ErrorIn200 { status } | Fault::ErrorEvent { status, .. } | Fault::LifecycleOnly { status }
            if matches!(reply.payload, Payload::Whole(_)) =>
        {
            let model = reply.model.as_deref().unwrap_or_default();
            let refused = dialect.refusal(call, model, Refusal::Status(status.unwrap_or(500)));
            return Reply { status: 200, model: reply.model, ..refused };
        }
        Fault::TruncatedJson | Fault::MalformedEvent { .. } => return truncated(reply),
        Fault::Gzip { .. } | Fault::Length { .. } => return spoil::body(reply, fault),
        _ => return reply,
    };
    let mut refused = dialect.refusal(call, reply.model.as_deref().unwrap_or_default(), refusal);
    if let Fault::Status { retry_after, body, headers, .. } = fault {
        if let Some(after) = retry_after {
            dialect.hint_retry(&mut refused, after);
        }
        if let Some(body) = body {
            refused.payload = Payload::Whole(body.clone().into());
        }
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_str(name), HeaderValue::from_str(value)) {
                refused.headers.retain(|(own, _)| *own != name);
                refused.headers.push((name, value));
            }
        }
    }
    Reply { model: reply.model, ..refused }
}

/// Whether the client gets to read the usage.
fn is_billed(fault: Option<&Fault>) -> bool {
    use Fault::{ContentType, Gzip, GzipClaimed, LateFirstToken, MalformedEvent, NoDone, PauseAfter};
    matches!(
        fault,
        None | Some(
            ContentType { .. }
                | Gzip { .. }
                | GzipClaimed
                | LateFirstToken { .. }
                | MalformedEvent { .. }
                | NoDone
                | PauseAfter { .. }
        )
    )
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
    mut track: Option<Track>,
    behaviour: &Behaviour,
    fault: Option<(Fault, Option<Mishap>)>,
) -> Response<Outgoing> {
    let outcome = if fault.is_some() { Ended::Faulted } else { Ended::Complete };
    let chunk = behaviour.chunk_bytes;
    let (fault, mishap) = fault.unzip();
    let mut length = None;
    let body = match (reply.payload, &fault) {
        (Payload::Whole(body), Some(fault)) if takes_steps(fault) => {
            let announced = (!matches!(fault, Fault::NoEnd)).then_some(body.len() as u64);
            Outgoing::steps(pacing::broken_whole(&body, fault), announced, chunk, track, outcome)
        }
        (Payload::Whole(body), Some(fault @ Fault::Length { off: 1.. })) => {
            length = Some(body.len());
            // The header that announces a length is not the body's.
            Outgoing::steps(pacing::broken_whole(&body, fault), None, chunk, track, outcome)
        }
        (Payload::Whole(body), _) => Outgoing::whole(body, chunk, track, outcome),
        (Payload::Frames(frames), fault) => {
            if let Some(track) = &mut track {
                track.streams();
            }
            let frames = match behaviour.line_end {
                Some(end) if reply.content_type.starts_with("text/event-stream") => {
                    Box::new(frames.map(move |frame| with_line_end(&frame, end)))
                }
                _ => frames,
            };
            let steps = match fault {
                Some(Fault::HeadersOnly) => pacing::broken_whole(&Bytes::new(), &Fault::HeadersOnly),
                Some(Fault::LateFirstToken { after }) => {
                    let late = Behaviour { first_token: *after, ..behaviour.clone() };
                    pacing::stream(frames, &late, None)
                }
                _ => pacing::stream(frames, behaviour, mishap.flatten()),
            };
            Outgoing::steps(steps, None, chunk, track, outcome)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.extend(reply.headers);
    if let Some(fault) = &fault {
        spoil::headers(headers, fault, length);
    }
    response
}

/// Whether a fault needs a whole reply taken apart.
fn takes_steps(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::CutAfter { .. }
            | Fault::StallAfter { .. }
            | Fault::LateFirstToken { .. }
            | Fault::HeadersOnly
            | Fault::PauseAfter { .. }
            | Fault::NoEnd
    )
}

/// An event whose lines end in that way: in JSON no line ends.
fn with_line_end(frame: &Frame, end: LineEnd) -> Frame {
    let end: &[u8] = match end {
        LineEnd::Lf => b"\n",
        LineEnd::Crlf => b"\r\n",
        LineEnd::Cr => b"\r",
    };
    let mut bytes = Vec::with_capacity(frame.bytes.len() + 8);
    let mut rest = frame.bytes.split(|byte| *byte == b'\n').peekable();
    while let Some(line) = rest.next() {
        match rest.peek() {
            None => bytes.extend_from_slice(line),
            Some(_) => {
                bytes.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                bytes.extend_from_slice(end);
            }
        }
    }
    Frame { bytes: bytes.into(), role: frame.role }
}
