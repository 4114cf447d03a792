//! What came of a load: answers counted, times put in order.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Errors that are remembered of one connection; after so many it gives up, so that a server that is down is not hammered.
pub(crate) const MOST_ERRORS: usize = 10;

/// What one connection saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    latencies: Vec<Duration>,
    first_bytes: Vec<Duration>,
    late: Vec<Duration>,
    refusals: BTreeMap<u16, Vec<Duration>>,
    events: usize,
    errors: Vec<String>,
}

/// What one run showed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Answers that were right.
    pub(crate) requests: usize,
    /// Events in them.
    pub(crate) events: usize,
    /// Answers that were not right, or did not come.
    pub(crate) errors: usize,
    /// The first of these.
    pub(crate) first_error: Option<String>,
    /// How long the run took.
    pub(crate) seconds: f64,
    /// The times of the right answers, to the last byte.
    pub(crate) whole: Quantiles,
    /// The same to the first byte of the body.
    pub(crate) first_byte: Quantiles,
    /// Refusals by status, where they are counted as answers.
    pub(crate) refusals: BTreeMap<u16, Answers>,
    /// By how much requests were sent later than they were due although their connection was free: the generator's own
    /// lateness.
    pub(crate) late_p99_us: f64,
}

/// Answers of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answers {
    /// How many.
    pub(crate) count: usize,
    /// How long they took.
    pub(crate) times: Quantiles,
}

/// Times in microseconds, of which so many parts in a hundred are shorter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    /// The one in the middle.
    pub(crate) p50_us: f64,
    /// One in a hundred takes longer.
    pub(crate) p99_us: f64,
}

impl Quantiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let time = times.get((times.len() * percent / 100).min(times.len().saturating_sub(1)));
            time.map_or(0.0, |time| time.as_secs_f64() * 1e6)
        };
        Self { p50_us: at(50), p99_us: at(99) }
    }
}

impl Tally {
    /// A right answer.
    pub(crate) fn right(&mut self, whole: Duration, first_byte: Duration, events: usize) {
        self.latencies.push(whole);
        self.first_bytes.push(first_byte);
        self.events += events;
    }

    /// A refusal that counts as an answer.
    pub(crate) fn refused(&mut self, status: u16, whole: Duration) {
        self.refusals.entry(status).or_default().push(whole);
    }

    /// A wrong answer, or none.
    pub(crate) fn wrong(&mut self, why: String) {
        self.errors.push(why);
    }

    /// How much later than it was due a request was sent.
    pub(crate) fn late(&mut self, by: Duration) {
        self.late.push(by);
    }

    /// Whether to go on.
    pub(crate) fn goes_on(&self, most: usize) -> bool {
        self.latencies.len() < most && self.errors.len() < MOST_ERRORS
    }
}

impl Figures {
    /// All connections together.
    pub(crate) fn of(tallies: Vec<Tally>, took: Duration) -> Self {
        let mut all = Tally::default();
        for tally in tallies {
            all.latencies.extend(tally.latencies);
            all.first_bytes.extend(tally.first_bytes);
            all.late.extend(tally.late);
            all.events += tally.events;
            all.errors.extend(tally.errors);
            for (status, times) in tally.refusals {
                all.refusals.entry(status).or_default().extend(times);
            }
        }
        let answers = |times: Vec<Duration>| Answers { count: times.len(), times: Quantiles::of(times) };
        Self {
            requests: all.latencies.len(),
            events: all.events,
            errors: all.errors.len(),
            first_error: all.errors.into_iter().next(),
            seconds: took.as_secs_f64(),
            whole: Quantiles::of(all.latencies),
            first_byte: Quantiles::of(all.first_bytes),
            refusals: all.refusals.into_iter().map(|(status, times)| (status, answers(times))).collect(),
            late_p99_us: Quantiles::of(all.late).p99_us,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all_connections() {
        let mut tallies = [Tally::default(), Tally::default()];
        for microseconds in 1..=200 {
            let time = Duration::from_micros(microseconds);
            tallies[usize::from(microseconds > 100)].right(time, time / 2, 3);
        }
        tallies[0].refused(503, Duration::from_micros(7));
        tallies[1].wrong("status 500".to_owned());
        let figures = Figures::of(tallies.into(), Duration::from_secs(2));
        assert_eq!((figures.requests, figures.events, figures.errors), (200, 600, 1));
        assert_eq!(figures.whole, Quantiles { p50_us: 101.0, p99_us: 199.0 });
        assert_eq!(figures.first_byte.p50_us, 50.5);
        assert_eq!((figures.refusals[&503].count, figures.refusals[&503].times.p99_us), (1, 7.0));
    }
}
