//! One attempt: one deployment is asked, until it has begun to answer, or to go on with an answer.

use std::{pin::pin, sync::Arc};

use http::{Request, Response};
use lockgate_protocol::{
    forms::{Dressing, Form, Undress},
    ir::{Fault, FaultKind},
    resume::Said,
    translate::Continuation,
};
use lockgate_provider::{Ask, Pass};

use crate::{
    body::RequestBody,
    data_path::{
        attempt::Attempt,
        reply::{self, Begun},
        traced,
        way::Way,
    },
    headers,
    passes::is_of_proof,
    rules::Subject,
    upstream::{Incoming, Tries, signed},
};

/// The fault as it may be told: without what a cloak covered and what the request showed.
fn told(mut fault: Fault, way: &Way<'_>, form: &dyn Form, pass: &Pass) -> Fault {
    if let Some(mask) = way.mask() {
        mask.fault(&mut fault);
    }
    // The provider's own error body only means something to a client of its dialect.
    fault.body = fault.body.filter(|body| !way.is_across() && form.keeps_error(body));
    pass.conceal(&mut fault);
    fault
}

/// What is not understood cannot be gone on with.
fn not_translated() -> Fault {
    Fault::new(FaultKind::Unsupported, "the answer passed through unread, so that nobody can go on with it")
}

/// The answer to one request has a head, and it is no refusal.
struct Answered {
    response: Response<Incoming>,
    form: &'static dyn Form,
    pass: Arc<Pass>,
}

/// A deployment goes on with an answer that broke off.
pub(crate) struct GoneOn {
    /// How its stream becomes the rest of the client's.
    pub(crate) continuation: Continuation,
    /// What takes its stream out of its host's form.
    pub(crate) undress: Option<Box<dyn Undress>>,
    pub(crate) rest: Incoming,
    pub(crate) pass: Arc<Pass>,
}

