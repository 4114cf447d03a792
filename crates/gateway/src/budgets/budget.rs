//! One budget: what was spent in its window, and what is kept for calls under way.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use lockgate_config as config;

use super::{
    Lack,
    window::{Moment, Window, period},
};

/// How many steps a window rolls in: what was spent is forgotten a step at a time, never too early.
const STEPS: u32 = 60;
/// The shares of which their owner is told, in percent.
const TOLD_AT: [u8; 2] = [80, 100];

/// What a budget is of, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Millionths of a dollar.
    Money(u64),
    /// Tokens, in and out.
    Tokens(u64),
}

/// What a call takes of budgets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Millionths of a dollar.
    pub(crate) money: u64,
    /// Tokens, in and out.
    pub(crate) tokens: u64,
}

impl Spent {
    /// How much more this is, by each measure.
    pub(super) fn beyond(self, other: Self) -> Self {
        Self {
            money: self.money.saturating_sub(other.money),
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            money: self.money.saturating_add(other.money),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
}

/// One budget of one owner.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limit: Limit,
    pub(crate) window: Window,
    /// Shared with the same budget under another config.
    state: Arc<Mutex<State>>,
}

/// How a budget stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) spent: u64,
    /// What is kept for calls under way.
    pub(crate) reserved: u64,
    /// How long until it begins anew; `None` where it never does, or not at once.
    pub(crate) renewed_in: Option<Duration>,
}

#[derive(Debug, Default)]
struct State {
    /// The end of the period of the calendar that is counted, in milliseconds since 1970.
    until: u64,
    spent: u64,
    reserved: u64,
    /// What was spent in each step of a rolling window, and when the step began; oldest first.
    steps: VecDeque<(Instant, u64)>,
    /// The share that was told of last.
    told: u8,
}

impl Budget {
    /// The budget that the config says. `older` are those that its owner had before: what was spent of the same one stays
    /// spent, however much there is of it now.
    pub(crate) fn new(written: &config::Budget, older: &[Arc<Self>]) -> (Self, bool) {
        let limit = match (written.usd, written.tokens) {
            (Some(usd), _) => Limit::Money(usd.0),
            (None, tokens) => Limit::Tokens(tokens.unwrap_or(u64::MAX)),
        };
        let window = Window::of(written);
        let same = older.iter().find(|older| older.window == window && older.limit.is_like(limit));
        let state = same.map(|same| Arc::clone(&same.state));
        let is_new = state.is_none();
        (Self { limit, window, state: state.unwrap_or_default() }, is_new)
    }

    /// How much there is of it, spent or not.
    pub(crate) fn most(&self) -> u64 {
        match self.limit {
            Limit::Money(most) | Limit::Tokens(most) => most,
        }
    }

    /// What is spent of it, and what is kept for calls under way.
    pub(crate) fn standing(&self, now: Moment) -> Standing {
        let state = self.turned(now);
        let renewed_in = match self.window {
            Window::Calendar(_) => Some(Duration::from_millis(state.until.saturating_sub(now.wall_ms))),
            Window::Rolling(_) | Window::Total => None,
        };
        Standing { spent: state.spent, reserved: state.reserved, renewed_in }
    }

    /// Counts what was spent before, as a record of it says: `ago` before now. Nobody is told of a share that was reached
    /// then.
    pub(crate) fn restore(&self, spent: Spent, ago: Duration, now: Moment) {
        let amount = self.of(spent);
        if amount == 0 {
            return;
        }
        let mut state = self.turned(now);
        state.spent = state.spent.saturating_add(amount);
        if let Window::Rolling(_) = self.window {
            let began = now.steady.checked_sub(ago).unwrap_or(now.steady);
            let place = state.steps.partition_point(|(other, _)| *other <= began);
            state.steps.insert(place, (began, amount));
        }
        state.told = self.reached(state.spent);
    }

