//! What callers may ask for and spend, and what deployments cost, as the admin API says it.

use std::{collections::BTreeMap, sync::Arc};

use lockgate_prices::{Figures, Price};

use super::{
    millis,
    said::{Allowed, BudgetState, PriceStatus, TierStatus},
};
use crate::{
    budgets::{Budget, Limit, Moment},
    clock,
    purses::Allowance,
};

/// What is written of an owner; with what counts against it where its purse is known.
pub(super) fn allowed(allowance: &Allowance) -> Allowed {
    let limits = allowance.limits();
    let purse = allowance.known();
    let budgets = match purse {
        Some(purse) => purse.budgets.iter().map(|budget| status(budget, true)).collect(),
        None => {
            allowance.budgets().iter().map(|written| status(&Budget::new(written, &[]).0, false)).collect()
        }
    };
    Allowed {
        owner: allowance.owner().to_string(),
        rpm: limits.rpm,
        tpm: limits.tpm,
        max_concurrent: limits.max_concurrent,
        running: purse.map(|purse| purse.gauge.running()).filter(|_| limits.max_concurrent.is_some()),
        budgets,
    }
}

fn status(budget: &Budget, is_known: bool) -> BudgetState {
    let now = Moment { wall_ms: clock::wall_ms(), steady: clock::now() };
    let standing = is_known.then(|| budget.standing(now));
    BudgetState {
        budget: budget.to_string(),
        of: match budget.limit {
            Limit::Money(_) => "usd",
            Limit::Tokens(_) => "tokens",
        }
        .to_owned(),
        most: budget.most(),
        spent: standing.map(|standing| standing.spent),
        kept: standing.map(|standing| standing.reserved),
        renewed_in_ms: standing.and_then(|standing| standing.renewed_in).map(millis),
    }
}

/// What a deployment charges.
pub(super) fn price(price: &Arc<Price>) -> PriceStatus {
    let figures = |figures: &Figures| -> BTreeMap<String, u64> {
        figures.said().map(|(class, figure)| (class.name().to_owned(), figure)).collect()
    };
    let tier =
        |tier: &lockgate_prices::Tier| TierStatus { above: tier.above, figures: figures(&tier.figures) };
    PriceStatus {
        figures: figures(price.base()),
        tiers: price.tiers().iter().map(tier).collect(),
        batch: price.batch().map(u32::from),
    }
}
