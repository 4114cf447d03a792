//! What the provider says is left, so that traffic goes elsewhere before it hits the wall.

use std::time::{Duration, Instant};

use lockgate_protocol::ir::{Left, Room};

use crate::span::later;

/// Below this part of a limit a deployment begins to step behind the others.
const SCARCE: f64 = 0.1;
/// How long a number is believed that comes without a time: the usual window of providers.
const BELIEVED: Duration = Duration::from_secs(60);
/// Longest time for which a number is believed.
const MOST_BELIEVED: Duration = Duration::from_secs(300);

/// The last word on both limits.
#[derive(Debug, Default)]
pub(super) struct Quota {
    requests: Option<Level>,
    tokens: Option<Level>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    part: f64,
    until: Instant,
}

impl Quota {
    /// Takes note; whether something is scarce.
    pub(super) fn noted(&mut self, room: &Room, now: Instant) -> bool {
        let level = |left: Left| level(left, now);
        self.requests = room.requests.map_or(self.requests, level);
        self.tokens = room.tokens.map_or(self.tokens, level);
        self.headroom(now).is_some_and(|part| part < SCARCE)
    }

    /// The smaller part that is left of a limit, `0.0..=1.0`; none where nothing is known.
    pub(super) fn headroom(&self, now: Instant) -> Option<f64> {
        let known = [self.requests, self.tokens].into_iter().flatten().filter(|level| level.until > now);
        known.map(|level| level.part).min_by(f64::total_cmp)
    }

    /// The chance with which it steps behind others.
    pub(super) fn reluctance(&self, now: Instant) -> f64 {
        self.headroom(now).map_or(0.0, |part| (1.0 - part / SCARCE).max(0.0))
    }
}

/// None where the numbers say nothing about how full it is.
fn level(left: Left, now: Instant) -> Option<Level> {
    let part = match (left.remaining, left.limit) {
        (_, Some(0)) => return None,
        (0, _) => 0.0,
        (remaining, Some(limit)) => (remaining as f64 / limit as f64).min(1.0),
        (_, None) => return None,
    };
    let until = later(now, left.reset.unwrap_or(BELIEVED).min(MOST_BELIEVED));
    Some(Level { part, until })
}
