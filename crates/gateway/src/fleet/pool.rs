//! The tiers of a model in the config's words: its lists one after the other, each split by priority.

use std::{cmp::Reverse, sync::Arc};

use lockgate_routing::Member;

use super::{Deployment, price::compared};

/// Members of a model's lists, in tiers.
#[derive(Debug, Default)]
pub(super) struct Tiers {
    /// Each once, whatever lists it stands in.
    pub(super) deployments: Vec<Arc<Deployment>>,
    pub(super) main: Vec<Vec<Member>>,
    pub(super) on_context_length: Vec<Vec<Member>>,
    pub(super) on_content_filter: Vec<Vec<Member>>,
}

/// A member of a pool and who is asked before it.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) priority: i32,
    pub(super) member: Member,
}

impl Tiers {
    /// The deployment as a member, known by its place from now on.
    pub(super) fn member(&mut self, made: Deployment, weight: u32) -> Ranked {
        let known = self.deployments.iter().position(|deployment| deployment.name == made.name);
        let deployment = known.unwrap_or(self.deployments.len());
        if known.is_none() {
            self.deployments.push(Arc::new(made));
        }
        let made = &self.deployments[deployment];
        let (identity, health) = (made.identity, Arc::clone(&made.health));
        let priority = made.credential().priority;
        let cost = made.price.as_deref().map(compared);
        Ranked { priority, member: Member { deployment, identity, weight, cost, health } }
    }
}

/// A tier for each priority, the highest first; the order within one stays.
pub(super) fn by_priority(mut members: Vec<Ranked>) -> impl Iterator<Item = Vec<Member>> {
    members.sort_by_key(|ranked| Reverse(ranked.priority));
    let tiers: Vec<_> = members
        .chunk_by(|a, b| a.priority == b.priority)
        .map(|tier| tier.iter().map(|ranked| ranked.member.clone()).collect())
        .collect();
    tiers.into_iter()
}
