//! Whom one call may ask, in which order, and what is told its client if that is nobody.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Budget, Course, Leg, Order, Why};

use super::{Deployment, Limits, Model};
use crate::purses::Allowance;

/// The deployments of one call, in the order of asking, and how long it may take.
#[derive(Debug)]
pub(crate) struct Plan {
    model: Arc<Model>,
    order: Order,
}

impl Plan {
    pub(super) fn new(model: Arc<Model>, order: Order) -> Self {
        Self { model, order }
    }

    /// The deployment of that number.
    pub(crate) fn at(&self, place: usize) -> &Arc<Deployment> {
        &self.model.deployments[place]
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.model.limits
    }

    /// How much the model may be asked for, where its config says it.
    pub(crate) fn allowance(&self) -> Option<&Allowance> {
        self.model.allowance.as_ref()
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.model.budget
    }

    /// The course of the call by this plan.
    pub(crate) fn course(&self) -> Course {
        Course::new(&self.order, self.limits().policy)
    }

    /// The course of a call whose answer broke off at `broken`: who is asked again only if there is nobody else.
    pub(crate) fn course_after(&self, broken: &Deployment) -> Course {
        let is_broken = |leg: &Leg| self.at(leg.deployment).name == broken.name;
        let mut order = Order { legs: self.order.legs.clone(), ..Order::default() };
        order.legs.sort_by_key(is_broken);
        Course::new(&order, self.limits().policy)
    }

    /// All that the model's calls may be answered by, who may be asked now first.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = &Arc<Deployment>> {
        let open = self.order.legs.iter().map(|leg| leg.deployment);
        let blocked = self.order.blocked.iter().map(|(deployment, _)| *deployment);
        open.chain(blocked).map(|place| self.at(place))
    }

    /// Whether nobody is left who could answer, now or later.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.legs.is_empty() && self.order.blocked.is_empty()
    }

    /// Leaves out those that cannot answer this call.
    pub(crate) fn retain(&mut self, fits: impl Fn(&Arc<Deployment>) -> bool) {
        let Self { model, order } = self;
        let fits = |place: usize| fits(&model.deployments[place]);
        for legs in [&mut order.legs, &mut order.on_context_length, &mut order.on_content_filter] {
            legs.retain(|leg: &Leg| fits(leg.deployment));
        }
        order.blocked.retain(|(deployment, _)| fits(*deployment));
        order.last = order.last.filter(|place| fits(*place));
    }

    /// How long until one of those that may not be asked now may be, as far as that is known.
    pub(crate) fn soonest(&self, now: Instant) -> Option<Duration> {
        self.order.soonest(now)
    }

    /// Nobody may be asked now.
    pub(crate) fn nobody(&self, now: Instant) -> Fault {
        let is_ours = self.order.blocked.iter().all(|(_, blocked)| blocked.why == Why::Full);
        let mut fault = match self.order.is_limited() {
            true if is_ours => Fault::new(
                FaultKind::RateLimited,
                "the model's credentials are at the limits they are given here; try again later",
            ),
            true => Fault::new(
                FaultKind::RateLimited,
                "all deployments of this model are at their limits; try again later",
            ),
            false => Fault::new(
                FaultKind::NoDeployment,
                "all deployments of this model have failed lately and are left alone for a while; try again later",
            ),
        };
        let why: Vec<String> = self
            .order
            .blocked
            .iter()
            .map(|(place, blocked)| format!("{}: {}", self.at(*place).name, blocked.why.name()))
            .collect();
        fault.retry_after = self.order.soonest(now);
        fault.with_detail(why.join(", "))
    }
}
