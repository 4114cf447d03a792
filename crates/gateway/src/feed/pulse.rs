//! The last minute in figures: counted where a call is settled, put together only when somebody asks.

use std::{
    cell::Cell,
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use lockgate_store::{CallRecord, Ended};

use crate::admin::CallLine;

/// Seconds that are counted.
pub(crate) const SECONDS: usize = 60;
/// Parts, so that threads do not wait for each other.
const PARTS: usize = 4;
/// Calls whose times each part keeps.
const SAMPLES: usize = 1024;
/// Calls that failed that each part keeps.
const ERRORS: usize = 16;
/// Deployments that are counted one by one; clients may name any.
const MOST_DEPLOYMENTS: usize = 1000;

/// What ended in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// In millionths of a dollar.
    pub(crate) cost: u64,
}

/// The times of one call, in microseconds.
#[derive(Clone)]
struct Sample {
    second: u64,
    deployment: Option<Arc<str>>,
    took: u64,
    first_token: Option<u64>,
    overhead: u64,
}

/// The counts of the last minute, each at its second's place.
#[derive(Clone)]
struct Ring([(u64, Counts); SECONDS]);

#[derive(Default)]
struct Part {
    all: Ring,
    deployments: HashMap<Arc<str>, Box<Ring>>,
    samples: VecDeque<Sample>,
    errors: VecDeque<Arc<CallLine>>,
}

/// The figures of the last minute.
pub(crate) struct Pulse {
    start: Instant,
    parts: [Mutex<Part>; PARTS],
}

/// What they are at one moment.
#[derive(Default)]
pub(crate) struct Reading {
    /// How many seconds are counted, the one that runs among them.
    pub(crate) seconds: u64,
    /// Second by second, the latest last.
    pub(crate) each: Vec<Counts>,
    /// All calls.
    pub(crate) all: Figures,
    /// The calls of each deployment that was asked.
    pub(crate) deployments: HashMap<Arc<str>, Figures>,
    /// The latest that failed, newest first.
    pub(crate) errors: Vec<Arc<CallLine>>,
}

/// Sums, and times in microseconds in no order.
#[derive(Default)]
pub(crate) struct Figures {
    pub(crate) counts: Counts,
    pub(crate) took: Vec<u64>,
    pub(crate) first_token: Vec<u64>,
    pub(crate) overhead: Vec<u64>,
}

impl Pulse {
    pub(super) fn new(start: Instant) -> Self {
        Self { start, parts: Default::default() }
    }

    /// Counts a call that is settled at `now`; `error` is one that failed.
    pub(super) fn beat(&self, record: &CallRecord, error: Option<Arc<CallLine>>, now: Instant) {
        let second = self.second(now);
        let usage = record.usage.unwrap_or_default();
        let counts = Counts {
            requests: 1,
            errors: u64::from(record.ended != Ended::Answered),
            input: usage.input.saturating_add(usage.cache_read).saturating_add(usage.cache_write),
            output: usage.output,
            cost: record.cost.unwrap_or(0),
        };
        let deployment =
            record.deployment.as_ref().or_else(|| record.attempts.last().map(|last| &last.deployment));
        let sample = Sample {
            second,
            deployment: deployment.map(Arc::clone),
            took: record.micros,
            first_token: record.first_token_micros,
            overhead: record.overhead_micros,
        };
        self.parts[part()].lock().unwrap_or_else(PoisonError::into_inner).beat(counts, sample, error);
    }

    /// What the figures are at `now`.
    pub(crate) fn read(&self, now: Instant) -> Reading {
        let second = self.second(now);
        let is_in = |counted: u64| counted <= second && second - counted < SECONDS as u64;
        let seconds = SECONDS.min(usize::try_from(second).unwrap_or(SECONDS) + 1);
        let mut reading =
            Reading { seconds: seconds as u64, each: vec![Counts::default(); seconds], ..Reading::default() };
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            for (counted, counts) in part.all.0.iter().filter(|(counted, _)| is_in(*counted)) {
                let ago = usize::try_from(second - counted).unwrap_or(SECONDS);
                if let Some(each) = seconds.checked_sub(1 + ago).and_then(|at| reading.each.get_mut(at)) {
                    each.add(*counts);
                }
                reading.all.counts.add(*counts);
            }
            for (name, ring) in &part.deployments {
                for (_, counts) in ring.0.iter().filter(|(at, counts)| is_in(*at) && counts.requests > 0) {
                    reading.deployments.entry(Arc::clone(name)).or_default().counts.add(*counts);
                }
            }
            for sample in part.samples.iter().filter(|sample| is_in(sample.second)) {
                reading.all.note(sample);
                if let Some(figures) =
                    sample.deployment.as_ref().and_then(|name| reading.deployments.get_mut(name))
                {
                    figures.note(sample);
                }
            }
            reading.errors.extend(part.errors.iter().cloned());
        }
        reading.errors.sort_by(|a, b| ended_ms(b).total_cmp(&ended_ms(a)));
        reading.errors.truncate(ERRORS);
        reading
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs()
    }
}

