//! What a strategy is: it orders those members of one tier that may be asked, call by call.

use std::{fmt, sync::Arc, time::Instant};

use crate::{draw::Draw, health::Health};

/// One deployment in a tier.
#[derive(Debug, Clone)]
pub struct Member {
    /// The gateway's number for the deployment.
    pub deployment: usize,
    /// What tells it from others whatever its number is: a hash of its names, the same after a reload and on every
    /// node, so that conversations stay where they are.
    pub identity: u64,
    /// Its share of the tier's calls.
    pub weight: u32,
    /// What a call costs there, in any unit that is the same for the whole tier; none where no price is known.
    pub cost: Option<u64>,
    /// What is known of it.
    pub health: Arc<Health>,
}

/// A member that may be asked, while a strategy orders it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its place in the tier.
    pub(crate) place: usize,
    /// What the strategy orders it by, for the strategy's own use.
    pub(crate) key: f64,
    /// Where the first key is equal.
    pub(crate) tie: f64,
}

impl Candidate {
    /// The member at that place.
    pub(crate) fn at(place: usize) -> Self {
        Self { place, key: 0.0, tie: 0.0 }
    }
}

/// What a strategy may know of a call.
#[derive(Debug)]
pub(crate) struct Call {
    /// When it is planned.
    pub(crate) now: Instant,
    /// What is the same for all calls of one conversation.
    pub(crate) affinity: Option<u64>,
    /// The call's dice.
    pub(crate) draw: Draw,
}

/// Orders the members of one tier.
pub(crate) trait Strategy: Send + Sync + fmt::Debug {
    /// Puts the members that may be asked, of which there are at least two in the order they are written, into the
    /// order in which the call asks them.
    fn order(&self, members: &[Member], open: &mut [Candidate], call: &mut Call);

    /// The part of the calls that each of the members at these places gets, as far as that can be foretold.
    fn shares(&self, members: &[Member], open: &[usize]) -> Option<Vec<f64>> {
        let weights = open.iter().map(|place| f64::from(members[*place].weight.max(1)));
        let sum: f64 = weights.clone().sum();
        Some(weights.map(|weight| weight / sum).collect())
    }
}

/// One row of the table of strategies.
#[derive(Debug)]
pub struct StrategyRow {
    /// The name in the config.
    pub name: &'static str,
    /// What it does, in one sentence for the documentation.
    pub doc: &'static str,
    /// Whether it heeds [`crate::Ask::affinity`].
    pub wants_affinity: bool,
    /// Starts the strategy for a tier with these members, of which there is at least one.
    pub(crate) build: fn(&[Member]) -> Box<dyn Strategy>,
}

/// Sorts by the keys, equal ones as they are written.
pub(crate) fn by_key(open: &mut [Candidate]) {
    open.sort_unstable_by(|a, b| a.key.total_cmp(&b.key).then(a.place.cmp(&b.place)));
}

/// Sorts by the keys, equal ones by their ties.
pub(crate) fn by_key_and_tie(open: &mut [Candidate]) {
    open.sort_unstable_by(|a, b| a.key.total_cmp(&b.key).then(a.tie.total_cmp(&b.tie)));
}

/// Lets those with equal keys, sorted already, come first in turn.
pub(crate) fn in_turn(open: &mut [Candidate], turn: usize) {
    for equal in open.chunk_by_mut(|a, b| a.key == b.key) {
        equal.rotate_left(turn % equal.len());
    }
}

/// All calls for those with the least key, in equal parts.
pub(crate) fn best_only(keys: &[f64]) -> Vec<f64> {
    let least = keys.iter().copied().min_by(f64::total_cmp);
    let is_best = |key: &f64| Some(*key) == least;
    let best = keys.iter().filter(|key| is_best(key)).count().max(1);
    keys.iter().map(|key| if is_best(key) { 1.0 / best as f64 } else { 0.0 }).collect()
}