    /// Keeps `more` for a call that has `held` already; else says why there is no room.
    pub(super) fn hold(&self, more: Spent, held: Spent, now: Moment) -> Result<(), Lack> {
        let (more, held) = (self.of(more), self.of(held));
        let mut state = self.turned(now);
        if state.spent >= self.most() {
            return Err(Lack::Spent(self.wait(&state, now)));
        }
        let others = state.reserved.saturating_sub(held);
        if state.spent.saturating_add(others) >= self.most() {
            return Err(Lack::Kept);
        }
        state.reserved = state.reserved.saturating_add(more);
        Ok(())
    }

    pub(super) fn release(&self, kept: Spent) {
        let amount = self.of(kept);
        let mut state = self.lock();
        state.reserved = state.reserved.saturating_sub(amount);
    }

    /// Counts what was spent in place of what was kept for it; the share that was reached by that, if its owner is to be
    /// told of it.
    pub(super) fn settle(&self, kept: Spent, spent: Spent, now: Moment) -> Option<u8> {
        let (kept, amount) = (self.of(kept), self.of(spent));
        let mut state = self.turned(now);
        state.reserved = state.reserved.saturating_sub(kept);
        if amount == 0 {
            return None;
        }
        state.spent = state.spent.saturating_add(amount);
        if let Window::Rolling(length) = self.window {
            let step = length / STEPS;
            match state.steps.back_mut() {
                Some((began, sum)) if now.steady.saturating_duration_since(*began) < step => *sum += amount,
                _ => state.steps.push_back((now.steady, amount)),
            }
        }
        let reached = self.reached(state.spent);
        let is_news = reached > state.told;
        state.told = reached;
        is_news.then_some(reached)
    }

    /// The largest share to be told of that this much has reached; 0 is none.
    fn reached(&self, spent: u64) -> u8 {
        let is_reached =
            |percent: &&u8| u128::from(spent) * 100 >= u128::from(self.most()) * u128::from(**percent);
        TOLD_AT.iter().rev().find(is_reached).copied().unwrap_or_default()
    }

    fn of(&self, spent: Spent) -> u64 {
        match self.limit {
            Limit::Money(_) => spent.money,
            Limit::Tokens(_) => spent.tokens,
        }
    }

    /// How long until so much of what was spent is forgotten that something is left.
    fn wait(&self, state: &State, now: Moment) -> Option<Duration> {
        match self.window {
            Window::Total => None,
            Window::Calendar(_) => Some(Duration::from_millis(state.until.saturating_sub(now.wall_ms))),
            Window::Rolling(length) => {
                let mut left = state.spent;
                let free = state.steps.iter().find(|(_, sum)| {
                    left = left.saturating_sub(*sum);
                    left < self.most()
                });
                let gone = |began: Instant| {
                    (length + length / STEPS).saturating_sub(now.steady.saturating_duration_since(began))
                };
                Some(free.map_or(length, |(began, _)| gone(*began)))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state in the window that `now` is in. A clock that is set back does not bring an old period back, and does not
    /// put the next one off for longer than a period takes.
    fn turned(&self, now: Moment) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let before = state.spent;
        match self.window {
            Window::Total => {}
            Window::Calendar(per) => {
                if now.wall_ms >= state.until {
                    state.until = period(per, now.wall_ms).1;
                    state.spent = 0;
                } else {
                    state.until = state.until.min(period(per, now.wall_ms).1);
                }
            }
            Window::Rolling(length) => {
                // A step is forgotten when the last of it is out of the window.
                let keep = length + length / STEPS;
                while let Some((began, sum)) = state.steps.front().copied() {
                    if now.steady.saturating_duration_since(began) < keep {
                        break;
                    }
                    state.steps.pop_front();
                    state.spent = state.spent.saturating_sub(sum);
                }
            }
        }
        if state.spent < before {
            state.told = self.reached(state.spent);
        }
        state
    }
}

impl Limit {
    /// Whether both are of the same thing.
    fn is_like(self, other: Self) -> bool {
        matches!((self, other), (Self::Money(_), Self::Money(_)) | (Self::Tokens(_), Self::Tokens(_)))
    }
}
