//! admit, before anything is asked: the limits and budgets that a call counts against, and what is kept of them for it
//! until it is known what it took.

mod refusals;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use lockgate_protocol::{
    dialect::Operation,
    ir::{Fault, Usage},
};

use crate::{
    alerts::{Alert, Kind},
    budgets::{Hold, Moment, Spent},
    clock,
    data_path::{bill::Sum, call::Call, identify::Asked},
    fleet::{Deployment, Plan},
    gauge::Permit,
    purses::Purse,
    worst::Worst,
};

/// The tab of one call. Dropped before it is closed, it gives all back.
#[derive(Default)]
pub(crate) struct Tab {
    /// Whose limits and budgets there are: the key's, the model's, everybody's.
    purses: Vec<Arc<Purse>>,
    /// Its places within the limits.
    permits: Vec<Permit>,
    worst: Worst,
    /// What is kept of the budgets: once for a call, however many it asks. Attempts may run beside each other.
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// `None` where there are no budgets.
    hold: Option<Hold>,
    /// Why a deployment was passed over.
    short: Option<Fault>,
}

/// What stops a call.
struct Stopped {
    /// The limit's kind, as metrics call it.
    limit: &'static str,
    fault: Box<Fault>,
}

/// Opens the tab as soon as it is known who calls.
pub(crate) async fn open(call: &mut Call) {
    let setup = Arc::clone(call.setup());
    let own = call.caller.as_ref().map(|caller| &caller.allowance);
    let mut purses = Vec::new();
    for allowance in own.into_iter().chain([&setup.everybody]) {
        purses.extend(allowance.purse(&setup).await.cloned());
    }
    call.tab.purses = purses;
}

/// Counts the call against all limits, and sees whether its budgets have anything left; leaves the deployments whose price
/// is known where that must be.
pub(crate) async fn admit(call: &mut Call, asked: &Asked, mut plan: Plan) -> Result<Plan, Fault> {
    if let Some(allowance) = plan.allowance() {
        let purse = allowance.purse(call.setup()).await.cloned();
        call.tab.purses.extend(purse);
    }
    if call.tab.purses.is_empty() {
        return Ok(plan);
    }
    let worst = Worst::of(asked.dialect, asked.operation, &asked.envelope);
    let gateway = Arc::clone(&call.setup().gateway);
    let stopped = |Stopped { limit, fault }| {
        gateway.metrics.limited(limit);
        *fault
    };
    let now = call.moment(clock::now());
    let tab = &mut call.tab;
    tab.worst = worst;
    tab.take_places(now.steady).map_err(stopped)?;
    let is_of_money = tab.purses.iter().find(|purse| purse.is_of_money());
    if let Some(purse) = is_of_money.filter(|_| worst != Worst::default() && !plan.is_empty()) {
        plan.retain(|deployment| deployment.price.is_some());
        if plan.is_empty() {
            let fault = refusals::unpriced(&purse.owner, &asked.model);
            tab.leave_places();
            return Err(fault);
        }
    }
    if asked.operation != Operation::CountTokens {
        tab.hold(now).map_err(stopped)?;
    }
    Ok(plan)
}

impl Tab {
    /// Whose limits there are.
    pub(super) fn purses(&self) -> &[Arc<Purse>] {
        &self.purses
    }

    /// Counts the call against all limits; else says which one stops it.
    fn take_places(&mut self, now: Instant) -> Result<(), Stopped> {
        for purse in &self.purses {
            match purse.gauge.enter(self.worst.ahead(), now) {
                Ok(permit) => self.permits.extend(permit),
                Err(full) => {
                    let limit = refusals::stopped(&purse.owner, Some(full.measure));
                    let fault = Box::new(refusals::full(&purse.owner, full));
                    self.leave_places();
                    return Err(Stopped { limit, fault });
                }
            }
        }
        Ok(())
    }

    /// A call that is refused by one limit counts against no other.
    fn leave_places(&mut self) {
        self.permits.drain(..).for_each(Permit::cancel);
    }

    /// Sees whether the budgets have anything left. How much is kept of them is for whoever is asked.
    fn hold(&mut self, now: Moment) -> Result<(), Stopped> {
        let budgets: Vec<_> =
            self.purses.iter().flat_map(|purse| purse.budgets.iter().map(Arc::clone)).collect();
        if budgets.is_empty() {
            return Ok(());
        }
        match Hold::take(budgets, Spent::default(), now) {
            Ok(hold) => {
                self.kept.get_mut().unwrap_or_else(PoisonError::into_inner).hold = Some(hold);
                Ok(())
            }
            Err(short) => {
                let limit = refusals::stopped(refusals::owner(&self.purses, &short.budget), None);
                let fault = Box::new(refusals::short(&self.purses, &short));
                self.leave_places();
                Err(Stopped { limit, fault })
            }
        }
    }

    /// Why a deployment was passed over that could not be afforded, if one was.
    pub(crate) fn short(&self) -> Option<Fault> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).short.take()
    }

    /// What a call may come to at `deployment`.
    fn most(&self, deployment: &Deployment) -> Spent {
        let Worst { input, output, .. } = self.worst;
        let money = deployment.price.as_deref().map_or(0, |price| price.worst(input, output).0);
        Spent { money, tokens: input.saturating_add(output) }
    }
}

impl Call {
    /// Keeps as much of the budgets as the call may come to if `deployment` is asked now, what it has spent included;
    /// `beside` those that are asked already. False if there is not enough.
    pub(crate) fn afford(&self, deployment: &Deployment, beside: bool) -> bool {
        let mut kept = self.tab.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(hold) = &mut kept.hold else { return true };
        let before = if beside { hold.held() } else { self.bill.so_far() };
        let grown = hold.grow(before.and(self.tab.most(deployment)), self.moment(clock::now()));
        match grown {
            Ok(()) => true,
            Err(short) => {
                kept.short = Some(refusals::short(&self.tab.purses, &short));
                false
            }
        }
    }

    /// Closes the tab at `now`: the call came to `sum`.
    pub(crate) fn close_tab(&mut self, sum: &Sum, now: Instant) {
        if self.tab.purses.is_empty() {
            return;
        }
        let tokens = |usage: Usage| usage.total_input().saturating_add(usage.output);
        let used = match self.usage {
            Some(usage) => Some(tokens(usage)),
            // Of an answer that says nothing all that was thought of it counts.
            None if self.bill.is_silent() => None,
            None => Some(0),
        };
        for mut permit in self.tab.permits.drain(..) {
            if let Some(used) = used {
                permit.settle(used);
            }
        }
        let kept = std::mem::take(self.tab.kept.get_mut().unwrap_or_else(PoisonError::into_inner));
        let Some(hold) = kept.hold else { return };
        let spent = match used {
            Some(tokens) => Spent { money: sum.cost.unwrap_or_default(), tokens },
            None => hold.held(),
        };
        let now = self.moment(now);
        for reached in hold.settle(spent, now) {
            let kind = if reached.percent < 100 { Kind::BudgetNear } else { Kind::BudgetSpent };
            let (subject, text) = refusals::reached(&self.tab.purses, &reached, now);
            self.setup().gateway.alerts.raise(Alert::new(kind, subject, text));
        }
    }
}
