//! A model's deployments in tiers, and the order in which one call asks them.

mod explain;
mod order;

use std::{
    fmt,
    time::{Duration, Instant},
};

pub use self::{
    explain::{Explained, List},
    order::{Leg, Order},
};
use crate::{
    draw::Draw,
    health::{Blocked, Why},
    span::later,
    strategy::{Call, Candidate, Member, Strategy, StrategyRow},
};

/// Members of a tier that are ordered without allocating.
const FEW: usize = 8;

/// What a call brings to be planned.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// When it is planned.
    pub now: Instant,
    /// The seed of the call's dice.
    pub dice: u64,
    /// What is the same for all calls of one conversation: a hash.
    pub affinity: Option<u64>,
    /// How long until the operator's own limits allow to ask that deployment again; none if they do now.
    pub full: &'a dyn Fn(usize) -> Option<Duration>,
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { now, dice, affinity, full: _ } = self;
        f.debug_struct("Ask").field("now", now).field("dice", dice).field("affinity", affinity).finish()
    }
}

/// All deployments of one model: the first tier takes the calls, the others catch what it cannot answer.
#[derive(Debug)]
pub struct Pool {
    tiers: Vec<Tier>,
    on_context_length: Vec<Tier>,
    on_content_filter: Vec<Tier>,
}

#[derive(Debug)]
struct Tier {
    members: Vec<Member>,
    strategy: Box<dyn Strategy>,
}

impl Pool {
    /// A pool whose tiers are each balanced by `strategy`; empty tiers are left out. The two other lists are for calls
    /// that the model's own deployments refused for that reason.
    pub fn new(
        strategy: &StrategyRow,
        tiers: Vec<Vec<Member>>,
        on_context_length: Vec<Vec<Member>>,
        on_content_filter: Vec<Vec<Member>>,
    ) -> Self {
        let tier = |members: Vec<Member>| Tier { strategy: (strategy.build)(&members), members };
        let list = |tiers: Vec<Vec<Member>>| {
            tiers.into_iter().filter(|members| !members.is_empty()).map(tier).collect()
        };
        Self {
            tiers: list(tiers),
            on_context_length: list(on_context_length),
            on_content_filter: list(on_content_filter),
        }
    }

    /// The deployments that one call may ask, each once, in the order in which it shall ask them.
    pub fn plan(&self, ask: &Ask<'_>) -> Order {
        let mut call = Call { now: ask.now, affinity: ask.affinity, draw: Draw::new(ask.dice) };
        let mut blocked = Vec::new();
        let legs = legs(&self.tiers, ask, &mut call, Some(&mut blocked));
        let last = if legs.is_empty() { self.last(ask) } else { None };
        let on_context_length = legs_of_aside(&self.on_context_length, ask, &mut call);
        let on_content_filter = legs_of_aside(&self.on_content_filter, ask, &mut call);
        Order { legs, on_context_length, on_content_filter, blocked, last }
    }

    /// Where nobody may be asked: who may be tried nevertheless, the one that would open soonest.
    fn last(&self, ask: &Ask<'_>) -> Option<usize> {
        let members = self.tiers.iter().flat_map(|tier| &tier.members);
        let free = members.filter(|member| (ask.full)(member.deployment).is_none());
        let chances =
            free.filter_map(|member| Some((member.health.last_chance(ask.now)?, member.deployment)));
        chances.min().map(|(_, deployment)| deployment)
    }
}

/// The lists for refused calls are empty in most pools.
fn legs_of_aside(tiers: &[Tier], ask: &Ask<'_>, call: &mut Call) -> Vec<Leg> {
    if tiers.is_empty() { Vec::new() } else { legs(tiers, ask, call, None) }
}

fn legs(
    tiers: &[Tier],
    ask: &Ask<'_>,
    call: &mut Call,
    mut blocked: Option<&mut Vec<(usize, Blocked)>>,
) -> Vec<Leg> {
    let mut legs = Vec::with_capacity(tiers.iter().map(|tier| tier.members.len()).sum());
    let widest = tiers.iter().map(|tier| tier.members.len()).max().unwrap_or(0);
    let mut few = [Candidate::at(0); FEW];
    let mut many = if widest > FEW { vec![Candidate::at(0); widest] } else { Vec::new() };
    let open = if many.is_empty() { &mut few[..] } else { &mut many[..] };
    for (number, tier) in tiers.iter().enumerate() {
        let mut count = 0;
        for (place, member) in tier.members.iter().enumerate() {
            let deployment = member.deployment;
            if legs.iter().any(|leg: &Leg| leg.deployment == deployment) {
                continue;
            }
            match closed(member, ask) {
                None => {
                    open[count] = Candidate::at(place);
                    count += 1;
                }
                Some(reason) => {
                    if let Some(blocked) = blocked.as_mut().filter(|blocked| !names(blocked, deployment)) {
                        blocked.push((deployment, reason));
                    }
                }
            }
        }
        let open = &mut open[..count];
        tier.order(open, call);
        let deployments = open.iter().map(|candidate| tier.members[candidate.place].deployment);
        for deployment in deployments {
            // Written twice in one tier it has twice the share, and is asked once.
            if !legs.iter().any(|leg| leg.deployment == deployment) {
                legs.push(Leg { deployment, tier: number });
            }
        }
    }
    legs
}

fn names(blocked: &[(usize, Blocked)], deployment: usize) -> bool {
    blocked.iter().any(|(known, _)| *known == deployment)
}

/// Why a member may not be asked: its health's reasons come first, for they last longer.
fn closed(member: &Member, ask: &Ask<'_>) -> Option<Blocked> {
    member.health.blocked(ask.now).or_else(|| {
        let wait = (ask.full)(member.deployment)?;
        Some(Blocked { why: Why::Full, until: Some(later(ask.now, wait)), is_tried: false })
    })
}

impl Tier {
    /// By the strategy, with two exceptions. Whom the provider leaves little steps behind the others, the more likely
    /// the less it is. And after the first come those that are well: a call looks after one that has failed before at
    /// most, and when that fails too, does not go on to the next such one.
    fn order(&self, open: &mut [Candidate], call: &mut Call) {
        if open.len() < 2 {
            return;
        }
        self.strategy.order(&self.members, open, call);
        let mut is_as_ordered = true;
        for (number, candidate) in open.iter_mut().enumerate() {
            let health = &self.members[candidate.place].health;
            let reluctance = health.reluctance(call.now);
            candidate.key = if reluctance > 0.0 && call.draw.fraction() <= reluctance {
                2.0
            } else if number > 0 && !health.is_well() {
                1.0
            } else {
                0.0
            };
            is_as_ordered &= candidate.key == 0.0;
        }
        if !is_as_ordered {
            open.sort_by(|a, b| a.key.total_cmp(&b.key));
        }
    }
}
