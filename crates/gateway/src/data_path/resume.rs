//! resume: an answer that broke off behind the commit is gone on with by another deployment.

use std::{pin::pin, sync::Arc};

use http::request::Parts;
use lockgate_protocol::{forms::Undress, ir::Fault, resume::Said, translate::Continuation};
use lockgate_provider::Pass;
use lockgate_routing::{Next, Ticket};

use crate::{
    Setup, clock,
    data_path::{ask::GoneOn, asking::Asking, call::Call, identify::Asked, passage::Passage, phases::Phase},
    fleet::{Deployment, Plan},
    upstream::Incoming,
};

/// How often one answer may break off and be gone on with.
const MOST_BREAKS: u32 = 5;

/// All that the asking takes, for as long as an answer is under way.
pub(crate) struct Resumer {
    setup: Arc<Setup>,
    head: Parts,
    asked: Asked,
    plan: Plan,
    left: u32,
}

/// Who goes on.
pub(crate) struct Resumed {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) pass: Arc<Pass>,
    pub(crate) ticket: Ticket,
    pub(crate) rest: Incoming,
}

impl Resumer {
    pub(crate) fn new(setup: Arc<Setup>, head: Parts, asked: Asked, plan: Plan) -> Self {
        Self { setup, head, asked, plan, left: MOST_BREAKS }
    }

    /// Has somebody go on with what `passage` has sent so far of the answer of `broken`; `None` if that cannot be gone on
    /// with, or nobody does.
    pub(crate) async fn go_on(
        &mut self,
        call: &mut Call,
        passage: &mut Box<dyn Passage>,
        broken: &Deployment,
    ) -> Option<Resumed> {
        self.left = self.left.checked_sub(1)?;
        let said = passage.said()?;
        if let Some(obstacle) = said.obstacle() {
            tracing::info!(call = call.id, %obstacle, "the answer cannot be gone on with");
            return None;
        }
        let (resumed, continuation, undress) = self.ask(call, said, broken).await?;
        passage.resume(continuation, undress);
        tracing::info!(call = call.id, deployment = &*resumed.deployment.name, "the answer is gone on with");
        Some(resumed)
    }

    async fn ask(
        &self,
        call: &mut Call,
        said: &Said,
        broken: &Deployment,
    ) -> Option<(Resumed, Continuation, Option<Box<dyn Undress>>)> {
        let Self { setup, head, asked, plan, .. } = self;
        let asking = Asking { setup, head, asked, plan };
        let mut course = plan.course_after(broken);
        let mut place = course.first().filter(|_| plan.budget().retry(clock::now()))?;
        loop {
            let next = match asking.begin(call, place, course.is_last()) {
                Ok(mut part) => {
                    let since = part.since;
                    call.enter_at(Phase::Upstream, since);
                    let mut attempt = asking.attempt_at(&mut part, course.has_other(), call);
                    let result: Result<GoneOn, Fault> = attempt.go_on(said).await;
                    let notes = attempt.notes;
                    call.take_over(notes);
                    call.enter(Phase::Relay);
                    match result {
                        Ok(GoneOn { continuation, undress, rest, pass }) => {
                            let deployment = Arc::clone(plan.at(place));
                            call.breaks_off(said.cost(asked.about_tokens()));
                            call.attempted(&deployment, since, None);
                            let resumed = Resumed { deployment, pass, ticket: part.ticket, rest };
                            return Some((resumed, continuation, undress));
                        }
                        Err(fault) => {
                            asking.failed(place, since, part.ticket, &fault, call);
                            let took = clock::now() - since;
                            asking.decide(call, |moment| course.after(&fault, took, moment))
                        }
                    }
                }
                Err(wait) => asking.decide(call, |moment| course.passed(wait, moment)),
            };
            let Next::Ask { deployment, after } = next else { return None };
            if !after.is_zero() {
                call.wait(Phase::Upstream, pin!(tokio::time::sleep(after))).await;
            }
            place = deployment;
        }
    }
}
