//! The cheapest first, equal prices in turn, unknown prices last.

use crate::{best_first::BestFirst, strategy::Member};

pub(super) fn build() -> BestFirst {
    BestFirst::new(key)
}

/// What is not known may be dear.
fn key(member: &Member) -> f64 {
    member.cost.map_or(f64::INFINITY, |cost| cost as f64)
}
