//! What was spent before: budgets go on after a restart by what is on record.

use std::{sync::Arc, time::Duration};

use lockgate_store::sqlite::{By, DatabaseError, Queries, Used, Wanted};

use super::Owner;
use crate::{
    Gateway,
    budgets::{Budget, Moment, Spent, begin},
    clock,
};

/// How long the first call of an owner waits until all that is on record is counted. What is later is not lost: it is
/// counted by whoever asks for it next.
const PATIENCE: Duration = Duration::from_secs(30);
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Minutes are told apart for two days; what rolls for longer is told apart by hours.
const FINE_MS: u64 = 47 * HOUR_MS;

/// Counts what `owner`, whose calls have these names on record, has spent of `budgets`. It waits for the disk, once for each
/// of them.
pub(super) async fn restore(
    owner: &Owner,
    names: &[Arc<str>],
    budgets: Vec<Arc<Budget>>,
    gateway: &Arc<Gateway>,
) {
    let Some(queries) = gateway.store.queries().map(Arc::clone).filter(|_| !budgets.is_empty()) else {
        return;
    };
    let (gateway, owner, names) = (Arc::clone(gateway), owner.clone(), names.to_vec());
    let counting = gateway.tasks.spawn_blocking({
        let gateway = Arc::clone(&gateway);
        move || {
            if !gateway.store.catch_up(PATIENCE) {
                tracing::error!(%owner, "not all calls on record are counted yet: budgets may begin with less than was spent");
            }
            let now = Moment { wall_ms: clock::wall_ms(), steady: clock::now() };
            for budget in budgets {
                let counted = count(&queries, &owner, &names, &budget, now);
                if let Err(error) = counted {
                    tracing::error!(%owner, %budget, %error, "what was spent before cannot be read: the budget begins anew");
                }
            }
        }
    });
    if let Err(error) = counting.await {
        tracing::error!(%error, "what was spent before was not counted");
    }
}

fn count(
    queries: &Queries,
    owner: &Owner,
    names: &[Arc<str>],
    budget: &Budget,
    now: Moment,
) -> Result<(), DatabaseError> {
    let from_ms = begin(budget.window, now.wall_ms);
    let is_fine = now.wall_ms.saturating_sub(from_ms) < FINE_MS;
    let by = if is_fine { By::Minute } else { By::Hour };
    let step_ms = if is_fine { MINUTE_MS } else { HOUR_MS };
    let all = Wanted { from_ms, until_ms: u64::MAX, is_fine, ..Wanted::default() };
    let wanted: Vec<Wanted> = match owner {
        Owner::Key(_) => {
            names.iter().map(|name| Wanted { key: Some(name.to_string()), ..all.clone() }).collect()
        }
        Owner::Model(_) => {
            names.iter().map(|name| Wanted { model: Some(name.to_string()), ..all.clone() }).collect()
        }
        Owner::Everybody => vec![all],
    };
    for wanted in wanted {
        for group in queries.usage_of(&wanted, std::slice::from_ref(&by))? {
            let steps: u64 = group.of.first().and_then(|of| of.parse().ok()).unwrap_or_default();
            // What was spent in a step counts from its end, so that nothing is forgotten too early.
            let ended = steps.saturating_add(1).saturating_mul(step_ms);
            budget.restore(spent(&group.used), Duration::from_millis(now.wall_ms.saturating_sub(ended)), now);
        }
    }
    Ok(())
}

fn spent(used: &Used) -> Spent {
    let Used { input, cache_read, cache_write, output, cost, .. } = *used;
    let tokens = [input, cache_read, cache_write, output].into_iter().fold(0, u64::saturating_add);
    Spent { money: cost, tokens }
}
