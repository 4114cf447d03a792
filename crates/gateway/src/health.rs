//! Checks: what is asked of deployments that no client asked for, in the background or because an operator wants to know.
//! What they find is learned like what becomes of requests.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use lockgate_config::CheckMethod;
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Certainty, Why};
use tokio_util::sync::CancellationToken;

use crate::{
    Gateway, clock,
    data_path::check,
    fleet::{Check, Deployment, Limits},
};

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
    gateway: &Arc<Gateway>,
    deployment: &Arc<Deployment>,
    limits: &Limits,
    method: CheckMethod,
) -> Result<Certainty, Fault> {
    let asked = async {
        match method {
            CheckMethod::Models => models(deployment).await.map(|()| Certainty::Reachable),
            CheckMethod::Call => call(gateway, deployment, limits).await.map(|()| Certainty::Answers),
        }
    };
    let result = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()));
    let is_asked = !matches!(&result, Err(fault) if fault.kind == FaultKind::Unsupported);
    if is_asked {
        let (now, dice) = (clock::now(), gateway.ids.dice());
        deployment.health.checked(result.as_ref().copied(), &limits.rules, now, dice);
    }
    result
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

async fn call(gateway: &Arc<Gateway>, deployment: &Deployment, limits: &Limits) -> Result<(), Fault> {
    match &limits.check_model {
        Some(model) => check::ask(gateway, &deployment.by_model(model), limits).await,
        None => check::ask(gateway, deployment, limits).await,
    }
}

fn late() -> Fault {
    Fault::new(FaultKind::Timeout, format!("the check took longer than {} s", PATIENCE.as_secs()))
}

/// One deployment that is looked after.
struct Watched {
    deployment: Arc<Deployment>,
    limits: Arc<Limits>,
    check: Check,
}

/// Looks after every deployment that the config names and wants looked after, until told to stop; what is under way then
/// is given up. What only clients name is not checked, so that no name of theirs costs anything later.
pub(crate) async fn watch(gateway: Arc<Gateway>, stop: CancellationToken) {
    let watched = watched(&gateway);
    let mut due: BinaryHeap<Reverse<(Instant, usize)>> = BinaryHeap::with_capacity(watched.len());
    for (place, row) in watched.iter().enumerate() {
        // Spread over the first interval, so that a start is no burst.
        due.push(Reverse((clock::now() + row.check.every.mul_f64(gateway.ids.dice()), place)));
    }
    let mut running = FuturesUnordered::new();
    while !(due.is_empty() && running.is_empty()) {
        while running.len() < AT_ONCE
            && let Some(place) = take_due(&mut due)
        {
            running.push(turn(&gateway, &watched[place], place));
        }
        let next = due.peek().filter(|_| running.len() < AT_ONCE).map(|Reverse((at, _))| *at);
        tokio::select! {
            () = stop.cancelled() => return,
            Some(place) = running.next() => {
                let pause = watched[place].check.every.mul_f64(0.9 + 0.2 * gateway.ids.dice());
                due.push(Reverse((clock::now() + pause, place)));
            }
            () = until(next) => {}
        }
    }
}

fn take_due(due: &mut BinaryHeap<Reverse<(Instant, usize)>>) -> Option<usize> {
    let Reverse((at, place)) = *due.peek()?;
    if at > clock::now() {
        return None;
    }
    due.pop();
    Some(place)
}

/// Until that time; without one for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Those to look after, each once: of several models that name one the most watchful counts.
fn watched(gateway: &Gateway) -> Vec<Watched> {
    let mut rows: Vec<Watched> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (_, model) in gateway.fleet.configured() {
        let Some(check) = &model.limits.check else { continue };
        let check = Check { every: check.every.max(SHORTEST), ..check.clone() };
        for deployment in &model.deployments {
            let row = Watched {
                deployment: Arc::clone(deployment),
                limits: Arc::clone(&model.limits),
                check: check.clone(),
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
async fn turn(gateway: &Arc<Gateway>, row: &Watched, place: usize) -> usize {
    let Watched { deployment, limits, check } = row;
    let now = clock::now();
    if deployment.health.blocked(now).is_some_and(|blocked| blocked.why == Why::Drained) {
        return place;
    }
    let permit = match check.method {
        CheckMethod::Models => None,
        CheckMethod::Call => match deployment.credential().gauge.enter(TOKENS, now) {
            Ok(permit) => permit,
            Err(_) => return place,
        },
    };
    match ask(gateway, deployment, limits, check.method).await {
        Ok(_) => tracing::debug!(deployment = &*deployment.name, "checked"),
        Err(fault) => tracing::warn!(deployment = &*deployment.name, %fault, "check failed"),
    }
    drop(permit);
    place
}
