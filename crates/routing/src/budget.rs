//! The retry budget: how much more than the clients ask may be asked of providers, so that an outage is not multiplied.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Seconds over which requests and retries are counted.
const WINDOW: usize = 10;

/// Counts requests and retries over ten seconds. A retry is allowed while fewer were made than a part of the requests,
/// and a floor: that many a second are always allowed, so that ten seconds' worth is there at the start.
#[derive(Debug)]
pub struct Budget {
    percent: u32,
    floor: u32,
    counts: Mutex<Counts>,
}

/// What the budget has seen in the last ten seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetStatus {
    /// Requests of clients.
    pub requests: u64,
    /// Retries that were allowed.
    pub retries: u64,
    /// Retries that would be allowed now.
    pub left: u64,
    /// Retries that were refused since the start.
    pub refused: u64,
}

/// A slot for each second of the window and the one that runs.
#[derive(Debug, Default)]
struct Counts {
    start: Option<Instant>,
    second: u64,
    slots: [Slot; WINDOW + 1],
    refused: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    requests: u64,
    retries: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(20, 10)
    }
}

impl Budget {
    /// Retries up to `percent` of the requests, and `floor` a second.
    pub fn new(percent: u32, floor: u32) -> Self {
        Self { percent, floor, counts: Mutex::default() }
    }

    /// A client's request came.
    pub fn request(&self, now: Instant) {
        self.counts().slot(now).requests += 1;
    }

    /// Whether a request may be tried again; if so, that is counted.
    pub fn retry(&self, now: Instant) -> bool {
        let mut counts = self.counts();
        counts.slot(now);
        let may = self.left(&counts) > 0;
        if may {
            counts.slot(now).retries += 1;
        } else {
            counts.refused += 1;
        }
        may
    }

    /// What it has seen.
    pub fn status(&self, now: Instant) -> BudgetStatus {
        let mut counts = self.counts();
        counts.slot(now);
        let Slot { requests, retries } = counts.sum();
        BudgetStatus { requests, retries, left: self.left(&counts), refused: counts.refused }
    }

    fn left(&self, counts: &Counts) -> u64 {
        let Slot { requests, retries } = counts.sum();
        let part = requests.saturating_mul(u64::from(self.percent)) / 100;
        (part + u64::from(self.floor) * WINDOW as u64).saturating_sub(retries)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// The slot of the second that runs; those that are over are emptied.
    fn slot(&mut self, now: Instant) -> &mut Slot {
        let start = *self.start.get_or_insert(now);
        let second = now.saturating_duration_since(start).as_secs();
        // A time before the last one counts for the last one's second.
        let passed = second.saturating_sub(self.second).min(self.slots.len() as u64);
        for step in 1..=passed {
            let at = self.at(self.second + step);
            self.slots[at] = Slot::default();
        }
        self.second = self.second.max(second);
        let at = self.at(self.second);
        &mut self.slots[at]
    }

    fn at(&self, second: u64) -> usize {
        (second % self.slots.len() as u64) as usize
    }

    fn sum(&self) -> Slot {
        self.slots.iter().fold(Slot::default(), |sum, slot| Slot {
            requests: sum.requests + slot.requests,
            retries: sum.retries + slot.retries,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Retries that are allowed at `now`.
    fn allowed(budget: &Budget, now: Instant) -> usize {
        (0..1000).filter(|_| budget.retry(now)).count()
    }

    #[test]
    fn a_fifth_of_the_requests_and_ten_a_second() {
        #[expect(clippy::disallowed_methods, reason = "a test needs some time to begin with")]
        let start = Instant::now();
        let budget = Budget::default();
        assert_eq!(allowed(&budget, start), 100, "ten seconds' worth at the start");
        (0..50).for_each(|_| budget.request(start));
        assert_eq!(allowed(&budget, start), 10);
        let later = start + Duration::from_secs(10);
        assert_eq!(allowed(&budget, later), 0, "they still count");
        let later = start + Duration::from_secs(11);
        assert_eq!(allowed(&budget, later), 100, "requests and retries of before do not count any more");
        // A clock that falls back counts on where it was.
        assert_eq!(allowed(&budget, start), 0);
        assert_eq!(allowed(&budget, later + Duration::from_secs(1_000_000)), 100);
        let refused = budget.status(later).refused;
        assert_eq!(refused, 6 * 1000 - 310);
    }
}
