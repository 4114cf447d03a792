//! What may be asked for at once and in a minute: of a credential, by a key, of a model, by everybody together.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lockgate_config::CallerLimits;

/// Over how long requests and tokens are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How soon a place among those that run at once may be free: nobody knows.
const SOON: Duration = Duration::from_secs(1);

/// Counts requests. Over the last window they are counted as a share of the window before and all of this one, so that no
/// minute, wherever it begins, has noticeably more than its limit.
#[derive(Debug)]
pub(crate) struct Gauge {
    limits: CallerLimits,
    /// Shared with the gauge of the same under another config.
    state: Arc<Mutex<State>>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Requests in a minute.
    Requests,
    /// Tokens in a minute.
    Tokens,
    /// Requests under way.
    AtOnce,
}

/// A limit that leaves no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) measure: Measure,
    /// How much there may be.
    pub(crate) most: u32,
    /// How long until there may be room.
    pub(crate) wait: Duration,
}

/// How a count stands against its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// How long until all of it is there again, if nothing more is counted.
    pub(crate) reset: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// When the present window began; absent before the first request.
    began: Option<Instant>,
    requests: Windows,
    tokens: Windows,
    running: u32,
}

/// A count in the window before and in this one.
#[derive(Debug, Default, Clone, Copy)]
struct Windows {
    before: u64,
    now: u64,
}

/// A place among the requests that run. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    gauge: Arc<Gauge>,
    /// Tokens that were counted ahead.
    reserved: u64,
    /// The window it was counted in, by when that began.
    window: Option<Instant>,
}

impl Gauge {
    /// `older` has counted the same under an older config.
    pub(crate) fn new(limits: CallerLimits, older: Option<&Self>) -> Arc<Self> {
        Arc::new(Self { limits, state: older.map(|older| Arc::clone(&older.state)).unwrap_or_default() })
    }

    /// How long until there may be room; `None` if there is.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        if self.is_open() {
            return None;
        }
        let mut state = self.state();
        let passed = state.turn(now);
        self.lack(&state, passed).map(|full| full.wait)
    }

    /// Takes a place for a request of about `tokens`; else says what leaves no room.
    pub(crate) fn enter(self: &Arc<Self>, tokens: u64, now: Instant) -> Result<Option<Permit>, Full> {
        if self.is_open() {
            return Ok(None);
        }
        let mut state = self.state();
        let passed = state.turn(now);
        if let Some(full) = self.lack(&state, passed) {
            return Err(full);
        }
        state.requests.now += 1;
        state.tokens.now += tokens;
        state.running += 1;
        Ok(Some(Permit { gauge: Arc::clone(self), reserved: tokens, window: state.began }))
    }

    /// How requests and tokens stand against their limits, where they have one.
    pub(crate) fn shares(&self, now: Instant) -> [Option<Share>; 2] {
        if self.limits.rpm.is_none() && self.limits.tpm.is_none() {
            return [None; 2];
        }
        let mut state = self.state();
        let passed = state.turn(now);
        [
            self.limits.rpm.map(|most| state.requests.share(most, passed)),
            self.limits.tpm.map(|most| state.tokens.share(most, passed)),
        ]
    }

    /// How many requests are under way.
    pub(crate) fn running(&self) -> u32 {
        self.state().running
    }

    /// Whether it holds them to nothing.
    pub(crate) fn is_open(&self) -> bool {
        self.limits == CallerLimits::default()
    }

    /// Of several limits that leave no room the one that does for longest.
    fn lack(&self, state: &State, passed: f64) -> Option<Full> {
        let CallerLimits { rpm, tpm, max_concurrent } = self.limits;
        let full = |measure, most, wait| Full { measure, most, wait };
        let at_once = max_concurrent.filter(|most| state.running >= *most);
        let at_once = at_once.map(|most| full(Measure::AtOnce, most, SOON));
        let windows = |count: Windows, most: Option<u32>, measure| {
            most.and_then(|most| count.lack(most, passed).map(|wait| full(measure, most, wait)))
        };
        let requests = windows(state.requests, rpm, Measure::Requests);
        let tokens = windows(state.tokens, tpm, Measure::Tokens);
        [tokens, requests, at_once].into_iter().flatten().max_by_key(|full| full.wait)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Moves on to the window that `now` is in; returns the part of it that has passed.
    fn turn(&mut self, now: Instant) -> f64 {
        let began = *self.began.get_or_insert(now);
        let passed = now.saturating_duration_since(began);
        let windows = passed.as_secs() / WINDOW.as_secs();
        if windows > 0 {
            let keep = windows == 1;
            for count in [&mut self.requests, &mut self.tokens] {
                *count = Windows { before: if keep { count.now } else { 0 }, now: 0 };
            }
            self.began = began.checked_add(Duration::from_secs(windows * WINDOW.as_secs()));
        }
        (passed.as_secs_f64() / WINDOW.as_secs_f64()).fract()
    }
}

impl Windows {
    /// How long until one more fits under `most`; `None` if it does.
    fn lack(self, most: u32, passed: f64) -> Option<Duration> {
        let (before, now, most) = (self.before as f64, self.now as f64, f64::from(most));
        if before * (1.0 - passed) + now + 1.0 <= most {
            return None;
        }
        // As this window goes on, the one before counts less; if that is not enough, this one has to become that.
        let enough = |of: f64, room: f64| 1.0 - (room / of).clamp(0.0, 1.0);
        let windows = if now + 1.0 <= most {
            enough(before, most - 1.0 - now) - passed
        } else {
            1.0 - passed + enough(now, most - 1.0)
        };
        Some(WINDOW.mul_f64(windows.clamp(0.0, 2.0)).max(Duration::from_millis(1)))
    }
}

