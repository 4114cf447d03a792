//! identify: reads the body within its bounds and finds the model and whether a stream is asked for.

use std::{ops::Range, pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::future::poll_immediate;
use http::{HeaderMap, Method, header, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use lockgate_protocol::{
    affinity,
    dialect::{Dialect, Operation},
    envelope::{Envelope, check_model},
    ir::{Fault, FaultKind},
};

use crate::{
    Setup,
    arriving::Arriving,
    data_path::{call::Call, phases::Phase},
    local, query,
    room::Space,
    route::{self, Called, Local, Route, decoded, model_in_tail},
};

/// How long the client may pause within its body.
const BODY_STALL: Duration = Duration::from_secs(30);
/// When there may be room again: nobody knows, but most calls are short.
const SOON: Duration = Duration::from_secs(1);
/// Most room that is reserved on the strength of a declared length alone.
const MAX_RESERVE: usize = 1 << 20;
/// Bytes of a request's body that make a token, about.
const BYTES_PER_TOKEN: usize = 4;

/// What is asked, once the body is known.
pub(crate) struct Asked {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// The whole path that was called.
    pub(crate) path: String,
    /// The path behind the version segment and the model.
    pub(crate) tail: String,
    pub(crate) query: Option<String>,
    /// Whether a stream is asked for, where the dialect asks in the path.
    pub(crate) stream_in_path: Option<bool>,
    /// Where in the tail the model stands, if the path names it.
    pub(crate) model_in_tail: Option<Range<usize>>,
    /// The name the client asked for.
    pub(crate) model: String,
    pub(crate) envelope: Envelope,
    /// The answer whose conversation the gateway has put into the body.
    pub(crate) continues: Option<String>,
    /// Whether the gateway keeps the answer, should its provider not speak the dialect.
    pub(crate) is_kept: bool,
    /// Whether its streamed answer is gone on with by others should it break off.
    pub(crate) resumes: bool,
}

impl Asked {
    /// About how many tokens the request is, for limits that are settled when the answer says how many it took.
    pub(crate) fn about_tokens(&self) -> u64 {
        (self.envelope.body().len() / BYTES_PER_TOKEN) as u64
    }

    /// What is the same for all requests of one conversation.
    pub(crate) fn affinity(&self, headers: &HeaderMap) -> Option<u64> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        affinity::key(self.dialect, header, &self.envelope)
    }
}

/// What the head of a request asks for, and who asks.
pub(crate) fn head<'h>(setup: &Setup, call: &mut Call, head: &'h Parts) -> Result<Route<'h>, Fault> {
    let claims = |dialect: &dyn Dialect| dialect.claims(&head.headers, head.uri.query());
    let route = route::find(&head.method, head.uri.path(), &claims)?;
    match route {
        Route::Local(local) if local::is_public(local) => return Ok(route),
        Route::Local(Local::Of(dialect, _)) => call.dialect = dialect,
        Route::Local(_) => {}
        Route::Call(called) => {
            if setup.gateway.calls.now() > setup.max_requests {
                call.dialect = called.dialect;
                setup.gateway.metrics.limited("max_requests");
                return Err(overloaded());
            }
            match called.operation {
                // No model is called unless the answer is at a provider.
                Operation::Kept => call.dialect = called.dialect,
                _ => call.is_for(called.dialect),
            }
            refuse_encoded(&head.headers)?;
        }
    }
    call.caller = setup.access.identify(call.peer(), &head.headers, query::key(head))?;
    Ok(route)
}

/// What is refused at once, without a record, since whoever is overloaded has no time for more.
fn overloaded() -> Fault {
    let text = "the gateway has as many requests under way as it may (`server.max_requests`): try again soon";
    let mut fault = Fault::new(FaultKind::Busy, text);
    fault.retry_after = Some(SOON);
    fault
}

