//! The deployment whose last turn is longest ago.

use std::sync::{Mutex, PoisonError};

use crate::strategy::{Call, Candidate, Member, Strategy, by_key};

/// A turn is taken when a call is planned, so that calls that come together do not all choose the same.
#[derive(Debug)]
pub(super) struct Lru {
    turns: Mutex<Turns>,
}

#[derive(Debug)]
struct Turns {
    next: u64,
    last: Vec<u64>,
}

impl Lru {
    pub(super) fn new(members: usize) -> Self {
        Self { turns: Mutex::new(Turns { next: 1, last: vec![0; members] }) }
    }
}

impl Strategy for Lru {
    fn order(&self, _: &[Member], open: &mut [Candidate], _: &mut Call) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for candidate in &mut *open {
            candidate.key = turns.last[candidate.place] as f64;
        }
        by_key(open);
        if let Some(first) = open.first() {
            turns.last[first.place] = turns.next;
            turns.next += 1;
        }
    }

    fn shares(&self, _: &[Member], open: &[usize]) -> Option<Vec<f64>> {
        Some(vec![1.0 / open.len() as f64; open.len()])
    }
}
