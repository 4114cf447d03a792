//! Why which deployment of a model would be asked now: of a running gateway, or of a config alone.

use std::{cmp::Reverse, sync::Arc, time::Instant};

use http::{Method, StatusCode};
use lockgate_config::Config;
use lockgate_routing::{Explained, List};
use tokio_util::task::TaskTracker;

use super::{
    AdminError, CallLimits, Candidate, Explanation, KeyRights, Refusal, Retries,
    allowed::{allowed, price},
    millis,
    query::{Kind, may, must},
    table::{Row, Said},
    words,
};
use crate::{
    Setup, StartError,
    access::{Book, Caller},
    clock,
    fleet::{Fleet, Limits, Model},
    purses::Allowance,
};

pub(super) const ROWS: &[Row] = &[Row::new::<Explanation>(
    Method::GET,
    "/admin/v1/explain",
    "Which deployments would answer a model now, in which order, and why not the others.",
    |ask| {
        Box::pin(async move {
            let model = ask.query.get("model").unwrap_or_default();
            Ok(Said::json(&now(&ask.setup, model, ask.query.get("key")).await?))
        })
    },
)
.asked(&[
    must("model", Kind::Text, "the name that clients ask for"),
    may("key", Kind::Text, "the name of a client key, whose rights are told too"),
])];

/// Why a deployment is not asked whose provider the key may not use.
const OF_KEY: &str = "key";

/// What the config alone says of `model`, for the client key of that name: nothing is asked of anybody.
///
/// # Errors
/// A provider that cannot be set up, a model or a key that is not in the config.
pub fn explain(config: &Config, model: &str, key: Option<&str>) -> Result<Explanation, AdminError> {
    let unfit = |error: StartError| AdminError {
        code: "config".to_owned(),
        message: error.to_string(),
        paths: Vec::new(),
        problems: Vec::new(),
    };
    let fleet = Fleet::new(config, &TaskTracker::new(), &Arc::default(), None).map_err(unfit)?;
    let found = fleet.known(model).ok_or_else(|| *Refusal::from(fleet.unknown(model)).error)?;
    let book = Book::new(config).map_err(unfit)?;
    let key = rights(&book, key).map_err(|refusal| *refusal.error)?;
    let everybody = Allowance::of_everybody(&config.access);
    let allowances = allowances(key.as_deref(), &found, &everybody);
    Ok(explanation(model, &found, key.as_deref(), &allowances, false))
}

/// The same of a running gateway, as it would be now.
async fn now(setup: &Arc<Setup>, model: &str, key: Option<&str>) -> Result<Explanation, Refusal> {
    let found = setup.fleet.model(model).await?;
    let key = rights(&setup.gateway.keys, key)?;
    let allowances = allowances(key.as_deref(), &found, &setup.everybody);
    for allowance in &allowances {
        // What was spent before is counted when somebody first wants to know.
        allowance.purse(setup).await;
    }
    Ok(explanation(model, &found, key.as_deref(), &allowances, true))
}

/// What the calls of a model count against, where anything is written.
fn allowances<'a>(
    caller: Option<&'a Caller>,
    model: &'a Model,
    everybody: &'a Allowance,
) -> Vec<&'a Allowance> {
    let own = caller.map(|caller| &caller.allowance);
    let all = own.into_iter().chain(&model.allowance).chain([everybody]);
    all.filter(|allowance| !allowance.is_open()).collect()
}

fn rights(book: &Book, key: Option<&str>) -> Result<Option<Arc<Caller>>, Refusal> {
    let Some(name) = key else { return Ok(None) };
    let unknown = || {
        let message =
            format!("there is no key of the name `{name}`: `access.keys` has the names, and `lockgate keys`");
        Refusal::new(StatusCode::NOT_FOUND, "unknown_key", message)
    };
    book.named(name).map(Some).ok_or_else(unknown)
}

fn explanation(
    name: &str,
    model: &Model,
    key: Option<&Caller>,
    allowances: &[&Allowance],
    live: bool,
) -> Explanation {
    let now = clock::now();
    let may_reach = |provider: &str| key.is_none_or(|key| key.may_reach(provider));
    let rights = |key: &Caller| KeyRights {
        name: key.name.to_string(),
        may_use: key.may_use(name) && model.is_answered_by(&may_reach),
    };
    Explanation {
        model: name.to_owned(),
        live,
        key: key.map(rights),
        strategy: model.strategy.name.to_owned(),
        limits: limits(&model.limits),
        retries: retries(model, now),
        allowed: allowances.iter().map(|allowance| allowed(allowance)).collect(),
        deployments: candidates(model, now, &may_reach),
    }
}

/// What the calls of a model may still try again.
pub(super) fn retries(model: &Model, now: Instant) -> Retries {
    let status = model.budget.status(now);
    Retries { requests: status.requests, retries: status.retries, left: status.left, refused: status.refused }
}

/// Every place in the model's lists in the order of asking: list by list, tier by tier, within a tier whoever may be asked
/// and gets more of its calls first.
fn candidates(model: &Model, now: Instant, may_reach: &dyn Fn(&str) -> bool) -> Vec<Candidate> {
    let mut rows = model.explain(now);
    // Shares are of the order of their tiers; more digits than these are noise.
    let share = |row: &Explained| (row.share.unwrap_or_default() * 1e6) as u64;
    rows.sort_by_key(|row| (rank(row.list), row.tier, row.blocked.is_some(), Reverse(share(row))));
    let mut asked: Vec<(List, usize)> = Vec::new();
    let mut candidates = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(deployment) = model.deployments.get(row.deployment) else { continue };
        let place = (row.list, row.deployment);
        // In a call each deployment of a list is asked once, where it comes first.
        let is_allowed = may_reach(&deployment.provider.name);
        let order = (is_allowed && row.blocked.is_none() && !asked.contains(&place)).then(|| {
            asked.push(place);
            asked.iter().filter(|(list, _)| *list == row.list).count()
        });
        let mut condition = words::condition(&row.status);
        if let Some(blocked) = row.blocked {
            let until = blocked.until.map(|until| until.saturating_duration_since(now));
            condition.reason = Some(blocked.why.name().to_owned());
            condition.until_ms = until.map(millis);
            condition.until = until.and_then(words::moment);
        }
        if !is_allowed {
            condition.reason = Some(OF_KEY.to_owned());
        }
        candidates.push(Candidate {
            order,
            name: deployment.name.to_string(),
            list: row.list.to_string(),
            tier: row.tier,
            weight: row.weight,
            share: row.share,
            price: deployment.price.as_ref().map(price),
            condition,
        });
    }
    candidates
}

fn rank(list: List) -> usize {
    match list {
        List::Main => 0,
        List::ContextLength => 1,
        List::ContentFilter => 2,
    }
}

fn limits(limits: &Limits) -> CallLimits {
    CallLimits {
        attempts: limits.policy.attempts,
        timeout_ms: millis(limits.timeout),
        first_byte_ms: millis(limits.first_byte),
        first_token_ms: limits.first_token.map(millis),
        answer_ms: millis(limits.answer),
        stall_ms: millis(limits.stall),
        hedge_after_ms: limits.hedge_after.map(millis),
        error_threshold: limits.rules.error_threshold,
        error_window_ms: millis(limits.rules.error_window),
        max_cooldown_ms: millis(limits.rules.max_cooldown),
        check_every_ms: limits.check.as_ref().map(|check| millis(check.every)),
        check_method: limits.check.as_ref().map(|check| words::method(check.method).to_owned()),
        check_model: limits.check_model.as_deref().map(str::to_owned),
    }
}
