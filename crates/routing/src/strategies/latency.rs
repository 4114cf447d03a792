//! Of two drawn by weight the one that is faster to its first token for what it has under way.

use crate::strategy::{Call, Candidate, Member, Strategy, by_key, by_key_and_tie};

/// The part of the calls that may look whether an old measurement still holds.
const LOOKS: f64 = 0.05;
/// In seconds: before a member is known to be slower, one that is not measured yet is left to those that try it.
const UNKNOWN: f64 = 1e6;

/// Two choices instead of the best of all: the best of all would get every call until its next measurement.
#[derive(Debug)]
pub(super) struct Latency;

impl Strategy for Latency {
    fn order(&self, members: &[Member], open: &mut [Candidate], call: &mut Call) {
        let may_look = call.draw.fraction() <= LOOKS;
        let mut tried = None;
        for candidate in &mut *open {
            let member = &members[candidate.place];
            let busy = member.health.in_flight();
            let first_token = member.health.first_token(call.now);
            // One request at a time measures what is not known, or not any more.
            if busy == 0 && first_token.is_none_or(|(_, is_stale)| is_stale && may_look) {
                tried = tried.or(Some(candidate.place));
            }
            candidate.key = call.draw.wait(member.weight);
            candidate.tie = first_token.map_or(UNKNOWN, |(mean, _)| mean) * (busy + 1) as f64;
        }
        by_key(open);
        // From here on what it would take is the key, and the lot does not count any more.
        for candidate in &mut *open {
            std::mem::swap(&mut candidate.key, &mut candidate.tie);
        }
        if let [first, second, ..] = open
            && second.key < first.key
        {
            std::mem::swap(first, second);
        }
        by_key_and_tie(&mut open[1..]);
        if let Some(at) = open.iter().position(|candidate| Some(candidate.place) == tried) {
            open[..=at].rotate_right(1);
        }
    }

    fn shares(&self, _: &[Member], _: &[usize]) -> Option<Vec<f64>> {
        None
    }
}
