//! The order of one call: whom it may ask, and why not the others.

use std::time::{Duration, Instant};

use crate::health::Blocked;

/// One deployment that a call may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The gateway's number for the deployment.
    pub deployment: usize,
    /// Its tier in its list, from nought.
    pub tier: usize,
}

/// The order of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Those that may be asked, best first.
    pub legs: Vec<Leg>,
    /// Those for a call that is too long for the others.
    pub on_context_length: Vec<Leg>,
    /// Those for a call that the others' filter refused.
    pub on_content_filter: Vec<Leg>,
    /// Those that may not be asked.
    pub blocked: Vec<(usize, Blocked)>,
    /// Nobody may be asked: this one may be tried, by [`crate::Health::begin_last`].
    pub last: Option<usize>,
}

impl Order {
    /// How long until the first of those that may not be asked may be, as far as that is known.
    pub fn soonest(&self, now: Instant) -> Option<Duration> {
        let known = self.blocked.iter().filter_map(|(_, blocked)| blocked.until);
        known.min().map(|until| until.saturating_duration_since(now))
    }

    /// Whether all that may not be asked are at limits, so that a client is told to slow down rather than that all is
    /// broken.
    pub fn is_limited(&self) -> bool {
        !self.blocked.is_empty() && self.blocked.iter().all(|(_, blocked)| blocked.why.is_limit())
    }
}
