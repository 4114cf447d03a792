//! Counts tokens for a client whose provider cannot: an estimate, and said to be one.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lockgate_protocol::{
    codec::RequestHead,
    estimate,
    ir::{Fault, FaultKind},
};
use tokio::sync::Semaphore;

use crate::{
    body::AnswerBody,
    data_path::{call::Call, identify::Asked, settle},
    fleet::Plan,
};

/// True if none of the plan's deployments can be asked in the client's dialect.
pub(crate) fn is_ours(asked: &Asked, plan: &Plan) -> bool {
    let speaks = |provider: &crate::fleet::Provider| {
        provider.dialect_for(asked.dialect).name() == asked.dialect.name()
    };
    !plan.deployments.iter().any(|deployment| speaks(&deployment.provider))
}

/// How many counts run at once: they take a processor each, which the calls under way need too.
static COUNTING: Semaphore = Semaphore::const_new(2);

/// The estimate as the client's dialect gives counts.
pub(crate) async fn estimated(
    call: &mut Call,
    asked: &Asked,
    plan: &Plan,
) -> Result<Response<AnswerBody>, Fault> {
    let tokens = estimate(asked, plan).await?;
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
async fn estimate(asked: &Asked, plan: &Plan) -> Result<u64, Fault> {
    let gone = |error: &dyn std::fmt::Display| {
        Fault::new(FaultKind::Internal, "the tokens could not be counted").with_detail(error)
    };
    let turn = COUNTING.acquire().await.map_err(|error| gone(&error))?;
    let (codec, body) = (asked.dialect.codec(), asked.envelope.body().clone());
    let (model, path, stream) = (asked.model.clone(), asked.path.clone(), asked.stream_in_path);
    let upstream =
        plan.deployments.first().map_or_else(|| asked.model.as_str().into(), |first| first.model.clone());
    let count = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let head = RequestHead { model: Some(&model), stream, path: &path };
        codec.decode_count(head, &body).map(|request| estimate::tokens(&request, &upstream))
    });
    count.await.map_err(|error| gone(&error))?
}
