//! A bounded memory: what was used least recently makes room, and nothing stays long unused.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    /// As the caller counts them; keys and book-keeping are added.
    pub(crate) bytes: usize,
    /// Since the last use.
    pub(crate) age: Duration,
}

/// One entry may take this part of all bytes: one client's giant does not empty the memory of the others.
const LARGEST_PART: usize = 8;
/// What an entry costs beside its key and its value.
const OVERHEAD: usize = 128;

/// The key of what `owner` calls `name`. The length keeps `a` with the name `b:c` apart from `a:b` with the name `c`.
pub(crate) fn key(owner: &str, name: &str) -> String {
    format!("{}:{owner}:{name}", owner.len())
}

/// Values by key. One lock: it is held for a look-up or two in a call that translates whole conversations.
#[derive(Debug)]
pub(crate) struct Keep<V> {
    bounds: Bounds,
    shelf: Mutex<Shelf<V>>,
}

#[derive(Debug)]
struct Shelf<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// Every use in its order; of the uses of one key only the latest counts.
    uses: VecDeque<(Arc<str>, u64)>,
    bytes: usize,
    last_use: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    used: u64,
    at: Instant,
}

impl<V: Clone> Keep<V> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        let shelf = Shelf { entries: HashMap::new(), uses: VecDeque::new(), bytes: 0, last_use: 0 };
        Self { bounds, shelf: Mutex::new(shelf) }
    }

    /// Remembers `value`, whose size is `bytes`; false if it is too large to be remembered.
    pub(crate) fn put(&self, key: &str, value: V, bytes: usize, now: Instant) -> bool {
        let bytes = bytes.saturating_add(key.len() + OVERHEAD);
        if bytes > self.bounds.bytes / LARGEST_PART {
            return false;
        }
        let mut shelf = self.shelf();
        shelf.remove(key);
        let key: Arc<str> = key.into();
        shelf.bytes += bytes;
        shelf.entries.insert(Arc::clone(&key), Entry { value, bytes, used: 0, at: now });
        shelf.touch(&key, now);
        shelf.shrink(&self.bounds, now);
        true
    }

    /// What is remembered under `key`, which is used by that.
    pub(crate) fn get(&self, key: &str, now: Instant) -> Option<V> {
        let mut shelf = self.shelf();
        shelf.shrink(&self.bounds, now);
        let (key, entry) = shelf.entries.get_key_value(key)?;
        let (key, value) = (Arc::clone(key), entry.value.clone());
        shelf.touch(&key, now);
        Some(value)
    }

    /// Forgets `key`; false if it was not known.
    pub(crate) fn remove(&self, key: &str) -> bool {
        self.shelf().remove(key)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<V>> {
        // Nothing in here is left half done by a panic.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Shelf<V> {
    fn touch(&mut self, key: &Arc<str>, now: Instant) {
        self.last_use += 1;
        let Some(entry) = self.entries.get_mut(key) else { return };
        (entry.used, entry.at) = (self.last_use, now);
        self.uses.push_back((Arc::clone(key), self.last_use));
        if self.uses.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.uses.retain(|(key, used)| entries.get(key).is_some_and(|entry| entry.used == *used));
        }
    }

    fn remove(&mut self, key: &str) -> bool {
        let removed = self.entries.remove(key);
        self.bytes -= removed.as_ref().map_or(0, |entry| entry.bytes);
        removed.is_some()
    }

    /// Lets go of what is over the bounds or too old, the least recently used first.
    fn shrink(&mut self, bounds: &Bounds, now: Instant) {
        while let Some((key, used)) = self.uses.front() {
            if let Some(entry) = self.entries.get(key).filter(|entry| entry.used == *used) {
                let is_over = self.entries.len() > bounds.entries || self.bytes > bounds.bytes;
                if !is_over && now.saturating_duration_since(entry.at) < bounds.age {
                    return;
                }
                let key = Arc::clone(key);
                self.remove(&key);
            }
            self.uses.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const BOUNDS: Bounds = Bounds { entries: 3, bytes: 64 << 10, age: Duration::from_secs(60) };

    #[track_caller]
    fn check(keep: &Keep<u32>, now: Instant, expect: &[(&str, Option<u32>)]) {
        for (key, value) in expect {
            assert_eq!(keep.get(key, now), *value, "{key}");
        }
    }

    #[test]
    fn owners_do_not_meet() {
        assert_ne!(key("a", "b:c"), key("a:b", "c"));
        assert_ne!(key("", "1:a"), key("1", "a"));
    }

    #[test]
    fn the_least_recently_used_makes_room() {
        let (keep, now) = (Keep::new(BOUNDS), clock::now());
        (0..3).for_each(|n| assert!(keep.put(&n.to_string(), n, 1, now)));
        check(&keep, now, &[("0", Some(0))]);
        keep.put("3", 3, 1, now);
        check(&keep, now, &[("0", Some(0)), ("1", None), ("2", Some(2)), ("3", Some(3))]);
    }

    #[test]
    fn bytes_are_bounded_and_counted_back() {
        let (keep, now) = (Keep::new(Bounds { entries: 1000, ..BOUNDS }), clock::now());
        assert!(!keep.put("giant", 0, 9 << 10, now));
        (0..100).for_each(|n| assert!(keep.put(&n.to_string(), n, 7 << 10, now)));
        check(&keep, now, &[("90", None), ("99", Some(99))]);
        assert!(keep.shelf().bytes <= BOUNDS.bytes);
        (0..100).for_each(|n| assert_eq!(keep.remove(&n.to_string()), n > 91));
        assert_eq!(keep.shelf().bytes, 0);
    }

    #[test]
    fn what_is_not_used_grows_old() {
        let (keep, start) = (Keep::new(BOUNDS), clock::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        keep.put("used", 1, 1, at(0));
        keep.put("unused", 2, 1, at(0));
        check(&keep, at(59), &[("used", Some(1))]);
        check(&keep, at(61), &[("used", Some(1)), ("unused", None)]);
        check(&keep, at(121), &[("used", None)]);
        assert_eq!(keep.shelf().uses.len(), 0);
    }

    #[test]
    fn uses_do_not_pile_up() {
        let (keep, now) = (Keep::new(BOUNDS), clock::now());
        keep.put("a", 1, 1, now);
        (0..10_000).for_each(|_| assert!(keep.get("a", now).is_some()));
        assert!(keep.shelf().uses.len() < 100);
        keep.put("a", 2, 1, now);
        check(&keep, now, &[("a", Some(2))]);
    }
}
