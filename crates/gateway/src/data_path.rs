//! The life of a request, top to bottom, in the words of ARCHITECTURE.md.

mod admit;
mod attempt;
mod call;
mod identify;
mod relay;
mod settle;

use std::sync::Arc;

use http::{Request, Response};
use hyper::body::Incoming;
use lockgate_protocol::ir::Fault;

use crate::{
    Gateway,
    body::AnswerBody,
    data_path::call::Call,
    local,
    route::{self, Route},
};

/// Answers one request, whatever becomes of it. Dropped by the server when the client goes away: with it goes what is
/// under way upstream, and the call is settled as abandoned.
pub(crate) async fn answer(gateway: &Arc<Gateway>, request: Request<Incoming>) -> Response<AnswerBody> {
    let mut call = Call::begin(gateway, &request);
    match live(gateway, &mut call, request).await {
        Ok(Outcome::Local(response)) => settle::local(&call, response),
        Ok(Outcome::Committed(committed)) => relay::relay(call, committed),
        Err(fault) => settle::refuse(call, &fault),
    }
}

/// What a request comes to before the first byte of its answer.
enum Outcome {
    /// The gateway answers itself.
    Local(Response<AnswerBody>),
    /// A deployment has begun to answer.
    Committed(attempt::Committed),
}

async fn live(gateway: &Arc<Gateway>, call: &mut Call, request: Request<Incoming>) -> Result<Outcome, Fault> {
    let (head, body) = request.into_parts();

    // identify: what is asked and who asks come from the head alone; nobody unknown gets a body read.
    let route = route::find(&head.method, head.uri.path())?;
    if let Route::Local(local) = route
        && local::is_public(local)
    {
        return local::answer(gateway, local, None).await.map(Outcome::Local);
    }
    if let Route::Call(called) = route {
        call.is_for(called.dialect);
    }
    call.caller = gateway.access.identify(&head.headers)?;
    let called = match route {
        Route::Local(local) => {
            return local::answer(gateway, local, call.caller.as_deref()).await.map(Outcome::Local);
        }
        Route::Call(called) => called,
    };
    let asked = identify::read(gateway, call, &head, called, body).await?;

    // admit: may this key use this model.
    admit::admit(call, &asked)?;

    // plan: the deployments of the model, in the order of asking.
    let plan = gateway.fleet.plan(&asked.model).await?;

    // attempt: one deployment after the other, until one has begun to answer. The commit is the return.
    let committed = attempt::until_commit(gateway, call, &head, &asked, plan).await?;

    // relay and settle: see there; the answer's last byte leaves after the call is on record.
    Ok(Outcome::Committed(committed))
}
