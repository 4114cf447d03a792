//! Who has shown wrong keys lately: after many of them an address has to wait before its next one is looked at.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Most addresses that are remembered. Further ones are not held up: nobody can make room by being many.
const MOST: usize = 4096;
/// How often room is looked for where there is none.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// Which addresses have shown which right keys: a table of marks, in which new ones take the places of old ones.
const MARKS: usize = 1024;
/// Wrong keys of one address that are known again.
const RECENT: usize = 8;
/// The first wait, which doubles from time to time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How much is borne.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// What wrong keys weigh together before their address waits.
    most: u32,
    /// What a wrong key weighs.
    wrong: u32,
    /// What one weighs that was shown before: a client that keeps asking with the same one guesses nothing.
    again: u32,
    /// After how long without a wrong key all of them are forgotten.
    forgets: Duration,
}

impl Patience {
    /// With clients: many of them may share an address.
    pub(crate) const CLIENTS: Self =
        Self { most: 1000, wrong: 10, again: 1, forgets: Duration::from_secs(60) };
    /// With operators, of whom there are few: a wrong key counts each time, whether it is another one or the same again.
    pub(crate) const OPERATORS: Self =
        Self { most: 20, wrong: 4, again: 4, forgets: Duration::from_secs(600) };
}

/// Whom a try is put down to: an address, or the network of an IPv6 host, whose addresses cost nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Knocker(IpAddr);

impl From<IpAddr> for Knocker {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            short => short,
        })
    }
}

/// All tries.
pub(crate) struct Knocks {
    patience: Patience,
    /// Whether anybody may have to wait: else nothing is looked up.
    is_anybody_waiting: AtomicBool,
    known: Mutex<Known>,
    marks: Vec<AtomicU64>,
    random: RandomState,
}

#[derive(Default)]
struct Known {
    tries: HashMap<Knocker, Tries>,
    tidied: Option<Instant>,
}

struct Tries {
    /// What its wrong keys weigh, less what was forgotten by `at`.
    weight: f64,
    at: Instant,
    /// How often it had to wait.
    waits: u32,
    until: Option<Instant>,
    recent: [u64; RECENT],
    next: usize,
}

impl Knocks {
    pub(crate) fn new(patience: Patience) -> Self {
        Self {
            patience,
            is_anybody_waiting: false.into(),
            known: Mutex::default(),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
            random: RandomState::new(),
        }
    }

    /// How long `from` has to wait before it may try again; `None` if it may.
    pub(crate) fn wait(&self, from: Option<Knocker>, now: Instant) -> Option<Duration> {
        if !self.is_anybody_waiting.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known();
        let until = known.tries.get(&from?)?.until?;
        Some(until.saturating_duration_since(now)).filter(|wait| !wait.is_zero())
    }

    /// Notes that `from` has shown a right key. `key` tells it from others.
    pub(crate) fn right(&self, from: Option<Knocker>, key: u64) {
        if let Some(from) = from {
            let (place, mark) = self.mark(from, key);
            if place.load(Ordering::Relaxed) != mark {
                place.store(mark, Ordering::Relaxed);
            }
        }
    }

    /// Whether `from` has shown that right key before, as far as is remembered: it need not wait for what others behind
    /// the same address do.
    pub(crate) fn is_known(&self, from: Option<Knocker>, key: u64) -> bool {
        from.is_some_and(|from| {
            let (place, mark) = self.mark(from, key);
            place.load(Ordering::Relaxed) == mark
        })
    }

    /// Notes that `from` has shown a wrong key.
    pub(crate) fn wrong(&self, from: Option<Knocker>, key: &[u8], now: Instant) {
        let Some(from) = from else { return };
        let print = self.random.hash_one(key);
        let mut known = self.known();
        if !known.tries.contains_key(&from) && !known.has_room(self.patience.forgets, now) {
            return;
        }
        let tries = known.tries.entry(from).or_insert_with(|| Tries::new(now));
        if tries.note(self.patience, print, now) {
            self.is_anybody_waiting.store(true, Ordering::Relaxed);
        }
    }

    fn mark(&self, from: Knocker, key: u64) -> (&AtomicU64, u64) {
        // Nought is no mark.
        let mark = self.random.hash_one((from, key)) | 1;
        (&self.marks[(mark >> 32) as usize % MARKS], mark)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether one more can be remembered.
    fn has_room(&mut self, forgets: Duration, now: Instant) -> bool {
        if self.tries.len() < MOST {
            return true;
        }
        if self.tidied.is_none_or(|tidied| now.saturating_duration_since(tidied) >= TIDY_EVERY) {
            self.tidied = Some(now);
            self.tries.retain(|_, tries| now.saturating_duration_since(tries.at) < forgets);
        }
        self.tries.len() < MOST
    }
}

impl Tries {
    fn new(now: Instant) -> Self {
        Self { weight: 0.0, at: now, waits: 0, until: None, recent: [0; RECENT], next: 0 }
    }

