//! What may still be spent: kept aside before a provider is asked, settled when the answer is there, given back when
//! nothing comes of it.
//!
//! All of it runs on times that are passed in.

mod budget;
#[cfg(test)]
mod tests;
mod window;
mod words;

use std::{sync::Arc, time::Duration};

pub(crate) use budget::{Budget, Limit, Spent};
pub(crate) use window::{Moment, Window, begin};
pub(crate) use words::span;

/// A part of every budget that is kept for one call. Given back when it is dropped, unless it was settled.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    budgets: Vec<Arc<Budget>>,
    held: Spent,
}

/// A budget that has no room for a call.
#[derive(Debug)]
pub(crate) struct Short {
    pub(crate) budget: Arc<Budget>,
    pub(crate) why: Lack,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is spent, until so long from now; `None` is for good.
    Spent(Option<Duration>),
    /// What is left is kept for calls under way.
    Kept,
}

/// A budget of which a share was reached that its owner is told of.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) budget: Arc<Budget>,
    /// The share, in percent.
    pub(crate) percent: u8,
}

impl Hold {
    /// Keeps `most` of every budget for a call, or of none where one has no room.
    ///
    /// There is room as long as anything is left: a call may take more than that, which nobody knows before it is over. So
    /// a budget is overspent by what is kept for one call at most, however many there are at once.
    pub(crate) fn take(budgets: Vec<Arc<Budget>>, most: Spent, now: Moment) -> Result<Self, Short> {
        let mut hold = Self { budgets, held: Spent::default() };
        hold.grow(most, now)?;
        Ok(hold)
    }

    /// Keeps `most` in place of what is kept, where that is more: the next deployment may be dearer. On failure what was
    /// kept stays.
    pub(crate) fn grow(&mut self, most: Spent, now: Moment) -> Result<(), Short> {
        let more = most.beyond(self.held);
        for (place, budget) in self.budgets.iter().enumerate() {
            if let Err(why) = budget.hold(more, self.held, now) {
                self.budgets[..place].iter().for_each(|budget| budget.release(more));
                return Err(Short { budget: Arc::clone(budget), why });
            }
        }
        self.held = self.held.and(more);
        Ok(())
    }

    /// What is kept.
    pub(crate) fn held(&self) -> Spent {
        self.held
    }

    /// The call spent that, whatever was kept for it. Says of which budgets a share was reached by it.
    pub(crate) fn settle(mut self, spent: Spent, now: Moment) -> Vec<Reached> {
        let settled = |budget: Arc<Budget>| {
            let percent = budget.settle(self.held, spent, now)?;
            Some(Reached { budget, percent })
        };
        std::mem::take(&mut self.budgets).into_iter().filter_map(settled).collect()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for budget in &self.budgets {
            budget.release(self.held);
        }
    }
}
