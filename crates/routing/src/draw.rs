//! The dice of one call: numbers drawn from the seed it brings.

/// A small generator (SplitMix64): good enough to spread calls, and the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    /// The generator of that seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// The next fraction, over nought and at most one, so that its logarithm is a number.
    pub(crate) fn fraction(&mut self) -> f64 {
        fraction(self.number())
    }

    /// How long a member of that weight waits where the shortest wait wins: the chance to win goes by the weight.
    pub(crate) fn wait(&mut self, weight: u32) -> f64 {
        wait(self.number(), weight)
    }
}

/// Every bit of the result depends on every bit of `number`.
pub(crate) fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// An exponentially distributed wait made of the bits of `number`; a weight of nought counts as one.
pub(crate) fn wait(number: u64, weight: u32) -> f64 {
    -fraction(number).ln() / f64::from(weight.max(1))
}

fn fraction(number: u64) -> f64 {
    ((number >> 11) + 1) as f64 / (1u64 << 53) as f64
}
