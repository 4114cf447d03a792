//! What callers are told whom a limit or a budget stops, and operators of budgets that come to their end.

use std::{sync::Arc, time::Duration};

use lockgate_protocol::ir::{Fault, FaultKind};

use crate::{
    budgets::{Budget, Lack, Moment, Reached, Short, span},
    gauge::{Full, Measure},
    purses::{Owner, Purse},
};

/// When a budget may have room again whose rest is kept for calls under way: nobody knows.
const SOON: Duration = Duration::from_secs(1);

/// What stopped a call, as metrics name it.
const STOPPED: [[&str; 4]; 3] = [
    ["key_requests", "key_tokens", "key_concurrent", "key_budget"],
    ["model_requests", "model_tokens", "model_concurrent", "model_budget"],
    ["all_requests", "all_tokens", "all_concurrent", "all_budget"],
];

/// The name of the limit of `owner` that stopped a call; without a measure it is a budget.
pub(super) fn stopped(owner: &Owner, measure: Option<Measure>) -> &'static str {
    let row = match owner {
        Owner::Key(_) => 0,
        Owner::Model(_) => 1,
        Owner::Everybody => 2,
    };
    let column = match measure {
        Some(Measure::Requests) => 0,
        Some(Measure::Tokens) => 1,
        Some(Measure::AtOnce) => 2,
        None => 3,
    };
    STOPPED[row][column]
}

/// A limit leaves no room.
pub(super) fn full(owner: &Owner, full: Full) -> Fault {
    let Full { measure, most, wait } = full;
    let what = match measure {
        Measure::Requests => "requests a minute",
        Measure::Tokens => "tokens a minute",
        Measure::AtOnce => "requests at once",
    };
    let text = format!("{owner} is at its limit of {most} {what}: try again in {}", span(wait));
    Fault { retry_after: Some(wait), ..Fault::new(FaultKind::RateLimited, text) }
}

/// A budget leaves no room.
pub(super) fn short(purses: &[Arc<Purse>], short: &Short) -> Fault {
    let Short { budget, why } = short;
    let owner = owner(purses, budget);
    match why {
        Lack::Kept => {
            let text = format!(
                "what is left of the budget of {owner}, {budget}, is kept for calls under way: try again in {}",
                span(SOON)
            );
            Fault { retry_after: Some(SOON), ..Fault::new(FaultKind::RateLimited, text) }
        }
        Lack::Spent(Some(wait)) => {
            let text = format!("{owner} has spent its budget of {budget}: try again in {}", span(*wait));
            Fault { retry_after: Some(*wait), ..Fault::new(FaultKind::QuotaExhausted, text) }
        }
        Lack::Spent(None) => {
            let text =
                format!("{owner} has spent its budget of {budget}: only the gateway's operator can raise it");
            Fault::new(FaultKind::QuotaExhausted, text)
        }
    }
}

/// Nobody can be asked whose price is known.
pub(super) fn unpriced(owner: &Owner, model: &str) -> Fault {
    let text = format!(
        "{owner} has a budget of money, and what the model `{model}` costs is not known: the gateway's operator can \
         write it to `prices` or the model's `price`"
    );
    Fault::new(FaultKind::Forbidden, text)
}

/// Of what and how the operator is told that so much of a budget is spent.
pub(super) fn reached(purses: &[Arc<Purse>], reached: &Reached, now: Moment) -> (String, String) {
    let Reached { budget, percent } = reached;
    let owner = owner(purses, budget);
    let standing = budget.standing(now);
    let spent = budget.limit.amount(standing.spent);
    let anew =
        standing.renewed_in.map(|time| format!("; it begins anew in {}", span(time))).unwrap_or_default();
    let text = format!("{owner} has spent {percent} % of its budget of {budget}: {spent}{anew}");
    (format!("{owner}: {budget}"), text)
}

/// Whose budget it is.
pub(super) fn owner<'p>(purses: &'p [Arc<Purse>], budget: &Arc<Budget>) -> &'p Owner {
    let is_its = |purse: &&Arc<Purse>| purse.budgets.iter().any(|own| Arc::ptr_eq(own, budget));
    purses.iter().find(is_its).map_or(&Owner::Everybody, |purse| &purse.owner)
}