/// Reads the body and decides what is asked.
pub(crate) async fn read(
    setup: &Setup,
    call: &mut Call,
    head: &Parts,
    called: Called<'_>,
    body: Arriving,
) -> Result<Asked, Fault> {
    let collected = pin!(collect(body, setup.max_body, setup.gateway.room.space()));
    let bytes = call.wait(Phase::Client, collected).await?;
    let content_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let envelope = Envelope::read(content_type, bytes)?;
    let in_path = match (called.operation, called.model) {
        (_, Some((model, _))) => Some((model_in_path(model)?, called)),
        (Operation::Other, None) => model_in_tail(called.tail, &mut |name| setup.fleet.is_known(name))?,
        _ => None,
    };
    let (model, called) = match in_path {
        Some((model, called)) => (model, called),
        None => {
            let model = envelope.model().map(str::to_owned);
            let model = match model.or_else(|| called.dialect.model_elsewhere(called.operation, &envelope)) {
                Some(model) => model,
                None => return Err(no_model(called.operation)),
            };
            check_model(&model)?;
            (model, called)
        }
    };
    call.dialect = called.dialect;
    call.model = Some(model.clone());
    let by_default = || called.dialect.streams_by_default(called.operation);
    call.stream = called.stream.unwrap_or_else(|| envelope.streams(by_default()));
    Ok(Asked {
        dialect: called.dialect,
        operation: called.operation,
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        tail: called.tail.to_owned(),
        query: query::without_key(head),
        stream_in_path: called.stream,
        model_in_tail: called.model.map(|(model, at)| at..at + model.len()),
        model,
        envelope,
        continues: None,
        is_kept: false,
        resumes: false,
    })
}

/// The model that the path names.
fn model_in_path(model: &str) -> Result<String, Fault> {
    let model = decoded(model)
        .ok_or_else(|| Fault::new(FaultKind::BadRequest, "the model in the path is not text"))?;
    check_model(&model)?;
    Ok(model)
}

/// A compressed body cannot be scanned.
fn refuse_encoded(headers: &HeaderMap) -> Result<(), Fault> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(Fault::new(
            FaultKind::UnsupportedMedia,
            "request bodies with a content-encoding are not read: send the body as it is",
        )),
        _ => Ok(()),
    }
}

fn no_model(operation: Operation) -> Fault {
    match operation {
        Operation::Other => Fault::new(
            FaultKind::NoRoute,
            "neither the path nor the body names a model, so there is no telling which provider is meant",
        ),
        _ => Fault::new(FaultKind::BadRequest, "you must provide a `model` parameter"),
    }
}

/// The whole body, if it has at most `limit` bytes and there is room for it. A body that came in one piece is not copied.
async fn collect(mut body: Arriving, limit: usize, mut space: Space) -> Result<Bytes, Fault> {
    let declared = body.size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    space.grow(declared.unwrap_or_default())?;
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(piece) = next(&mut body).await? {
        let so_far = first.len() + rest.len() + piece.len();
        if so_far > limit {
            return Err(too_large(limit));
        }
        space.grow(so_far)?;
        if first.is_empty() && rest.is_empty() {
            first = piece;
            if body.is_end_stream() {
                break;
            }
            continue;
        }
        if rest.is_empty() {
            rest.reserve(declared.unwrap_or_default().min(MAX_RESERVE).max(first.len() + piece.len()));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&piece);
    }
    Ok(space.hold(if rest.is_empty() { first } else { rest.freeze() }))
}

async fn next(body: &mut Arriving) -> Result<Option<Bytes>, Fault> {
    loop {
        // What is there already needs no timer.
        let frame = match poll_immediate(body.frame()).await {
            Some(frame) => frame,
            None => tokio::time::timeout(BODY_STALL, body.frame()).await.map_err(|_| {
                Fault::new(FaultKind::SlowClient, "the request's body did not arrive in time")
            })?,
        };
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                // Trailers carry nothing for the gateway.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => {
                return Err(
                    Fault::new(FaultKind::ClientGone, "the request's body broke off").with_detail(error)
                );
            }
        }
    }
}

/// The refusal of a body over the limit.
fn too_large(limit: usize) -> Fault {
    let text =
        format!("the request's body is larger than the {limit} bytes this gateway takes (`server.max_body`)");
    Fault::new(FaultKind::TooLarge, text)
}
