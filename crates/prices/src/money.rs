//! Amounts of money as whole numbers.

use std::fmt;

/// Picodollars in a micro-dollar: a figure of one micro-dollar for a million tokens is a picodollar (1e-12) a token.
const PICO_PER_MICRO: u128 = 1_000_000;
const MICRO_PER_DOLLAR: u64 = 1_000_000;

/// An amount of money, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Rounds a sum of picodollars half up; what is too much for 18 trillion dollars is that much.
    pub(crate) fn of_picos(picos: u128) -> Self {
        let half_up = picos.saturating_add(PICO_PER_MICRO / 2) / PICO_PER_MICRO;
        Self(u64::try_from(half_up).unwrap_or(u64::MAX))
    }

    /// Both amounts together, at most what the type holds.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// As dollars with all six decimals: `0.000450`.
impl fmt::Display for MicroUsd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:06}", self.0 / MICRO_PER_DOLLAR, self.0 % MICRO_PER_DOLLAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_up_and_too_much_is_the_most() {
        let check = |picos, micros| assert_eq!(MicroUsd::of_picos(picos), MicroUsd(micros), "{picos}");
        check(0, 0);
        check(499_999, 0);
        check(500_000, 1);
        check(1_499_999, 1);
        check(u128::MAX, u64::MAX);
    }

    #[test]
    fn amounts_read_as_dollars() {
        assert_eq!(MicroUsd(450).to_string(), "0.000450");
        assert_eq!(MicroUsd(12_345_678).to_string(), "12.345678");
    }
}
