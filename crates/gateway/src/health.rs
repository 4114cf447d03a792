//! Checks: what is asked of deployments that no client asked for, in the background or because an operator wants to know.
//! What they find is learned like what becomes of requests.

mod rota;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use lockgate_config::{CheckMethod, Health};
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Certainty, Why};
use tokio_util::sync::CancellationToken;

use crate::{
    Setup, clock,
    data_path::check,
    fleet::{Check, Deployment, Limits},
    setup::Live,
};
use rota::{Rota, Watched};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most checks that run at once.
const AT_ONCE: usize = 8;
/// The shortest time between two checks of a deployment, whatever is written.
const SHORTEST: Duration = Duration::from_millis(100);
/// About what a check by a call takes of a credential's tokens.
const TOKENS: u64 = 16;

/// Asks `deployment` by `method` and learns from what comes. `limits` are those of a model that it answers. Fails like a
/// request of a client would, or with `Unsupported` where there is nothing to ask by that method.
pub(crate) async fn ask(
    setup: &Arc<Setup>,
    deployment: &Arc<Deployment>,
    limits: &Limits,
    method: CheckMethod,
) -> Result<Certainty, Fault> {
    let asked = async {
        match method {
            CheckMethod::Models => models(deployment).await.map(|()| Certainty::Reachable),
            CheckMethod::Call => call(setup, deployment, limits).await.map(|()| Certainty::Answers),
        }
    };
    let result = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()));
    let is_asked = !matches!(&result, Err(fault) if fault.kind == FaultKind::Unsupported);
    if is_asked {
        learn(setup, deployment, limits, result.as_ref().copied());
    }
    result
}

/// Takes note of what came of a check.
fn learn(setup: &Setup, deployment: &Deployment, limits: &Limits, result: Result<Certainty, &Fault>) {
    let (now, dice) = (clock::now(), setup.gateway.ids.dice());
    let is_open = deployment.health.checked(result, &limits.rules, now, dice);
    match result {
        Err(fault) if is_open => setup.left_alone(deployment, fault),
        Ok(Certainty::Answers) => setup.answers(deployment),
        Err(_) | Ok(Certainty::Reachable) => {}
    }
}

async fn models(deployment: &Deployment) -> Result<(), Fault> {
    match deployment.provider.list(deployment.credential(), &deployment.upstream) {
        Some(list) => list.await.map(drop),
        None => {
            let text = "the provider's dialect has no list of models: check by `call`";
            Err(Fault::new(FaultKind::Unsupported, text))
        }
    }
}

async fn call(setup: &Arc<Setup>, deployment: &Deployment, limits: &Limits) -> Result<(), Fault> {
    match &limits.check_model {
        Some(model) => check::ask(setup, &deployment.by_model(model), limits).await,
        None => check::ask(setup, deployment, limits).await,
    }
}

fn late() -> Fault {
    Fault::new(FaultKind::Timeout, format!("the check took longer than {} s", PATIENCE.as_secs()))
}

/// Looks after every deployment that the config names and wants looked after, until told to stop; what is under way then
/// is given up. What only clients name is not checked, so that no name of theirs costs anything later.
pub(crate) async fn watch(live: Arc<Live>, stop: CancellationToken) {
    let mut setup = live.setup();
    let mut rota = Rota::default();
    rota.change(watched(&setup), clock::now(), || live.gateway.ids.dice());
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(row) = rota.take(clock::now())
        {
            running.push(turn(Arc::clone(&setup), row));
        }
        let next = rota.next().filter(|_| running.len() < AT_ONCE);
        tokio::select! {
            () = stop.cancelled() => return,
            () = live.swapped.notified() => {
                setup = live.setup();
                rota.change(watched(&setup), clock::now(), || live.gateway.ids.dice());
            }
            Some(row) = running.next() => {
                rota.done(&row, clock::now(), 0.9 + 0.2 * live.gateway.ids.dice());
            }
            () = until(next) => {}
        }
    }
}

/// Until that time; without one for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Those to look after, each once: of several models that name one the most watchful counts.
fn watched(setup: &Setup) -> Vec<Watched> {
    let mut rows: Vec<Watched> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (_, model) in setup.fleet.configured() {
        let Some(check) = &model.limits.check else { continue };
        let check = Check { every: check.every.max(SHORTEST), ..check.clone() };
        for deployment in &model.deployments {
            let row = Watched {
                deployment: Arc::clone(deployment),
                limits: Arc::clone(&model.limits),
                check: check.clone(),
                is_for_credential: false,
            };
            match places.get(&deployment.name) {
                Some(place) if rows[*place].check.every > check.every => rows[*place] = row,
                Some(_) => {}
                None => {
                    places.insert(Arc::clone(&deployment.name), rows.len());
                    rows.push(row);
                }
            }
        }
    }
    let limits = setup.fleet.usual_limits();
    for deployment in setup.fleet.checks() {
        let every = limits.check.as_ref().map_or(Health::USUAL_INTERVAL, |check| check.every).max(SHORTEST);
        let limits = Arc::new(limits.of_credentials());
        let check = Check { every, method: CheckMethod::Call };
        let row = Watched { deployment: Arc::clone(deployment), limits, check, is_for_credential: true };
        match places.get(&deployment.name) {
            Some(place) => rows[*place] = row,
            None => rows.push(row),
        }
    }
    rows.retain(|row| {
        let has_list = row.check.method != CheckMethod::Models || row.deployment.provider.has_list();
        if !has_list {
            let name = &*row.deployment.name;
            tracing::warn!(
                deployment = name,
                "not checked: its dialect has no list of models; `health.method: call` can"
            );
        }
        has_list
    });
    rows
}

/// One check in the background. What the operator took out is left alone, and so is a credential that is asked as much as
/// it may be.
async fn turn(setup: Arc<Setup>, row: Arc<Watched>) -> Arc<Watched> {
    let Watched { deployment, limits, check, is_for_credential } = &*row;
    let now = clock::now();
    if deployment.health.blocked(now).is_some_and(|blocked| blocked.why == Why::Drained) {
        return row;
    }
    let permit = match check.method {
        CheckMethod::Models => None,
        CheckMethod::Call => match deployment.credential().gauge.enter(TOKENS, now) {
            Ok(permit) => permit,
            Err(_) => return row,
        },
    };
    let result = ask(&setup, deployment, limits, check.method).await;
    if *is_for_credential {
        for other in setup.fleet.beside(deployment) {
            learn(&setup, &other, limits, result.as_ref().copied());
        }
    }
    match result {
        Ok(_) => tracing::debug!(deployment = &*deployment.name, "checked"),
        Err(fault) => tracing::warn!(deployment = &*deployment.name, %fault, "check failed"),
    }
    drop(permit);
    row
}