impl Attempt<'_> {
    /// Asks, until the answer has begun.
    pub(crate) async fn run(&mut self) -> Result<(Begun, Arc<Pass>), Fault> {
        let seed = self.call.id.clone();
        let mut way = self.way(&seed)?;
        let Answered { response, form, pass } = self.answered(&mut way).await?;
        match reply::judge(self, &mut way, form, response).await {
            Ok(begun) => {
                self.notes.losses = way.losses().clone();
                Ok((begun, pass))
            }
            Err(fault) => Err(told(fault, &way, form, &pass)),
        }
    }

    /// Asks to go on with an answer that broke off after `said`; in another manner too, if the first one is refused: not
    /// every model takes the beginning of its answer.
    pub(crate) async fn go_on(&mut self, said: &Said) -> Result<GoneOn, Fault> {
        let seed = self.call.id.clone();
        let mut manner = None;
        loop {
            let mut way = self.way(&seed)?;
            let spent = said.cost(self.asked.about_tokens());
            let known = self.deployment.provider.site.prefill();
            let asked = way.go_on(said, manner, known).ok_or_else(not_translated)?;
            match self.answered(&mut way).await {
                Ok(Answered { response, form, pass }) => {
                    let rest = reply::stream(response)?;
                    let continuation = way.continuation(spent).ok_or_else(not_translated)?;
                    return Ok(GoneOn { continuation, undress: form.stream(), rest, pass });
                }
                Err(fault) if fault.kind == FaultKind::Refused && asked.after_refusal().is_some() => {
                    manner = asked.after_refusal();
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    fn way<'w>(&self, seed: &'w str) -> Result<Way<'w>, Fault>
    where
        Self: 'w,
    {
        let proofs = self.setup.gateway.proofs.of(self.call.caller.as_deref());
        let cloak = self.deployment.cloak_for(&self.head.headers);
        Way::to(self.asked, self.deployment, cloak, proofs, seed, self.call.started())
    }

    /// Sends the request, with a new pass if the one that was shown is refused.
    async fn answered(&mut self, way: &mut Way<'_>) -> Result<Answered, Fault> {
        let mut is_renewed = false;
        loop {
            let passes = &self.deployment.credential().passes;
            let pass = self.notes.wait(pin!(passes.get())).await?;
            let form = self.deployment.provider.site.form(&pass, &way.talk(self.deployment));
            let response = self.send(way, &pass, form).await?;
            let fault = match reply::refusal(self, response).await {
                Ok(response) => return Ok(Answered { response, form, pass }),
                Err(fault) => fault,
            };
            // A token may be revoked before its time; a request that was refused for it did nothing yet.
            if is_of_proof(&fault) && !is_renewed && passes.refused(&pass) {
                is_renewed = true;
            } else {
                return Err(told(fault, way, form, &pass));
            }
        }
    }

    /// The request on its way: addressed, in its form, signed.
    fn request(
        &self,
        way: &mut Way<'_>,
        pass: &Pass,
        form: &dyn Form,
    ) -> Result<Request<RequestBody>, Fault> {
        let outgoing = way.outgoing(self.deployment, form)?;
        let site = &self.deployment.provider.site;
        let prepared = site.prepare(&Ask {
            method: &outgoing.method,
            tail: &outgoing.tail,
            query: outgoing.query.as_deref(),
            model: &self.deployment.model,
            stream: self.call.stream,
            pass,
        })?;
        let talk = way.talk(self.deployment);
        let fitted = site.fit(&talk, outgoing.body, way.losses_mut());
        let body = self.setup.rules.apply(
            &Subject {
                asked: &self.asked.model,
                model: &self.deployment.model,
                from: self.asked.dialect.name(),
                to: talk.dialect,
                provider: &self.deployment.provider.name,
                headers: &self.head.headers,
            },
            fitted,
        );
        let mut headers = prepared.headers;
        let client = &self.head.headers;
        let cloak = self.deployment.cloak_for(client);
        if let Some(cloak) = cloak {
            headers::operators(&cloak.headers, &mut headers);
        }
        headers::copied(pass.copied(), client, &mut headers);
        match cloak {
            _ if way.changes_dialect() => headers::translated(&mut headers),
            Some(cloak) => {
                headers::cloaked(self.asked.dialect, client, &|id| cloak.talk.named(id), &mut headers);
            }
            None => headers::to_provider(self.asked.dialect, client, &mut headers),
        }
        traced::carry(self.call, self.deployment, self.since, client, &mut headers);
        site.screen(&mut headers, way.losses_mut());
        headers::usual(site.kind().provider.usual_headers(), &mut headers);
        let dressing = Dressing {
            operation: talk.operation,
            model: &self.deployment.model,
            project: pass.project(),
            id: &self.call.id,
            headers: &mut headers,
        };
        let body = form.dress(body, dressing)?;
        let mut request = Request::new(RequestBody::new(body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = prepared.uri;
        *request.headers_mut() = headers;
        signed(site, pass, request)
    }

    /// Refuses what would lose something where the operator said so.
    fn allow(&self, way: &Way<'_>) -> Result<(), Fault> {
        let losses = way.losses();
        if losses.is_empty() || !self.limits.rejects_loss {
            return Ok(());
        }
        let text = format!("the model's provider cannot be told everything: {losses}");
        Err(Fault::new(FaultKind::Lossy, text))
    }

    /// Sends it and waits for the answer's head: a stream has to begin soon, another answer may take its time.
    async fn send(
        &mut self,
        way: &mut Way<'_>,
        pass: &Pass,
        form: &dyn Form,
    ) -> Result<Response<Incoming>, Fault> {
        let mut tries = Tries::default();
        loop {
            let request = self.request(way, pass, form)?;
            self.allow(way)?;
            let patience = match self.call.stream && !self.is_slow() {
                true => self.patience(false).min(self.deployment.first_byte),
                false => self.answer_limit(),
            };
            let sent = pin!(self.deployment.upstream.try_send(Box::new(request), &mut tries));
            let sent = self.notes.wait_for(patience, sent).await;
            if let Some(answer) = sent.unwrap_or_else(|| Err(reply::silent(patience)))? {
                return Ok(answer);
            }
        }
    }
}
