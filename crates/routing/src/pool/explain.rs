//! Why which deployment of a model would be asked now.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    health::{Blocked, Status},
    pool::{Ask, Pool, Tier, closed},
};

/// In which of a model's lists a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The one for all calls.
    Main,
    /// The one for calls that are too long.
    ContextLength,
    /// The one for calls that a filter refused.
    ContentFilter,
}

/// One deployment in one tier, as it stands now.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The gateway's number for the deployment.
    pub deployment: usize,
    /// The list it stands in.
    pub list: List,
    /// Its tier in that list, from nought.
    pub tier: usize,
    /// Its weight.
    pub weight: u32,
    /// What a call costs there, if that is known.
    pub cost: Option<u64>,
    /// The part of the tier's calls that it gets now, where the strategy can tell beforehand.
    pub share: Option<f64>,
    /// Why it may not be asked now; none if it may.
    pub blocked: Option<Blocked>,
    /// All that is known of it.
    pub status: Status,
}

impl Pool {
    /// Every deployment of every list in the order they are written. `full` is that of [`Ask`].
    pub fn explain(&self, now: Instant, full: &dyn Fn(usize) -> Option<Duration>) -> Vec<Explained> {
        let lists = [
            (List::Main, &self.tiers),
            (List::ContextLength, &self.on_context_length),
            (List::ContentFilter, &self.on_content_filter),
        ];
        let ask = Ask { now, dice: 0, affinity: None, full };
        let tiers = lists.into_iter().flat_map(|(list, tiers)| {
            tiers.iter().enumerate().map(move |(number, tier)| (list, number, tier))
        });
        tiers.flat_map(|(list, number, tier)| tier.explain(list, number, &ask)).collect()
    }
}

impl Tier {
    fn explain(&self, list: List, tier: usize, ask: &Ask<'_>) -> Vec<Explained> {
        let blocked: Vec<Option<Blocked>> = self.members.iter().map(|member| closed(member, ask)).collect();
        let open: Vec<usize> = (0..blocked.len()).filter(|place| blocked[*place].is_none()).collect();
        let shares = self.strategy.shares(&self.members, &open);
        let share = |place: usize| {
            let at = open.iter().position(|known| *known == place);
            shares.as_ref().map(|shares| at.map_or(0.0, |at| shares[at]))
        };
        let explained = self.members.iter().zip(&blocked).enumerate();
        explained
            .map(|(place, (member, blocked))| Explained {
                deployment: member.deployment,
                list,
                tier,
                weight: member.weight,
                cost: member.cost,
                share: share(place),
                blocked: *blocked,
                status: member.health.status(ask.now),
            })
            .collect()
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Main => "targets",
            Self::ContextLength => "on_context_length",
            Self::ContentFilter => "on_content_filter",
        })
    }
}
