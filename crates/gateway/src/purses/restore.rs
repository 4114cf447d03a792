//! What was spent before: budgets go on after a restart by what is on record.

use std::{sync::Arc, time::Duration};

use lockgate_store::sqlite::{By, DatabaseError, Group, MOST_GROUPS, Queries, Used, Wanted};

use super::{Owner, first_minute::first_minute};
use crate::{
    Setup,
    budgets::{Budget, Moment, Spent, Window, begin},
    clock,
};

/// How long the first call of an owner waits until all that is on record is counted. What is later is not lost: it is
/// counted by whoever asks for it next.
const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// Minutes are told apart for two days; what rolls for longer is told apart by hours.
const FINE_MS: u64 = 47 * HOUR_MS;
/// Of how long the names of models are asked for at once, where they are told apart by their time.
const SLICE_MS: u64 = 24 * HOUR_MS;

/// Which calls on record are an owner's own.
#[derive(Debug, Clone)]
pub(super) enum Past {
    /// Those of a key's name that began when there was the key, in milliseconds since 1970.
    Key { name: Arc<str>, since_ms: u64 },
    /// Those of a model's names, and of the names that fit its patterns where nobody else answers to them.
    Model { names: Vec<Arc<str>>, has_patterns: bool },
    /// All of them.
    All,
}

/// What was spent, and when it counts from, in milliseconds since 1970.
type Sums = Vec<(u64, Spent)>;

/// Who looks, and where.
struct Look<'l> {
    queries: &'l Queries,
    setup: &'l Setup,
    owner: &'l Owner,
    now: Moment,
}

/// Counts what `owner`, whose calls those of `past` are, has spent of `budgets`. It waits for the disk, once for each of
/// them.
pub(super) async fn restore(owner: &Owner, past: &Past, budgets: Vec<Arc<Budget>>, setup: &Arc<Setup>) {
    let gateway = &setup.gateway;
    let Some(queries) = gateway.store.queries().map(Arc::clone).filter(|_| !budgets.is_empty()) else {
        return;
    };
    let (setup, owner, past) = (Arc::clone(setup), owner.clone(), past.clone());
    let counting = gateway.tasks.spawn_blocking(move || {
        if !setup.gateway.store.catch_up(PATIENCE) {
            tracing::error!(%owner, "not all calls on record are counted yet: budgets may begin with less than was spent");
        }
        let now = Moment { wall_ms: clock::wall_ms(), steady: clock::now() };
        let look = Look { queries: &queries, setup: &setup, owner: &owner, now };
        for budget in budgets {
            match look.spent(&past, budget.window) {
                Ok(sums) => {
                    for (at_ms, spent) in sums {
                        let ago = Duration::from_millis(now.wall_ms.saturating_sub(at_ms));
                        budget.restore(spent, ago, now);
                    }
                }
                Err(error) => {
                    tracing::error!(%owner, %budget, %error, "what was spent before cannot be read: the budget begins anew");
                }
            }
        }
    });
    if let Err(error) = counting.await {
        tracing::error!(%error, "what was spent before was not counted");
    }
}

