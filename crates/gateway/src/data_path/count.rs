//! Counts tokens for a client whose provider cannot: an estimate, and said to be one.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lockgate_protocol::{codec::RequestHead, estimate, ir::Fault};

use crate::{
    body::AnswerBody,
    data_path::{call::Call, identify::Asked, settle},
    fleet::{Deployment, Plan},
};

/// True if none of the plan's deployments can be asked in the client's dialect.
pub(crate) fn is_ours(asked: &Asked, plan: &Plan) -> bool {
    let speaks =
        |deployment: &Arc<Deployment>| deployment.dialect_for(asked.dialect).name() == asked.dialect.name();
    !plan.deployments.iter().any(speaks)
}

/// The estimate as the client's dialect gives counts.
pub(crate) fn estimated(call: &mut Call, asked: &Asked) -> Result<Response<AnswerBody>, Fault> {
    let head = RequestHead { model: Some(&asked.model), stream: None, path: &asked.path };
    let codec = asked.dialect.codec();
    let tokens = estimate::tokens(&codec.decode_count(head, asked.envelope.body())?);
    call.losses.add("tokens", "estimated, because the model's provider cannot count them");
    let body: Bytes = codec.encode_count(tokens);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    settle::mark(call, None, &mut headers);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = StatusCode::OK;
    *response.headers_mut() = headers;
    call.settle(StatusCode::OK.as_u16(), lockgate_store::Ended::Answered);
    Ok(response)
}
