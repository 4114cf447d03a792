//! Counts tokens for a client whose provider cannot: an estimate, and said to be one.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lockgate_protocol::{
    codec::RequestHead,
    dialect::Operation,
    estimate,
    ir::{Fault, FaultKind},
};
use tokio::sync::Semaphore;

use crate::{
    body::AnswerBody,
    data_path::{call::Call, identify::Asked, settle},
    fleet::Plan,
};

/// What can be done for a request to count, should its plan not lead to a count.
pub(crate) struct Fallback {
    /// The model that would be counted for.
    model: Arc<str>,
    /// Whether some deployment can be asked.
    can_be_asked: bool,
    /// Whether some deployment speaks the client's dialect: its word counts, whatever it is.
    is_same: bool,
}

impl Fallback {
    /// For a request to count tokens; `None` for any other.
    pub(crate) fn of(asked: &Asked, plan: &Plan) -> Option<Self> {
        if asked.operation != Operation::CountTokens {
            return None;
        }
        let dialects = || {
            plan.deployments().map(|deployment| deployment.dialect_for(asked.dialect, Operation::CountTokens))
        };
        let is_same = dialects().any(|dialect| dialect.name() == asked.dialect.name());
        let can_be_asked = is_same || dialects().any(|dialect| dialect.takes(Operation::CountTokens));
        let model = plan
            .deployments()
            .next()
            .map_or_else(|| asked.model.as_str().into(), |first| first.model.clone());
        Some(Self { model, can_be_asked, is_same })
    }

    /// True if nobody needs to be asked.
    pub(crate) fn is_at_once(&self) -> bool {
        !self.can_be_asked
    }

    /// True if `fault` means that the provider, asked in another dialect than the client's, has no such endpoint: servers
    /// that speak a dialect seldom speak all of it.
    pub(crate) fn is_after(&self, fault: &Fault) -> bool {
        !self.is_same && matches!(fault.kind, FaultKind::UpstreamNotFound | FaultKind::Unsupported)
    }
}

/// How many counts run at once: they take a processor each, which the calls under way need too.
static COUNTING: Semaphore = Semaphore::const_new(2);

/// The estimate as the client's dialect gives counts.
pub(crate) async fn estimated(
    call: &mut Call,
    asked: &Asked,
    fallback: &Fallback,
) -> Result<Response<AnswerBody>, Fault> {
    let tokens = estimate(asked, fallback).await?;
    call.losses.add("tokens", "estimated, because the model's provider cannot count them");
    let body: Bytes = asked.dialect.codec().encode_count(tokens);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    settle::mark(call, None, &mut headers);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = headers;
    call.settle(StatusCode::OK.as_u16(), lockgate_store::Ended::Answered);
    Ok(response)
}

/// Counts on a thread of its own: the first time a vocabulary is loaded, and a long prompt takes longer than other calls
/// should wait.
async fn estimate(asked: &Asked, fallback: &Fallback) -> Result<u64, Fault> {
    let gone = |error: &dyn std::fmt::Display| {
        Fault::new(FaultKind::Internal, "the tokens could not be counted").with_detail(error)
    };
    let turn = COUNTING.acquire().await.map_err(|error| gone(&error))?;
    let (codec, body) = (asked.dialect.codec(), asked.envelope.body().clone());
    let (model, path, stream) = (asked.model.clone(), asked.path.clone(), asked.stream_in_path);
    let upstream = Arc::clone(&fallback.model);
    let count = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let head = RequestHead { model: Some(&model), stream, path: &path };
        codec.decode_count(head, &body).map(|request| estimate::tokens(&request, &upstream))
    });
    count.await.map_err(|error| gone(&error))?
}
