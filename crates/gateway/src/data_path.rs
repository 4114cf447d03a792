//! The life of a request, top to bottom, in the words of ARCHITECTURE.md.

mod across;
mod admit;
mod ask;
mod asking;
mod attempt;
mod bill;
mod call;
mod chain;
pub(crate) mod check;
mod company;
mod count;
mod identify;
mod idle;
mod kept;
mod limits;
mod notes;
mod outgoing;
mod passage;
mod phases;
mod relay;
mod reply;
mod resume;
mod settle;
mod sign;
mod tab;
mod traced;
mod vectors;
mod way;
mod work;

pub(crate) use phases::{Phase, Phases};
pub(crate) use settle::mark_id;

use std::{pin::pin, sync::Arc};

use http::{Request, Response};
use lockgate_protocol::{dialect::Operation, ir::Fault};

use crate::{
    Setup,
    arriving::Arriving,
    body::AnswerBody,
    data_path::{call::Call, work::Work},
    local,
    peer::Peer,
    route::Route,
};

/// Answers one request, whatever becomes of it. Dropped by the server when the client goes away: with it goes what is
/// under way upstream, and the call is settled as abandoned.
pub(crate) async fn answer(
    setup: &Arc<Setup>,
    peer: Peer,
    request: Request<Arriving>,
) -> Response<AnswerBody> {
    let mut call = Call::begin(setup, peer, &request);
    let response = match prepare(setup, &mut call, request).await {
        Ok(Prepared::Local(response)) => settle::local(&call, response),
        // attempt, commit, relay and settle: see there; the answer's last byte leaves after the call is on record.
        Ok(Prepared::Work(work)) => company::answered(call, work).await,
        Err(fault) => settle::refuse(call, &fault),
    };
    // What goes out in one piece is on record by now.
    if matches!(response.body(), AnswerBody::Whole(_))
        && let Some(durable) = setup.gateway.journal.durable()
    {
        durable.await;
    }
    response
}

/// What a request comes to before any deployment is asked.
enum Prepared {
    /// The gateway answers itself.
    Local(Response<AnswerBody>),
    /// Deployments are to be asked.
    Work(Box<Work>),
}

async fn prepare(setup: &Arc<Setup>, call: &mut Call, request: Request<Arriving>) -> Result<Prepared, Fault> {
    let (head, body) = request.into_parts();

    // identify: what is asked and who asks come from the head alone; nobody unknown gets a body looked at.
    let route = identify::head(setup, call, &head)?;
    tab::open(call).await;
    let called = match route {
        Route::Local(local) => {
            return local::answer(setup, local, call.caller.as_deref()).await.map(Prepared::Local);
        }
        Route::Call(called) => called,
    };
    if called.operation == Operation::Kept {
        return kept::answer(setup, call, &head, called);
    }
    let mut asked = identify::read(setup, call, &head, called, body).await?;
    if asked.operation == Operation::GetModel {
        let described = local::model(setup, asked.dialect, &asked.model, call.caller.as_deref()).await;
        return described.map(Prepared::Local);
    }

    call.about_tokens = asked.about_tokens();
    call.bill.is_for(asked.operation);
    call.enter(Phase::Plan);
    call.meter.asks(asked.operation, setup.fleet.meter(&asked.model));

    // admit: may this key use this model for this.
    admit::admit(call, &asked)?;

    call.asks(asked.operation, &asked.model, asked.envelope.body());

    // chain: the conversation that the request continues, where it says so by the id of an answer.
    let chain = chain::find(setup, call, &mut asked)?;

    // plan: the deployments of the model, in the order of asking.
    let model = call.wait(Phase::Upstream, pin!(setup.fleet.model(&asked.model))).await?;
    call.meter.is_for(&model.meter);
    let plan =
        model.plan(call.wanted(model.wants_affinity().then(|| asked.affinity(&head.headers)).flatten()));
    asked.resumes = asked.operation == Operation::Generate && call.stream && model.limits.resumes;
    let plan = match &chain {
        Some(chain) => chain.narrow(&asked, &head.headers, plan)?,
        None => plan,
    };
    let plan = admit::narrow(call, &asked, plan)?;
    let plan = tab::admit(call, &asked, plan).await?;

    let fallback = count::Fallback::of(&asked, &plan);
    if let Some(fallback) = fallback.as_ref().filter(|fallback| fallback.is_at_once()) {
        return count::estimated(call, &asked, fallback).await.map(Prepared::Local);
    }

    // A request that asks the model for nothing is no call, unless the provider has such requests too.
    let plan = match idle::take(call, &asked, plan) {
        idle::Taken::Answered(response) => return Ok(Prepared::Local(response)),
        idle::Taken::Left(plan) => plan,
    };
    Ok(Prepared::Work(Box::new(Work::new(setup, head, asked, chain, plan, fallback))))
}
