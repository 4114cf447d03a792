//! How many calls fail: of all together and of each model, over a window that moves along.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Into how many parts a window is cut: it moves along by one of them.
const PARTS: usize = 12;
/// Most models that are watched.
const ROOM: usize = 1000;
/// Bits of a count within a part; more is counted as the most.
const BITS: u32 = 20;
const MOST: u64 = (1 << BITS) - 1;

/// Counts calls without a lock that they wait for: each part of a window is one number.
#[derive(Debug)]
pub struct ErrorRate {
    start: Instant,
    all: Window,
    models: RwLock<HashMap<Arc<str>, Window>>,
}

/// The last calls.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// How many there were.
    pub calls: u64,
    /// How many of them failed.
    pub failed: u64,
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
pub struct Turn {
    /// The model; absent for all together.
    pub model: Option<Arc<str>>,
    /// The last calls.
    pub counts: Counts,
}

/// For each part: which one it is (24 bits), calls and failed ones (20 bits each).
#[derive(Debug, Default)]
struct Window([AtomicU64; PARTS]);

// === impl ErrorRate ===

impl ErrorRate {
    /// Nothing so far.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self { start, all: Window::default(), models: RwLock::default() }
    }

    /// Counts a call of `model` that ended at `now`. Of models beyond the room, all but the first are only counted together
    /// with all others.
    pub fn count(&self, model: Option<&str>, has_failed: bool, window: Duration, now: Instant) {
        let part = self.part(window, now);
        self.all.count(part, has_failed);
        let Some(model) = model else { return };
        if let Some(of_model) = self.models.read().unwrap_or_else(PoisonError::into_inner).get(model) {
            of_model.count(part, has_failed);
            return;
        }
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() < ROOM {
            models.entry(model.into()).or_default().count(part, has_failed);
        }
    }

    /// All that had calls in the last `window`, all together first. Models without any are forgotten.
    pub fn turns(&self, window: Duration, now: Instant) -> Vec<Turn> {
        let part = self.part(window, now);
        let mut turns = vec![Turn { model: None, counts: self.all.sum(part) }];
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        models.retain(|model, of_model| {
            let counts = of_model.sum(part);
            turns.push(Turn { model: Some(Arc::clone(model)), counts });
            counts.calls > 0
        });
        turns
    }

    /// How often it is worth to look.
    #[must_use]
    pub fn beat(window: Duration) -> Duration {
        (window / PARTS as u32).max(Duration::from_millis(10))
    }

    /// Which part of which window it is now. The first is not 0, so that what was never written is no part.
    fn part(&self, window: Duration, now: Instant) -> u64 {
        let beat = Self::beat(window).as_millis().max(1);
        let since = now.saturating_duration_since(self.start).as_millis();
        u64::try_from(since / beat).unwrap_or(0) + PARTS as u64
    }
}

// === impl Counts ===

impl Counts {
    /// The failed part, 0 without any calls.
    #[must_use]
    pub fn share(self) -> f64 {
        if self.calls == 0 { 0.0 } else { self.failed as f64 / self.calls as f64 }
    }
}

// === impl Window ===

impl Window {
    fn count(&self, part: u64, has_failed: bool) {
        let stamp = part & 0xff_ffff;
        let slot = &self.0[(part % PARTS as u64) as usize];
        let add = |value: u64| {
            let counts = if value >> (2 * BITS) == stamp { unpacked(value) } else { Counts::default() };
            let calls = (counts.calls + 1).min(MOST);
            let failed = (counts.failed + u64::from(has_failed)).min(MOST);
            Some(stamp << (2 * BITS) | calls << BITS | failed)
        };
        // It never says no, so that there is nothing to be done about the result.
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    fn sum(&self, part: u64) -> Counts {
        let mut sum = Counts::default();
        for back in 0..PARTS as u64 {
            let part = part - back;
            let value = self.0[(part % PARTS as u64) as usize].load(Ordering::Relaxed);
            if value >> (2 * BITS) == part & 0xff_ffff {
                let counts = unpacked(value);
                sum.calls += counts.calls;
                sum.failed += counts.failed;
            }
        }
        sum
    }
}

fn unpacked(value: u64) -> Counts {
    Counts { calls: value >> BITS & MOST, failed: value & MOST }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(60);

    /// Some time; the clock is the gateway's.
    #[allow(
        clippy::disallowed_methods,
        reason = "there is no other way to an `Instant`, and only differences count"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    fn counts(calls: u64, failed: u64) -> Counts {
        Counts { calls, failed }
    }

    #[test]
    fn the_window_moves_along() {
        let start = start();
        let rate = ErrorRate::new(start);
        for second in 0..60 {
            rate.count(Some("m"), second % 2 == 0, WINDOW, start + Duration::from_secs(second));
        }
        let at = |second| rate.turns(WINDOW, start + Duration::from_secs(second));
        let model: Option<Arc<str>> = Some("m".into());
        let all = |counts| Turn { model: None, counts };
        assert_eq!(at(59), [all(counts(60, 30)), Turn { model: model.clone(), counts: counts(60, 30) }]);
        assert_eq!(at(89)[0].counts, counts(30, 15), "half of it is behind");
        assert_eq!(at(114)[0].counts, counts(5, 2));
        assert_eq!(at(120), [all(counts(0, 0)), Turn { model, counts: counts(0, 0) }]);
        assert_eq!(at(120), [all(counts(0, 0))], "a model without calls is forgotten");
        assert!((counts(4, 1).share() - 0.25).abs() < f64::EPSILON && counts(0, 0).share() == 0.0);
    }

    #[test]
    fn made_up_names_find_an_end() {
        let start = start();
        let rate = ErrorRate::new(start);
        for number in 0..2 * ROOM {
            rate.count(Some(&number.to_string()), true, WINDOW, start);
        }
        assert_eq!(rate.turns(WINDOW, start).len(), 1 + ROOM);
        assert_eq!(rate.turns(WINDOW, start)[0].counts, counts(2 * ROOM as u64, 2 * ROOM as u64));
    }

    #[test]
    fn a_flood_is_counted_as_the_most() {
        let window = Window::default();
        window.0[0].store(((PARTS as u64 * 5) << (2 * BITS)) | (MOST << BITS) | 7, Ordering::Relaxed);
        window.count(PARTS as u64 * 5, true);
        assert_eq!(window.sum(PARTS as u64 * 5), counts(MOST, 8));
    }
}
