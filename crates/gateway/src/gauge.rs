//! What one credential may be asked for at once and in a minute, as its operator said.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lockgate_config as config;

/// Over how long requests and tokens are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// How soon a place among those that run at once may be free: nobody knows.
const SOON: Duration = Duration::from_secs(1);

/// Counts one credential's requests. Over the last window they are counted as a share of the window before and all of
/// this one, so that no minute, wherever it begins, has noticeably more than its limit.
#[derive(Debug)]
pub(crate) struct Gauge {
    requests: Option<u32>,
    tokens: Option<u32>,
    at_once: Option<u32>,
    /// Shared with the gauge of the same credential under another config.
    state: Arc<Mutex<State>>,
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
}

impl Gauge {
    /// `older` has counted what the same credential was asked for under an older config.
    pub(crate) fn new(row: &config::Credential, older: Option<&Self>) -> Arc<Self> {
        Arc::new(Self {
            requests: row.rpm,
            tokens: row.tpm,
            at_once: row.max_concurrent,
            state: older.map(|older| Arc::clone(&older.state)).unwrap_or_default(),
        })
    }

    /// How long until there may be room; `None` if there is.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        if self.is_open() {
            return None;
        }
        let mut state = self.state();
        let passed = state.turn(now);
        self.lack(&state, passed)
    }

    /// Takes a place for a request of about `tokens`; else says how long it may take until there is room.
    pub(crate) fn enter(self: &Arc<Self>, tokens: u64, now: Instant) -> Result<Option<Permit>, Duration> {
        if self.is_open() {
            return Ok(None);
        }
        let mut state = self.state();
        let passed = state.turn(now);
        if let Some(wait) = self.lack(&state, passed) {
            return Err(wait);
        }
        state.requests.now += 1;
        state.tokens.now += tokens;
        state.running += 1;
        Ok(Some(Permit { gauge: Arc::clone(self), reserved: tokens }))
    }

    fn is_open(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none() && self.at_once.is_none()
    }

    fn lack(&self, state: &State, passed: f64) -> Option<Duration> {
        let at_once = self.at_once.is_some_and(|most| state.running >= most).then_some(SOON);
        let requests = self.requests.and_then(|most| state.requests.lack(most, passed));
        let tokens = self.tokens.and_then(|most| state.tokens.lack(most, passed));
        at_once.max(requests).max(tokens)
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

impl Permit {
    /// The request took `used` tokens, whatever was thought.
    pub(crate) fn settle(&mut self, used: u64) {
        let mut state = self.gauge.state();
        let reserved = std::mem::replace(&mut self.reserved, used);
        // What was counted in a window that is gone stays where it is: it is a limit, not a bill.
        state.tokens.now = state.tokens.now.saturating_sub(reserved).saturating_add(used);
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
        let row = config::Credential { rpm, tpm, max_concurrent: at_once, ..config::Credential::default() };
        Gauge::new(&row, None)
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
                Err(wait) => {
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
        assert_eq!(places.enter(0, now).expect_err("full"), SOON);
        drop(first);
        assert!(places.enter(0, now).is_ok());
        drop(second);
        assert!(gauge(None, None, None).enter(0, now).expect("open").is_none());
    }
}
