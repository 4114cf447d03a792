//! Where the time of a call goes: the clock is read where one part of it ends and the next begins, so that the parts
//! add up to the whole.

use std::time::{Duration, Instant};

/// A part of a call's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The request is read: whose it is, what it asks for.
    Receive,
    /// It is found out whether it may be asked, and whom.
    Plan,
    /// The request becomes the provider's, or the answer the client's.
    Translate,
    /// What came is passed on as it is, and put on record.
    Relay,
    /// Waiting for a provider, or until it may be asked again.
    Upstream,
    /// Waiting for the client: for the rest of its request, or until it takes what is there.
    Client,
}

impl Phase {
    /// Every part with its name in metrics.
    pub(crate) const ALL: [(Self, &'static str); 6] = [
        (Self::Receive, "receive"),
        (Self::Plan, "plan"),
        (Self::Translate, "translate"),
        (Self::Relay, "relay"),
        (Self::Upstream, "upstream"),
        (Self::Client, "client"),
    ];

    /// Whether it is the gateway's own work.
    pub(crate) fn is_own(self) -> bool {
        !matches!(self, Self::Upstream | Self::Client)
    }
}

/// How a time was spent so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phases {
    began: Instant,
    /// What it is spent on, and since when.
    now: Phase,
    since: Instant,
    spent: [Duration; Phase::ALL.len()],
}

impl Phases {
    /// Begins with `phase` at `at`.
    pub(crate) fn begin(phase: Phase, at: Instant) -> Self {
        Self { began: at, now: phase, since: at, spent: [Duration::ZERO; Phase::ALL.len()] }
    }

    /// What the time is spent on.
    pub(crate) fn now(&self) -> Phase {
        self.now
    }

    /// When the part that it is spent on began.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// When it began.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// From `at` on it is spent on `phase`.
    pub(crate) fn enter(&mut self, phase: Phase, at: Instant) {
        self.spent[self.now as usize] += at.saturating_duration_since(self.since);
        (self.now, self.since) = (phase, at);
    }

    /// Takes over how the time since `part` began was spent; until then it was spent as before.
    pub(crate) fn take(&mut self, part: &Self) {
        self.enter(part.now, part.began);
        for (spent, more) in self.spent.iter_mut().zip(part.spent) {
            *spent += more;
        }
        self.since = part.since;
    }

    /// How much of the time until now went into `phase`, as far as it has ended.
    pub(crate) fn spent(&self, phase: Phase) -> Duration {
        self.spent[phase as usize]
    }

    /// How much of the time until `at` was the gateway's own.
    pub(crate) fn own(&self, at: Instant) -> Duration {
        let ended =
            Phase::ALL.iter().filter(|(phase, _)| phase.is_own()).map(|(phase, _)| self.spent(*phase));
        let running =
            if self.now.is_own() { at.saturating_duration_since(self.since) } else { Duration::ZERO };
        ended.sum::<Duration>() + running
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_parts_add_up_to_the_whole() {
        let start = clock::now();
        let at = |count| start + millis(count);
        let mut call = Phases::begin(Phase::Receive, start);
        call.enter(Phase::Client, at(1));
        call.enter(Phase::Receive, at(11));
        call.enter(Phase::Plan, at(13));
        call.enter(Phase::Upstream, at(16));
        // Began 100 ms later, beside one that nobody waits for any longer.
        let mut attempt = Phases::begin(Phase::Translate, at(116));
        attempt.enter(Phase::Upstream, at(120));
        attempt.enter(Phase::Translate, at(320));
        call.take(&attempt);
        assert_eq!(call.now(), Phase::Translate);
        call.enter(Phase::Relay, at(325));
        assert_eq!(call.own(at(331)), millis(3 + 3 + 9 + 6));
        call.enter(Phase::Client, at(331));
        assert_eq!(call.own(at(900)), millis(21), "what the client takes is its own time");
        let spent = Phase::ALL.map(|(phase, _)| call.spent(phase));
        assert_eq!(spent, [3, 3, 9, 6, 300, 10].map(millis));
        assert_eq!(spent.iter().sum::<Duration>(), at(331) - call.began());
    }

    #[test]
    fn each_part_has_its_place_and_its_name() {
        for (place, (phase, name)) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place, "{name}");
        }
    }
}
