//! The work of one call: what is asked for and of whom, until a deployment has begun to answer.

use std::sync::Arc;

use http::{Response, request::Parts};
use lockgate_protocol::ir::Fault;

use crate::{
    Setup,
    answers::OwnAnswers,
    body::AnswerBody,
    clock,
    data_path::{
        asking::{Asking, Committed},
        call::Call,
        chain::Chain,
        count::{self, Fallback},
        identify::Asked,
        resume::Resumer,
    },
    fleet::Plan,
};

/// All that the asking takes, so that it can go on behind an answer that has begun.
pub(crate) struct Work {
    setup: Arc<Setup>,
    head: Parts,
    asked: Asked,
    chain: Option<Chain>,
    plan: Plan,
    fallback: Option<Fallback>,
    /// The kept answer that is given up once its provider has forgotten it.
    forget: Option<(OwnAnswers, String)>,
}

/// What a request comes to before the first byte of its answer.
pub(crate) enum Outcome {
    /// The gateway answers itself.
    Local(Response<AnswerBody>),
    /// A deployment has begun to answer; others can go on with it where the model says so.
    Committed(Box<Committed>, Option<Box<Resumer>>),
}

impl Work {
    pub(crate) fn new(
        setup: &Arc<Setup>,
        head: Parts,
        asked: Asked,
        chain: Option<Chain>,
        plan: Plan,
        fallback: Option<Fallback>,
    ) -> Self {
        Self { setup: Arc::clone(setup), head, asked, chain, plan, fallback, forget: None }
    }

    /// The same work, after which an answer is no longer kept.
    pub(crate) fn forgetting(self, answers: OwnAnswers, id: String) -> Self {
        Self { forget: Some((answers, id)), ..self }
    }

    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// How often the client is to be told that it is still waited for.
    pub(crate) fn keep_alive(&self) -> std::time::Duration {
        self.setup.keep_alive
    }

    /// attempt: one deployment after the other, until one has begun to answer. The commit is the return.
    pub(crate) async fn run(mut self: Box<Self>, call: &mut Call) -> Result<Outcome, Fault> {
        let (chain, fallback, forget) = (self.chain.take(), self.fallback.take(), self.forget.take());
        let Self { setup, head, asked, plan, .. } = &*self;
        let asking = Asking { setup, head, asked, plan };
        plan.budget().request(clock::now());
        let committed = match asking.until_commit(call, &mut plan.course()).await {
            Ok(committed) => committed,
            Err(fault) => match fallback.filter(|fallback| fallback.is_after(&fault)) {
                Some(fallback) => return count::estimated(call, asked, &fallback).await.map(Outcome::Local),
                None => return Err(fault),
            },
        };
        if let Some((answers, id)) = forget {
            answers.forget(&id);
        }
        let committed = match chain {
            Some(chain) => chain.note(asked, &head.headers, committed),
            None => committed,
        };
        let resumer = asked.resumes.then(|| {
            let Self { setup, head, asked, plan, .. } = *self;
            Box::new(Resumer::new(setup, head, asked, plan))
        });
        Ok(Outcome::Committed(Box::new(committed), resumer))
    }
}
