//! Request ids: unique, unguessable enough for a log, and cheap.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// Counts from a random start and scrambles the count; two processes meet with odds of 2^-64.
#[derive(Debug)]
pub(crate) struct Ids {
    /// What the ids of this process begin with.
    front: String,
    count: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        // The standard library seeds its hash maps from the system's randomness.
        let seed = RandomState::new();
        let front = format!("req_{:016x}", seed.hash_one(0));
        Self { front, count: AtomicU64::new(seed.hash_one(1)) }
    }

    /// The next id: `req_` and 32 hexadecimal digits.
    pub(crate) fn next(&self) -> String {
        let number = self.seed();
        let digit = |place: u32| char::from(b"0123456789abcdef"[(number >> (place * 4)) as usize & 0xf]);
        let mut id = String::with_capacity(self.front.len() + 16);
        id.push_str(&self.front);
        id.extend((0..16).rev().map(digit));
        id
    }

    /// A number for dice; not for secrets.
    pub(crate) fn seed(&self) -> u64 {
        scramble(self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// A number in `0.0..1.0` for jitter; not for secrets.
    pub(crate) fn dice(&self) -> f64 {
        (self.seed() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64: a bijection, so that different counts stay different.
pub(crate) fn scramble(count: u64) -> u64 {
    let mut z = count.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_and_dice_are_fair_enough() {
        let ids = Ids::new();
        let set: HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(set.len(), 10_000);
        let is_id = |id: &str| {
            let digits = id.strip_prefix("req_").unwrap_or_default();
            digits.len() == 32 && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        };
        assert!(set.iter().all(|id| is_id(id)), "{:?}", set.iter().next());
        let mean = (0..10_000).map(|_| ids.dice()).sum::<f64>() / 10_000.0;
        assert!((0.45..0.55).contains(&mean), "mean {mean}");
    }
}
