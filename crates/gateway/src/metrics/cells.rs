//! What is counted in: cells that any task may add to, without a lock and without an allocation.
//!
//! Every call adds to some thirty of them when it is settled, at a few nanoseconds each. They are not split by thread: even
//! at hundreds of thousands of calls a second no cell is written to often enough for its cache line to matter.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        if more > 0 {
            self.0.fetch_add(more, Ordering::Relaxed);
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often values fell into which bucket, and their sum. The bounds are whole numbers of the unit that values come in.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last is for what exceeds them all.
    counts: Box<[Counter]>,
    sum: Counter,
}

impl Histogram {
    /// `bounds` grow; a value that equals one is below it.
    pub(crate) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| Counter::default()).collect();
        Self { bounds, counts, sum: Counter::default() }
    }

    pub(crate) fn record(&self, value: u64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].add(1);
        self.sum.add(value);
    }

    /// What is in it now.
    pub(crate) fn read(&self) -> Buckets {
        Buckets {
            bounds: self.bounds,
            counts: self.counts.iter().map(Counter::now).collect(),
            sum: self.sum.now(),
        }
    }
}

/// What was in a histogram at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) bounds: &'static [u64],
    /// How many values fell between each bound and the one before; the last are those beyond all bounds.
    pub(crate) counts: Vec<u64>,
    pub(crate) sum: u64,
}

impl Buckets {
    /// Nothing, with those bounds.
    pub(crate) fn none(bounds: &'static [u64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0 }
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds what is in `other`, whose bounds are the same.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }
}

/// How many words one [`Words`] tells apart: more than there are kinds of faults.
const WORDS: usize = 48;
/// The word for all that find no place any more.
const OTHER: &str = "other";

/// One cell for each of a few words of the program's own, made when the word is first met.
#[derive(Debug)]
pub(crate) struct Words<T> {
    places: [OnceLock<(&'static str, T)>; WORDS],
    rest: OnceLock<T>,
}

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self { places: [const { OnceLock::new() }; WORDS], rest: OnceLock::new() }
    }
}

impl<T> Words<T> {
    /// The cell of `word`.
    pub(crate) fn of(&self, word: &'static str, make: impl Fn() -> T) -> &T {
        let cells = self.places.iter().map(|place| place.get_or_init(|| (word, make())));
        let found = cells.into_iter().find(|(taken, _)| *taken == word);
        found.map_or_else(|| self.rest.get_or_init(&make), |(_, cell)| cell)
    }

    /// Every word that was met, in the order of their first meeting.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &T)> {
        let places = self.places.iter().filter_map(OnceLock::get).map(|(word, cell)| (*word, cell));
        places.chain(self.rest.get().map(|cell| (OTHER, cell)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.record(value);
        }
        let read = histogram.read();
        assert_eq!((read.counts.as_slice(), read.sum, read.count()), (&[2, 2, 2][..], 1062, 6));
        let mut sum = Buckets::none(read.bounds);
        sum.add(&read);
        sum.add(&read);
        assert_eq!((sum.counts.as_slice(), sum.sum), (&[4, 4, 4][..], 2124));
    }

    #[test]
    fn words_have_a_cell_each_and_find_an_end() {
        let words = Words::<Counter>::default();
        let many: Vec<&'static str> =
            (0..WORDS * 2).map(|number| &*Box::leak(number.to_string().into_boxed_str())).collect();
        for _ in 0..2 {
            for word in &many {
                words.of(word, Counter::default).add(1);
            }
        }
        let all: Vec<_> = words.all().map(|(word, cell)| (word, cell.now())).collect();
        assert_eq!(all.len(), WORDS + 1);
        assert_eq!((all[0], all[WORDS - 1]), (("0", 2), ("47", 2)));
        assert_eq!(all[WORDS], ("other", 2 * WORDS as u64));
    }
}
