//! Every deployment: how it is, and what an operator may do with it.

use std::{collections::HashMap, sync::Arc, time::Instant};

use http::{Method, StatusCode};
use lockgate_config::CheckMethod;
use lockgate_protocol::ir::{Fault, FaultKind};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    DeploymentStatus, Deployments, FaultText, Refusal, Serves, Tested,
    table::{Row, Said},
    words,
};
use crate::{
    Setup, clock,
    fleet::{Deployment, Limits},
    health,
};

pub(super) const ROWS: &[Row] = &[
    Row::new::<Deployments>(
        Method::GET,
        "/admin/v1/deployments",
        "Every deployment of every model once, those of the config first.",
        |ask| Box::pin(async move { Ok(Said::json(&all(&ask.setup))) }),
    ),
    Row::new::<DeploymentStatus>(Method::GET, "/admin/v1/deployments/{name}", "One deployment.", |ask| {
        Box::pin(async move { Ok(Said::json(&one(&ask.setup, &ask.name)?)) })
    }),
    Row::new::<DeploymentStatus>(
        Method::POST,
        "/admin/v1/deployments/{name}/reset",
        "Forgets what keeps requests from a deployment and from its credential.",
        |ask| Box::pin(async move { Ok(Said::json(&reset(&ask.setup, &ask.name)?)) }),
    ),
    Row::new::<DeploymentStatus>(
        Method::POST,
        "/admin/v1/deployments/{name}/drain",
        "Takes a deployment out of routing; what is under way finishes.",
        |ask| {
            Box::pin(async move {
                let (setup, name) = (Arc::clone(&ask.setup), ask.name.clone());
                Ok(Said::json(&drain(&setup, &name, ask.json::<Drain>().await?.on)?))
            })
        },
    )
    .takes::<Drain>(),
    Row::new::<DeploymentStatus>(
        Method::DELETE,
        "/admin/v1/deployments/{name}/drain",
        "Takes a deployment that was taken out in again.",
        |ask| Box::pin(async move { Ok(Said::json(&drain(&ask.setup, &ask.name, false)?)) }),
    ),
    Row::new::<Tested>(
        Method::POST,
        "/admin/v1/deployments/{name}/test",
        "Asks a deployment once and tells what came.",
        |ask| {
            Box::pin(async move {
                let (setup, name) = (Arc::clone(&ask.setup), ask.name.clone());
                Ok(Said::json(&test(&setup, &name, ask.json().await?).await?))
            })
        },
    )
    .takes::<Test>(),
];

/// The body of `drain`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Drain {
    /// Whether to take it out, or in again.
    #[serde(default = "yes")]
    on: bool,
}

fn yes() -> bool {
    true
}

/// The body of `test`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Test {
    /// By what; the list of models costs nothing.
    #[serde(default = "usual")]
    #[schemars(with = "Methods")]
    method: CheckMethod,
}

/// `models` or `call`, as the config's `health.method` has them.
#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(dead_code, reason = "it is only described")]
enum Methods {
    Models,
    Call,
}

fn usual() -> CheckMethod {
    CheckMethod::Models
}

/// A deployment and all that it serves.
pub(super) struct Serving {
    pub(super) deployment: Arc<Deployment>,
    /// Those of the first model that names it.
    limits: Arc<Limits>,
    serves: Vec<Serves>,
}

/// Every deployment of every model once, those of the config first.
pub(super) fn each(setup: &Setup) -> Vec<Serving> {
    let now = clock::now();
    let mut rows: Vec<Serving> = Vec::new();
    let mut places: HashMap<Arc<str>, usize> = HashMap::new();
    for (name, model) in setup.fleet.all() {
        for place in model.explain(now) {
            let Some(deployment) = model.deployments.get(place.deployment) else { continue };
            let at = *places.entry(Arc::clone(&deployment.name)).or_insert_with(|| {
                let (deployment, limits) = (Arc::clone(deployment), Arc::clone(&model.limits));
                rows.push(Serving { deployment, limits, serves: Vec::new() });
                rows.len() - 1
            });
            let serves = Serves { model: name.clone(), list: place.list.to_string(), tier: place.tier };
            // Written twice in one tier it is still there once.
            if !rows[at].serves.contains(&serves) {
                rows[at].serves.push(serves);
            }
        }
    }
    rows
}

fn all(setup: &Setup) -> Deployments {
    let now = clock::now();
    Deployments { deployments: each(setup).into_iter().map(|row| row.status(now)).collect() }
}

fn one(setup: &Setup, name: &str) -> Result<DeploymentStatus, Refusal> {
    Ok(find(setup, name)?.status(clock::now()))
}

/// Forgets what keeps requests from it and from its credential.
fn reset(setup: &Setup, name: &str) -> Result<DeploymentStatus, Refusal> {
    let row = find(setup, name)?;
    row.deployment.health.reset();
    tracing::info!(deployment = name, "reset by the operator");
    Ok(row.status(clock::now()))
}

/// Takes it out of routing, or in again; what is under way is not touched.
fn drain(setup: &Setup, name: &str, on: bool) -> Result<DeploymentStatus, Refusal> {
    let row = find(setup, name)?;
    row.deployment.health.drain(on);
    tracing::info!(deployment = name, on, "drained by the operator");
    Ok(row.status(clock::now()))
}

/// Asks it once and tells what came.
async fn test(setup: &Arc<Setup>, name: &str, test: Test) -> Result<Tested, Refusal> {
    let Serving { deployment, limits, .. } = find(setup, name)?;
    let since = clock::now();
    let result = health::ask(setup, &deployment, &limits, test.method).await;
    let took = clock::now().saturating_duration_since(since);
    let fault = result.err();
    if let Some(fault) = &fault
        && fault.kind == FaultKind::Unsupported
    {
        return Err(Refusal::bad(fault.public.clone()));
    }
    let called = limits.check_model.as_ref().unwrap_or(&deployment.model);
    let model = (test.method == CheckMethod::Call).then(|| called.to_string());
    Ok(Tested {
        name: name.to_owned(),
        method: words::method(test.method).to_owned(),
        model,
        ok: fault.is_none(),
        took_ms: took.as_secs_f64() * 1e3,
        fault: fault.map(|fault| FaultText { kind: fault.kind.name().to_owned(), text: told(&fault) }),
        condition: words::condition(&deployment.health.status(clock::now())),
    })
}

/// A fault in words for the operator, as the log has it too.
fn told(fault: &Fault) -> String {
    match fault.detail.is_empty() {
        true => fault.public.clone(),
        false => format!("{} ({})", fault.public, fault.detail),
    }
}

fn find(setup: &Setup, name: &str) -> Result<Serving, Refusal> {
    each(setup).into_iter().find(|row| *row.deployment.name == *name).ok_or_else(|| {
        let message = "there is no such deployment: `GET /admin/v1/deployments` has the names; \
                       in a path `/` is `%2F` and `#` is `%23`";
        Refusal::new(StatusCode::NOT_FOUND, "unknown_deployment", message.to_owned())
    })
}

impl Serving {
    fn status(self, now: Instant) -> DeploymentStatus {
        let Self { deployment, serves, .. } = self;
        DeploymentStatus {
            name: deployment.name.to_string(),
            provider: deployment.provider.name.clone(),
            model: deployment.model.to_string(),
            credential: deployment.credential().name().to_owned(),
            serves,
            condition: words::condition(&deployment.health.status(now)),
        }
    }
}