impl Windows {
    fn share(self, most: u32, passed: f64) -> Share {
        let (before, now) = (self.before as f64, self.now as f64);
        let left = (f64::from(most) - before * (1.0 - passed) - now).clamp(0.0, f64::from(most));
        // This window's count is gone when the one after it is over.
        let windows = match (self.now, self.before) {
            (0, 0) => 0.0,
            (0, _) => 1.0 - passed,
            _ => 2.0 - passed,
        };
        Share { limit: most, remaining: left as u32, reset: WINDOW.mul_f64(windows) }
    }
}

impl Permit {
    /// The request took `used` tokens, whatever was thought.
    pub(crate) fn settle(&mut self, used: u64) {
        let reserved = std::mem::replace(&mut self.reserved, used);
        self.count(|_, tokens| *tokens = tokens.saturating_sub(reserved).saturating_add(used));
    }

    /// The request was not made after all.
    pub(crate) fn cancel(self) {
        let reserved = self.reserved;
        self.count(|requests, tokens| {
            *requests = requests.saturating_sub(1);
            *tokens = tokens.saturating_sub(reserved);
        });
    }

    /// Changes the counts of requests and tokens where it was counted. What was counted in a window that is gone stays
    /// where it is: it is a limit, not a bill.
    fn count(&self, change: impl FnOnce(&mut u64, &mut u64)) {
        let mut state = self.gauge.state();
        let State { began, requests, tokens, .. } = &mut *state;
        if *began == self.window {
            change(&mut requests.now, &mut tokens.now);
        } else if *began == self.window.and_then(|window| window.checked_add(WINDOW)) {
            change(&mut requests.before, &mut tokens.before);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gauge.state();
        state.running = state.running.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn gauge(rpm: Option<u32>, tpm: Option<u32>, at_once: Option<u32>) -> Arc<Gauge> {
        Gauge::new(CallerLimits { rpm, tpm, max_concurrent: at_once }, None)
    }

    #[test]
    fn a_minute_has_so_many_requests_wherever_it_begins() {
        let gauge = gauge(Some(60), None, None);
        let start = clock::now();
        let mut entered = Vec::new();
        // A request is tried ten times a second for five minutes.
        for tenth in 0..3000_u64 {
            let now = start + Duration::from_millis(tenth * 100);
            let wait = gauge.wait(now);
            match gauge.enter(0, now) {
                Ok(_) => entered.push(tenth),
                Err(_) => assert!(wait.is_some()),
            }
        }
        let most = (0..3000).map(|from| entered.iter().filter(|at| (from..from + 600).contains(*at)).count());
        let most = most.max().unwrap_or_default();
        assert!((60..=66).contains(&most), "{most} in the busiest minute");
        assert!((290..=330).contains(&entered.len()), "{} in five minutes", entered.len());
    }

    #[test]
    fn the_wait_is_long_enough() {
        let gauge = gauge(Some(3), None, None);
        let mut now = clock::now();
        for _ in 0..50 {
            match gauge.enter(0, now) {
                Ok(_) => now += Duration::from_secs(1),
                Err(Full { wait, .. }) => {
                    assert!(wait <= WINDOW * 2);
                    now += wait + Duration::from_millis(10);
                    assert_eq!(gauge.wait(now), None);
                }
            }
        }
    }

    #[test]
    fn tokens_are_settled_and_places_given_back() {
        let now = clock::now();
        let tokens = gauge(None, Some(1000), None);
        let mut permit = tokens.enter(900, now).expect("room").expect("counted");
        assert!(tokens.enter(900, now).is_ok(), "there is room for one more");
        assert!(tokens.enter(1, now).is_err());
        permit.settle(10);
        drop(permit);
        assert!(tokens.enter(1, now).is_ok(), "it took less than was thought");

        let places = gauge(None, None, Some(2));
        let (first, second) = (places.enter(0, now).expect("room"), places.enter(0, now).expect("room"));
        let full = Full { measure: Measure::AtOnce, most: 2, wait: SOON };
        assert_eq!(places.enter(0, now).expect_err("full"), full);
        drop(first);
        assert!(places.enter(0, now).is_ok());
        drop(second);
        assert!(gauge(None, None, None).enter(0, now).expect("open").is_none());
    }

    #[test]
    fn what_is_left_is_said() {
        let (gauge, start) = (gauge(Some(4), Some(1000), None), clock::now());
        let share =
            |limit, remaining, seconds| Some(Share { limit, remaining, reset: Duration::from_secs(seconds) });
        assert_eq!(gauge.shares(start), [share(4, 4, 0), share(1000, 1000, 0)]);
        let mut permit = gauge.enter(600, start).expect("room").expect("counted");
        assert_eq!(gauge.shares(start), [share(4, 3, 120), share(1000, 400, 120)]);
        let next = start + WINDOW + WINDOW / 2;
        assert_eq!(gauge.shares(next), [share(4, 3, 30), share(1000, 700, 30)]);
        permit.settle(100);
        assert_eq!(
            gauge.shares(next),
            [share(4, 3, 30), share(1000, 950, 30)],
            "it is set right where it was"
        );
        assert_eq!(gauge.shares(start + WINDOW * 3), [share(4, 4, 0), share(1000, 1000, 0)]);
        permit.settle(900);
        assert_eq!(gauge.shares(start + WINDOW * 3), [share(4, 4, 0), share(1000, 1000, 0)]);
    }

    #[test]
    fn a_request_that_is_not_made_does_not_count() {
        let (gauge, now) = (gauge(Some(1), Some(10), Some(1)), clock::now());
        gauge.enter(10, now).expect("room").expect("counted").cancel();
        drop(gauge.enter(10, now).expect("room"));
        let full = gauge.enter(1, now).expect_err("full");
        assert_eq!((full.measure, full.most), (Measure::Requests, 1));
    }
}
