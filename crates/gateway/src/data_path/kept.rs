//! Answers that are kept: shown, forgotten or given up, here or at the provider that gave them.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use lockgate_protocol::{
    conversations::Part,
    envelope::Envelope,
    ir::{Fault, FaultKind},
};

use crate::{
    Setup,
    answers::{Kept, views},
    body::AnswerBody,
    data_path::{Prepared, admit, call::Call, identify::Asked, work::Work},
    fleet::Deployment,
    route::{Called, decoded},
};

/// Shows, forgets or gives up an answer: here, or at the provider that gave it.
pub(crate) fn answer(
    setup: &Arc<Setup>,
    call: &mut Call,
    head: &Parts,
    called: Called<'_>,
) -> Result<Prepared, Fault> {
    let Some(conversations) = called.dialect.conversations() else {
        return Err(Fault::new(FaultKind::NoRoute, "this dialect keeps no answers"));
    };
    let (id, part) = conversations.asked(called.tail);
    let id = decoded(id).unwrap_or_default();
    let answers = setup.gateway.answers.of(call.caller.as_deref());
    let forgets = head.method == Method::DELETE;
    match answers.find(&id) {
        Some(Kept::Here(last)) => {
            let body = match part {
                Part::Answer if forgets => {
                    answers.forget(&id);
                    conversations.forgotten(&id)
                }
                Part::Answer => last.answer.clone(),
                Part::Input if !forgets => {
                    let turns = answers.turns(last).ok_or_else(|| conversations.unknown(&id))?;
                    conversations.input(&id, &views(&turns), head.uri.query().unwrap_or_default())
                }
                Part::Cancel if head.method == Method::POST => return Err(conversations.not_under_way()),
                Part::Input | Part::Cancel | Part::Other => return Err(conversations.unknown(&id)),
            };
            Ok(Prepared::Local(json(body)))
        }
        Some(Kept::At(deployment)) => {
            let deployment = setup.fleet.present(&deployment).ok_or_else(|| conversations.unknown(&id))?;
            call.is_for(called.dialect);
            let asked = asked(head, called, &deployment)?;
            call.model = Some(asked.model.clone());
            let plan = admit::narrow(call, &asked, setup.fleet.only(deployment, call.wanted(None)))?;
            let work = Work::new(setup, head.clone(), asked, None, plan, None);
            let work = if forgets { work.forgetting(answers, id) } else { work };
            Ok(Prepared::Work(Box::new(work)))
        }
        None => Err(conversations.unknown(&id)),
    }
}

fn asked(head: &Parts, called: Called<'_>, deployment: &Deployment) -> Result<Asked, Fault> {
    Ok(Asked {
        dialect: called.dialect,
        operation: called.operation,
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        tail: called.tail.to_owned(),
        query: head.uri.query().map(str::to_owned),
        stream_in_path: None,
        model_in_tail: None,
        model: deployment.model.to_string(),
        envelope: Envelope::read(None, Bytes::new())?,
        continues: None,
        is_kept: false,
        resumes: false,
    })
}

fn json(body: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::Whole(body));
    *response.status_mut() = StatusCode::OK;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *response.headers_mut() = headers;
    response
}
