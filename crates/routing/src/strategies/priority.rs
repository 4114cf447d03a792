//! The highest weight first, equal ones in turn.

use crate::{best_first::BestFirst, strategy::Member};

pub(super) fn build() -> BestFirst {
    BestFirst::new(|member: &Member| -f64::from(member.weight))
}