impl Part {
    fn beat(&mut self, counts: Counts, sample: Sample, error: Option<Arc<CallLine>>) {
        let second = sample.second;
        self.all.add(second, counts);
        if let Some(name) = &sample.deployment {
            if let Some(ring) = self.deployments.get_mut(name) {
                ring.add(second, counts);
            } else if self.has_room(second) {
                let mut ring = Box::new(Ring::default());
                ring.add(second, counts);
                self.deployments.insert(Arc::clone(name), ring);
            }
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        if let Some(error) = error {
            if self.errors.len() == ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(error);
        }
    }

    /// Whether one more deployment can be counted: those that nobody asked for a minute make way.
    fn has_room(&mut self, second: u64) -> bool {
        if self.deployments.len() >= MOST_DEPLOYMENTS {
            self.deployments.retain(|_, ring| ring.0.iter().any(|(at, _)| at + SECONDS as u64 > second));
        }
        self.deployments.len() < MOST_DEPLOYMENTS
    }
}

impl Ring {
    fn add(&mut self, second: u64, counts: Counts) {
        let place = &mut self.0[usize::try_from(second % SECONDS as u64).unwrap_or(0)];
        if place.0 != second {
            *place = (second, Counts::default());
        }
        place.1.add(counts);
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self([(0, Counts::default()); SECONDS])
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cost = self.cost.saturating_add(other.cost);
    }
}

impl Figures {
    fn note(&mut self, sample: &Sample) {
        self.took.push(sample.took);
        self.first_token.extend(sample.first_token);
        self.overhead.push(sample.overhead);
    }
}

fn ended_ms(call: &CallLine) -> f64 {
    call.started_ms as f64 + call.took_ms
}

/// The part of this thread.
fn part() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static PART: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed) % PARTS);
    }
    PART.with(Cell::get)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lockgate_store::Tokens;

    use super::*;
    use crate::clock;

    fn call(deployment: &str, took: u64, ended: Ended) -> CallRecord {
        CallRecord {
            micros: took,
            deployment: Some(deployment.into()),
            usage: Some(Tokens { input: 3, cache_read: 4, output: 5, ..Tokens::default() }),
            cost: Some(7),
            ended,
            ..CallRecord::default()
        }
    }

    #[test]
    fn the_last_minute_is_counted_and_no_more() {
        let start = clock::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let pulse = Pulse::new(start);
        assert_eq!(pulse.read(start).seconds, 1);
        // Several threads have several parts.
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| pulse.beat(&call("a", 100, Ended::Answered), None, at(10)));
            }
        });
        pulse.beat(&call("b", 900, Ended::Broken), Some(Arc::default()), at(12));
        let reading = pulse.read(at(12));
        assert_eq!((reading.seconds, reading.each.len()), (13, 13));
        assert_eq!((reading.each[10].requests, reading.each[12].errors), (3, 1));
        let all = Counts { requests: 4, errors: 1, input: 28, output: 20, cost: 28 };
        assert_eq!(reading.all.counts, all);
        assert_eq!(reading.deployments["a"].counts.requests, 3);
        assert_eq!((&*reading.deployments["b"].took, reading.errors.len()), (&[900][..], 1));

        let later = pulse.read(at(71));
        assert_eq!((later.seconds, later.all.counts.requests), (60, 1));
        assert_eq!((later.each[0].requests, later.each[59].requests), (1, 0));
        assert!(!later.deployments.contains_key("a"));
        assert_eq!(pulse.read(at(72)).all.counts, Counts::default());
        // A place that is counted anew forgets what was there.
        pulse.beat(&call("a", 100, Ended::Answered), None, at(130));
        assert_eq!(pulse.read(at(130)).all.counts.requests, 1);
    }

    #[test]
    fn nothing_grows_with_what_clients_name() {
        let start = clock::now();
        let pulse = Pulse::new(start);
        for number in 0..3 * MOST_DEPLOYMENTS {
            pulse.beat(&call(&format!("any/{number}"), 1, Ended::Refused), Some(Arc::default()), start);
        }
        let reading = pulse.read(start);
        assert_eq!(reading.all.counts.requests, 3 * MOST_DEPLOYMENTS as u64);
        assert_eq!(reading.deployments.len(), MOST_DEPLOYMENTS);
        assert_eq!((reading.all.took.len(), reading.errors.len()), (SAMPLES, ERRORS));
        // After a minute others have their place.
        let later = start + Duration::from_secs(61);
        pulse.beat(&call("new", 1, Ended::Answered), None, later);
        assert_eq!(pulse.read(later).deployments["new"].counts.requests, 1);
    }
}
