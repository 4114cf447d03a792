//! In the order they are written.

use crate::strategy::{Call, Candidate, Member, Strategy};

/// Those that are at their limits or rest are not among the candidates, so that the written order is all there is.
#[derive(Debug)]
pub(super) struct FillFirst;

impl Strategy for FillFirst {
    fn order(&self, _: &[Member], open: &mut [Candidate], _: &mut Call) {
        open.sort_unstable_by_key(|candidate| candidate.place);
    }

    fn shares(&self, _: &[Member], open: &[usize]) -> Option<Vec<f64>> {
        Some((0..open.len()).map(|number| if number == 0 { 1.0 } else { 0.0 }).collect())
    }
}