    /// Notes a wrong key, and says whether there is a wait now.
    fn note(&mut self, patience: Patience, print: u64, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / patience.forgets.as_secs_f64();
        let most = f64::from(patience.most);
        self.weight = (self.weight - passed * most).max(0.0);
        self.at = now;
        if self.weight == 0.0 {
            (self.waits, self.recent) = (0, [0; RECENT]);
        }
        let is_again = self.recent.contains(&print);
        if !is_again {
            self.recent[self.next] = print;
            self.next = (self.next + 1) % RECENT;
        }
        self.weight += f64::from(if is_again { patience.again } else { patience.wrong });
        // What was forgotten since the first of them makes no difference to the last.
        if self.weight < most - f64::from(patience.wrong) / 2.0 {
            return false;
        }
        // What is over does not prolong the wait.
        self.weight = most;
        let wait = FIRST_WAIT.saturating_mul(1 << self.waits.min(6)).min(LONGEST_WAIT);
        self.waits += 1;
        self.until = now.checked_add(wait);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Option<Knocker> {
        Some(address.parse::<IpAddr>().unwrap().into())
    }

    fn secs(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    /// Shows wrong keys until there is a wait; returns how many.
    fn until_wait(
        knocks: &Knocks,
        from: Option<Knocker>,
        now: Instant,
        key: impl Fn(usize) -> String,
    ) -> usize {
        (1..5000)
            .find(|count| {
                knocks.wrong(from, key(*count).as_bytes(), now);
                knocks.wait(from, now).is_some()
            })
            .unwrap()
    }

    #[test]
    fn many_wrong_keys_make_an_address_wait_and_no_other() {
        let knocks = Knocks::new(Patience::CLIENTS);
        let now = crate::clock::now();
        let (bad, good) = (at("10.0.0.1"), at("10.0.0.2"));
        assert_eq!(until_wait(&knocks, bad, now, |count| format!("guess-{count}")), 100);
        assert_eq!(knocks.wait(bad, now), Some(secs(1)));
        assert_eq!(knocks.wait(good, now), None);
        assert_eq!(knocks.wait(bad, now + secs(1)), None, "and then it may try again");
        // One that only repeats itself is borne with for longer.
        let stubborn = at("10.0.0.3");
        assert!(until_wait(&knocks, stubborn, now, |_| "the-same".to_owned()) > 900);
    }

    #[test]
    fn each_wait_is_longer_than_the_one_before_up_to_a_minute_and_is_forgotten() {
        let knocks = Knocks::new(Patience::OPERATORS);
        let mut now = crate::clock::now();
        let from = at("10.0.0.1");
        assert_eq!(until_wait(&knocks, from, now, |count| format!("guess-{count}")), 5);
        for expect in [1, 2, 4, 8, 16, 32, 60, 60] {
            let wait = knocks.wait(from, now).unwrap();
            assert_eq!(wait, secs(expect));
            now += wait;
            assert_eq!(knocks.wait(from, now), None);
            knocks.wrong(from, b"another", now);
        }
        now += secs(660);
        assert_eq!(until_wait(&knocks, from, now, |count| format!("guess-{count}")), 5);
        assert_eq!(knocks.wait(from, now), Some(secs(1)));
        let stubborn = at("10.0.0.2");
        assert_eq!(
            until_wait(&knocks, stubborn, now, |_| "the-same".to_owned()),
            5,
            "the same key again counts too"
        );
    }

    #[test]
    fn who_has_shown_a_right_key_is_known_by_it_there() {
        let knocks = Knocks::new(Patience::CLIENTS);
        knocks.right(at("10.0.0.1"), 7);
        assert!(knocks.is_known(at("10.0.0.1"), 7));
        assert!(!knocks.is_known(at("10.0.0.1"), 8) && !knocks.is_known(at("10.0.0.2"), 7));
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let knocks = Knocks::new(Patience::CLIENTS);
        let now = crate::clock::now();
        for number in 0..10_000u32 {
            knocks.wrong(Some(IpAddr::from(number.to_be_bytes()).into()), b"wrong", now);
        }
        assert_eq!(knocks.known().tries.len(), MOST);
        knocks.wrong(at("99.0.0.1"), b"wrong", now + secs(61));
        assert_eq!(knocks.known().tries.len(), 1, "what is forgotten makes room");
        knocks.wrong(None, b"wrong", now);
    }
}
