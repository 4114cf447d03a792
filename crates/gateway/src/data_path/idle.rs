//! Requests that ask a model for nothing, such as to be loaded: answered here where its provider has no such requests.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use lockgate_protocol::dialect::Operation;
use lockgate_store::Ended;

use crate::{
    body::AnswerBody,
    data_path::{call::Call, identify::Asked, settle},
    fleet::Plan,
};

/// What becomes of a request.
pub(crate) enum Taken {
    /// It asked for nothing, and this is the answer.
    Answered(Response<AnswerBody>),
    /// It is for these deployments.
    Left(Plan),
}

/// Answers a request that asks for nothing, or leaves it to the deployments that have such requests.
pub(crate) fn take(call: &mut Call, asked: &Asked, mut plan: Plan) -> Taken {
    if asked.operation != Operation::Generate {
        return Taken::Left(plan);
    }
    let now = call.started();
    let Some(body) = asked.dialect.idle_answer(&asked.path, asked.envelope.body(), now) else {
        return Taken::Left(plan);
    };
    plan.retain(|deployment| {
        deployment.dialect_for(asked.dialect, asked.operation).name() == asked.dialect.name()
    });
    if !plan.is_empty() {
        return Taken::Left(plan);
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    settle::mark(call, None, &mut headers);
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.headers_mut() = headers;
    call.settle(StatusCode::OK.as_u16(), Ended::Answered);
    Taken::Answered(response)
}