impl Look<'_> {
    /// What is on record as spent in `window`.
    fn spent(&self, past: &Past, window: Window) -> Result<Sums, DatabaseError> {
        let from_ms = begin(window, self.now.wall_ms);
        match past {
            Past::Key { name, since_ms } if *since_ms > from_ms => self.of_young_key(name, *since_ms, window),
            Past::Key { name, .. } => {
                self.of(&Wanted { key: Some(name.to_string()), ..all(from_ms) }, window)
            }
            Past::Model { names, has_patterns: false } => {
                let mut sums = Sums::new();
                for name in names {
                    sums.extend(self.of(&Wanted { model: Some(name.to_string()), ..all(from_ms) }, window)?);
                }
                Ok(sums)
            }
            Past::Model { .. } => self.of_patterns(from_ms, window),
            Past::All => self.of(&all(from_ms), window),
        }
    }

    /// The sums of those calls. What was spent in a step counts from its end, so that nothing is forgotten too early.
    fn of(&self, wanted: &Wanted, window: Window) -> Result<Sums, DatabaseError> {
        let (step, by) = self.step(wanted.from_ms);
        let wanted = Wanted { is_fine: step == MINUTE_MS, ..wanted.clone() };
        let by = if has_steps(window) { vec![by] } else { Vec::new() };
        let groups = self.queries.usage_of(&wanted, &by)?;
        Ok(groups.iter().map(|group| (self.ended(group.of.first(), step), spent(&group.used))).collect())
    }

    /// Of a key that was made within the window: another may have had its name before.
    fn of_young_key(&self, name: &str, since_ms: u64, window: Window) -> Result<Sums, DatabaseError> {
        let mut from_ms = after(since_ms, MINUTE_MS);
        let mut sums = vec![(from_ms, first_minute(self.queries, name, since_ms)?)];
        if self.step(from_ms).0 == HOUR_MS {
            // The rest of its first hour by the minute.
            let hour_ms = after(from_ms - 1, HOUR_MS);
            let [all, later] = [self.queries.spent(name, from_ms)?, self.queries.spent(name, hour_ms)?];
            let rest = Spent {
                money: all.cost.saturating_sub(later.cost),
                tokens: all.tokens.saturating_sub(later.tokens),
            };
            sums.push((hour_ms, rest));
            from_ms = hour_ms;
        }
        sums.extend(self.of(&Wanted { key: Some(name.to_owned()), ..all(from_ms) }, window)?);
        Ok(sums)
    }

    /// Of a model that answers to whatever fits a pattern: all names are looked at that were asked for.
    fn of_patterns(&self, from_ms: u64, window: Window) -> Result<Sums, DatabaseError> {
        let (step, by) = self.step(from_ms);
        let is_fine = step == MINUTE_MS;
        let mut sums = Sums::new();
        let mut add = |groups: Vec<Group>| {
            if groups.len() >= MOST_GROUPS {
                tracing::error!(owner = %self.owner, "so many models were asked for that not all can be counted: the budget begins with less than was spent");
            }
            for group in groups.iter().filter(|group| group.of.first().is_some_and(|name| self.is_own(name)))
            {
                sums.push((self.ended(group.of.get(1), step), spent(&group.used)));
            }
        };
        if !has_steps(window) {
            add(self.queries.usage_of(&Wanted { is_fine, ..all(from_ms) }, &[By::Model])?);
            return Ok(sums);
        }
        let mut slice_ms = from_ms / step * step;
        while slice_ms <= self.now.wall_ms {
            let until_ms = (slice_ms + SLICE_MS).saturating_sub(step);
            let wanted = Wanted { from_ms: slice_ms, until_ms, is_fine, ..Wanted::default() };
            add(self.queries.usage_of(&wanted, &[By::Model, by.clone()])?);
            slice_ms += SLICE_MS;
        }
        Ok(sums)
    }

    /// Whether calls of that name are the owner's, by the config that counts now.
    fn is_own(&self, name: &str) -> bool {
        let model = self.setup.fleet.counts_for(name);
        model
            .and_then(|model| model.allowance.as_ref())
            .is_some_and(|allowance| allowance.owner() == self.owner)
    }

    /// In which steps what was spent from then on is told apart.
    fn step(&self, from_ms: u64) -> (u64, By) {
        let is_fine = self.now.wall_ms.saturating_sub(from_ms) < FINE_MS;
        if is_fine { (MINUTE_MS, By::Minute) } else { (HOUR_MS, By::Hour) }
    }

    /// When the step ended that a group is of; now where it is of none.
    fn ended(&self, group: Option<&String>, step: u64) -> u64 {
        let number: Option<u64> = group.and_then(|of| of.parse().ok());
        number.map_or(self.now.wall_ms, |number| number.saturating_add(1).saturating_mul(step))
    }
}

/// All calls from then on.
fn all(from_ms: u64) -> Wanted {
    Wanted { from_ms, until_ms: u64::MAX, ..Wanted::default() }
}

/// Whether it matters when something was spent: what rolls is forgotten bit by bit.
fn has_steps(window: Window) -> bool {
    matches!(window, Window::Rolling(_))
}

/// When the step ends that a moment is in.
fn after(at_ms: u64, step: u64) -> u64 {
    (at_ms / step).saturating_add(1).saturating_mul(step)
}

fn spent(used: &Used) -> Spent {
    let Used { input, cache_read, cache_write, output, cost, .. } = *used;
    let tokens = [input, cache_read, cache_write, output].into_iter().fold(0, u64::saturating_add);
    Spent { money: cost, tokens }
}
