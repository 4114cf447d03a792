//! The way of a request that is understood: read in the client's dialect, written in the provider's, and back.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::Method;
use lockgate_protocol::{
    cloak::Mask,
    codec::{Encoded, Reply, Target},
    counting::Counting,
    dialect::Dialect,
    estimate::Meter,
    ir::{Fault, Losses, Request, Response, Text, Usage},
    resume::{self, Manner, Prefill},
    translate::{Continuation, Pair, Streamed},
};

use crate::{
    data_path::{
        identify::Asked,
        outgoing::{Outgoing, Said, WholeAnswer},
    },
    fleet::{Cloak, Deployment},
    proofs::OwnProofs,
};

/// The client's request as it was understood.
pub(crate) struct Across<'a> {
    pub(super) pair: Pair,
    /// The provider's dialect.
    pub(super) dialect: &'static dyn Dialect,
    /// The model as the provider knows it.
    pub(super) model: &'a str,
    /// How the provider is asked, if it shall count the request and not answer it.
    pub(super) counting: Option<&'static dyn Counting>,
    pub(super) request: Request<'a>,
    pub(super) proofs: OwnProofs,
    pub(super) losses: Losses,
    pub(super) asked: &'a Asked,
    /// The path that was called, with its query.
    pub(super) path: Cow<'a, str>,
    /// Who the answer is for: derives the ids a provider did not give.
    pub(super) seed: &'a str,
    pub(super) now: u64,
    /// Whether the provider speaks the client's dialect, and only the cloak is why the way leads across.
    pub(super) is_home: bool,
    pub(super) cloak: Option<&'a Cloak>,
    /// What turns a cloaked request's answer back.
    pub(super) mask: Option<Arc<Mask>>,
    /// How its provider is asked to go on with an answer that broke off, if it is asked for that.
    pub(super) manner: Option<Manner>,
}

impl<'a> Across<'a> {
    pub(super) fn outgoing(&mut self, deployment: &Deployment) -> Result<Outgoing<'a>, Fault> {
        let target = Target { model: &deployment.model, max_output: None, version: None };
        // What the gateway keeps is not the provider's to keep; the answer repeats what the client said about it.
        let store = self.request.store.take_if(|store| *store && self.asked.is_kept);
        // Of a conversation that the gateway keeps, all is in the request.
        self.request.previous.take_if(|_| self.asked.continues.is_some());
        let covered = self.cloak.map(|cloak| cloak.talk.request(&self.request));
        let request = covered.as_ref().map_or(&self.request, |(request, _)| request);
        let mut encoded = match self.counting {
            Some(counting) => self.pair.count(counting, request, target),
            None => match self.manner {
                Some(manner) => self.pair.resumption(request, manner, target),
                None => self.pair.request(request, target),
            },
        };
        if let Some((_, mask)) = covered {
            match &mut encoded {
                Ok(encoded) => mask.losses(&mut encoded.losses),
                Err(fault) => mask.fault(fault),
            }
            self.mask = Some(Arc::new(mask));
        }
        self.request.store = store.or(self.request.store);
        self.request.previous =
            self.asked.continues.as_deref().map(Text::from).or(self.request.previous.take());
        let encoded = encoded?;
        self.losses = encoded.losses;
        let call = match self.counting {
            Some(counting) => counting.call(&deployment.model),
            None => self.pair.upstream().call(&deployment.model, self.request.stream),
        };
        Ok(Outgoing {
            method: Method::POST,
            tail: Cow::Owned(call.tail),
            query: call.query.map(Cow::Borrowed),
            body: vec![encoded.body.into()],
        })
    }

    pub(super) fn answer(&mut self, body: &Bytes) -> Result<Said, Fault> {
        if self.pair.upstream().decode_error(body).is_some() {
            return Ok(Said::Failed(body.clone()));
        }
        if let Some(counting) = self.counting {
            let body = self.pair.client().encode_count(counting.decode(body)?);
            return Ok(Said::Answer(WholeAnswer { body, usage: None }));
        }
        let (response, encoded) = self.pair.answer(body, self.reply(), self.mask.as_deref())?;
        Ok(Said::Answer(self.kept(&response, encoded)))
    }

    pub(super) fn folded(&mut self, body: &Bytes) -> Result<Said, Fault> {
        let (origin, mask) = (self.dialect.name(), self.mask.as_deref());
        match self.pair.answer_of_stream(origin, body, self.reply(), mask, self.meter())? {
            Streamed::Whole(response, encoded) => Ok(Said::Answer(self.kept(&response, encoded))),
            Streamed::Failed(body) => Ok(Said::Failed(body)),
        }
    }

    /// What counts for a provider that may not say what an answer cost.
    pub(super) fn meter(&self) -> Option<Meter> {
        (!self.pair.upstream().reports_usage()).then(|| Meter::new(&self.request, self.model))
    }

    /// The answer for the client, once its proofs are kept and what could not be said is named.
    fn kept(&mut self, response: &Response<'_>, mut encoded: Encoded) -> WholeAnswer {
        let mut collector = OwnProofs::collector(self.pair.client(), &self.request);
        collector.response(response);
        if self.proofs.keep(collector.finish()) {
            encoded.losses.forget_proofs();
        }
        self.losses.append(encoded.losses);
        WholeAnswer { body: encoded.body.into(), usage: response.usage }
    }

    pub(super) fn reply(&self) -> Reply<'_> {
        Reply { request: &self.request, seed: self.seed, now: self.now, path: &self.path }
    }

    /// See [`Way::go_on`](super::way::Way::go_on).
    pub(super) fn go_on(
        &mut self,
        said: &'a resume::Said,
        manner: Option<Manner>,
        known: Option<Prefill>,
    ) -> Manner {
        let usual = || Manner::of(said, &self.request, self.pair.upstream(), self.model, known);
        let manner = manner.unwrap_or_else(usual);
        self.request = said.request(&self.request, manner);
        self.manner = Some(manner);
        manner
    }

    /// See [`Way::continuation`](super::way::Way::continuation).
    pub(super) fn continuation(&self, spent: Usage) -> Continuation {
        Continuation {
            upstream: self.pair.upstream(),
            manner: self.manner.unwrap_or(Manner::Afresh),
            mask: self.mask.clone(),
            meter: self.meter(),
            spent,
        }
    }
}
