//! attempt: one deployment after the other is asked, until one has begun to answer.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Request, Response, StatusCode, request::Parts};
use lockgate_protocol::{
    forms::{Dressing, Form},
    ir::{Fault, FaultKind},
};
use lockgate_provider::{Ask, Pass};
use lockgate_routing::{Course, Next};

use crate::{
    Gateway,
    body::RequestBody,
    clock,
    data_path::{
        call::Call,
        identify::Asked,
        reply::{self, Content},
        way::Way,
    },
    fleet::{Deployment, Limits, Plan},
    headers,
    rules::Subject,
    upstream::{Incoming, signed},
};

/// The deployments whose credentials may be asked now; a fault that says how long to wait if there are none.
fn open(plan: &Plan) -> Result<Vec<usize>, Fault> {
    let now = clock::now();
    let wait = |place: &usize| plan.deployments[*place].credential().gauge.wait(now);
    let places: Vec<usize> = (0..plan.deployments.len()).collect();
    let open: Vec<usize> = places.iter().copied().filter(|place| wait(place).is_none()).collect();
    match places.iter().filter_map(wait).min() {
        Some(least) if open.is_empty() => Err(full(least)),
        _ => Ok(open),
    }
}

/// A deployment has begun to answer: from here on there is no other.
pub(crate) struct Committed {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) answer: Begun,
    pub(crate) limits: Arc<Limits>,
    /// What the request showed.
    pub(crate) pass: Arc<Pass>,
}

/// An answer that has begun.
pub(crate) struct Begun {
    pub(crate) status: StatusCode,
    /// The provider's headers that travel.
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// Asks the plan's deployments until one begins to answer or nothing is left that could help.
pub(crate) async fn until_commit(
    gateway: &Gateway,
    call: &mut Call,
    head: &Parts,
    asked: &Asked,
    plan: Plan,
) -> Result<Committed, Fault> {
    let places = open(&plan)?;
    let mut course = Course::new(&places, plan.limits.policy);
    let mut place = course.first().unwrap_or_default();
    loop {
        let deployment = &plan.deployments[place];
        let since = clock::now();
        let attempt = Attempt { gateway, call, head, asked, deployment, limits: &plan.limits };
        let fault = match attempt.run().await {
            Ok((answer, pass)) => {
                call.attempted(deployment, since, None);
                return Ok(Committed {
                    deployment: Arc::clone(deployment),
                    answer,
                    limits: plan.limits,
                    pass,
                });
            }
            Err(fault) => fault,
        };
        call.attempted(deployment, since, Some(&fault));
        let left = plan.limits.timeout.saturating_sub(call.elapsed());
        match course.after(&fault, left, gateway.ids.dice()) {
            Next::Ask { deployment, after } => {
                if !after.is_zero() {
                    call.wait(tokio::time::sleep(after)).await;
                }
                place = deployment;
            }
            Next::Stop => return Err(fault),
        }
    }
}

/// The credential has been asked for as much as its operator allows.
fn full(wait: Duration) -> Fault {
    let mut fault = Fault::new(
        FaultKind::RateLimited,
        "the model's credentials are at the limits they are given here; try again later",
    );
    fault.retry_after = Some(wait);
    fault
}

/// One try at one deployment.
pub(crate) struct Attempt<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) call: &'a mut Call,
    pub(crate) head: &'a Parts,
    pub(crate) asked: &'a Asked,
    pub(crate) deployment: &'a Deployment,
    pub(crate) limits: &'a Limits,
}

impl Attempt<'_> {
    async fn run(mut self) -> Result<(Begun, Arc<Pass>), Fault> {
        let seed = self.call.id.clone();
        let proofs = self.gateway.proofs.of(self.call.caller.as_deref());
        let cloak = self.deployment.cloak_for(&self.head.headers);
        let mut way = Way::to(self.asked, self.deployment, cloak, proofs, &seed, clock::wall_ms() / 1000)?;
        let mut is_renewed = false;
        loop {
            let credential = self.deployment.credential();
            self.call.permit =
                credential.gauge.enter(self.asked.about_tokens(), clock::now()).map_err(full)?;
            let passes = &credential.passes;
            let pass = self.call.wait(passes.get()).await?;
            let form = self.deployment.provider.site.form(&pass, &way.talk(self.deployment));
            let request = self.request(&mut way, &pass, form)?;
            self.allow(&way)?;
            let answer = self.send(request).await?;
            match reply::judge(&mut self, &mut way, form, answer).await {
                Ok(begun) => {
                    self.call.losses = way.losses().clone();
                    return Ok((begun, pass));
                }
                // A token may be revoked before its time; a request that was refused for it did nothing yet.
                Err(fault) if fault.kind == FaultKind::KeyRefused && !is_renewed && passes.refused(&pass) => {
                    is_renewed = true;
                }
                Err(mut fault) => {
                    if let Some(mask) = way.mask() {
                        mask.fault(&mut fault);
                    }
                    // The provider's own error body only means something to a client of its dialect.
                    fault.body = fault.body.filter(|body| !way.is_across() && form.keeps_error(body));
                    pass.conceal(&mut fault);
                    return Err(fault);
                }
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
        let body = self.gateway.rules.apply(
            &Subject {
                asked: &self.asked.model,
                model: &self.deployment.model,
                from: self.asked.dialect.name(),
                to: way.talk(self.deployment).dialect,
                provider: &self.deployment.provider.name,
                headers: &self.head.headers,
            },
            outgoing.body,
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
        site.screen(&mut headers, way.losses_mut());
        headers::usual(site.kind().provider.usual_headers(), &mut headers);
        let dressing = Dressing {
            operation: way.talk(self.deployment).operation,
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

    /// Sends it and waits for the answer's head: a stream has to begin soon, another answer may take the call's time.
    async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, Fault> {
        let left = self.left();
        let patience = if self.call.stream { left.min(self.deployment.first_byte) } else { left };
        let sent = tokio::time::timeout(patience, self.deployment.upstream.send(request));
        self.call.wait(sent).await.unwrap_or_else(|_| Err(reply::silent(patience)))
    }

    /// The time the call still has.
    pub(crate) fn left(&self) -> Duration {
        self.limits.timeout.saturating_sub(self.call.elapsed())
    }
}
