//! One model: the deployments that answer it, and in which order.

use std::{sync::Arc, time::Instant};

use lockgate_routing::{Ask, Budget, Explained, Member, Pool, StrategyRow};

use super::{Deployment, Limits, Plan, pool::Tiers};
use crate::metrics::ModelMeter;
use crate::purses::Allowance;

/// More requests a second than clients ask for that are always allowed.
const ALWAYS_ALLOWED: u32 = 10;

/// One model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) deployments: Vec<Arc<Deployment>>,
    pool: Pool,
    pub(crate) limits: Arc<Limits>,
    /// What its calls may try again, all together.
    pub(crate) budget: Arc<Budget>,
    pub(crate) strategy: &'static StrategyRow,
    /// Where its calls are counted.
    pub(crate) meter: Arc<ModelMeter>,
    /// How much it may be asked for, whoever asks, and what may be spent on it.
    pub(crate) allowance: Option<Allowance>,
}

/// What one call brings to be planned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) now: Instant,
    /// The seed of the call's dice.
    pub(crate) dice: u64,
    /// What is the same for all calls of one conversation.
    pub(crate) affinity: Option<u64>,
}

impl Model {
    /// `budget` is what its calls have tried so far under an older config; a new one without.
    pub(super) fn new(
        strategy: &'static StrategyRow,
        tiers: Tiers,
        limits: Arc<Limits>,
        meter: Arc<ModelMeter>,
        budget: Option<Arc<Budget>>,
    ) -> Self {
        let Tiers { deployments, main, on_context_length, on_content_filter } = tiers;
        Self {
            deployments,
            pool: Pool::new(strategy, main, on_context_length, on_content_filter),
            budget: budget.unwrap_or_else(|| Arc::new(Budget::new(limits.extra_load, ALWAYS_ALLOWED))),
            limits,
            strategy,
            meter,
            allowance: None,
        }
    }

    /// A model that only `deployment` answers.
    pub(super) fn only(deployment: Arc<Deployment>, limits: Arc<Limits>, meter: Arc<ModelMeter>) -> Self {
        let member = Member {
            deployment: 0,
            identity: deployment.identity,
            weight: 1,
            cost: None,
            health: Arc::clone(&deployment.health),
        };
        let tiers = Tiers { deployments: vec![deployment], main: vec![vec![member]], ..Tiers::default() };
        Self::new(&lockgate_routing::STRATEGIES[0], tiers, limits, meter, None)
    }

    /// Whether a provider that `allows` names is among those that answer it.
    pub(crate) fn is_answered_by(&self, allows: &dyn Fn(&str) -> bool) -> bool {
        self.deployments.iter().any(|deployment| allows(&deployment.provider.name))
    }

    /// Whether it matters which conversation a call belongs to.
    pub(crate) fn wants_affinity(&self) -> bool {
        self.strategy.wants_affinity && self.deployments.len() > 1
    }

    /// The plan for one call.
    pub(crate) fn plan(self: &Arc<Self>, wanted: Wanted) -> Plan {
        let Wanted { now, dice, affinity } = wanted;
        let full = |place: usize| self.deployments[place].credential().gauge.wait(now);
        let order = self.pool.plan(&Ask { now, dice, affinity, full: &full });
        Plan::new(Arc::clone(self), order)
    }

    /// Why which of them would be asked now.
    pub(crate) fn explain(&self, now: Instant) -> Vec<Explained> {
        self.pool.explain(now, &|place: usize| self.deployments[place].credential().gauge.wait(now))
    }
}
