//! The latest records, in memory for the one reader that follows at the journal's end: it need not read them back.

use std::sync::{Arc, Weak, atomic::AtomicU64};

use super::{Entry, Position};
use crate::CallRecord;

/// More records are not kept: who is that far behind reads them from disk.
const MOST_RECORDS: usize = 8_192;
/// Nor those of more bytes of lines.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Whose the records are: what a reader holds, and nobody else.
pub(crate) type Owner = Arc<AtomicU64>;

/// All records of the lines from `start` up to the journal's end, without their bodies.
#[derive(Default)]
pub(crate) struct Fresh {
    /// `None` while nobody reads them.
    owner: Option<Weak<AtomicU64>>,
    start: Position,
    entries: Vec<Entry>,
    /// Of their lines.
    bytes: usize,
}

impl Fresh {
    /// Keeps for `owner` what comes after `end`; not if they are somebody else's.
    pub(crate) fn is_for(&mut self, owner: &Owner, end: Position) {
        if self.owner.as_ref().is_none_or(|owner| owner.strong_count() == 0) {
            self.owner = Some(Arc::downgrade(owner));
            self.restart(end);
        }
    }

    /// Keeps the record of the line that goes from `position` to `end`, or hands it back.
    pub(crate) fn push(
        &mut self,
        mut record: CallRecord,
        position: Position,
        end: Position,
    ) -> Option<CallRecord> {
        let Some(owner) = &self.owner else { return Some(record) };
        let length = usize::try_from(end.offset.saturating_sub(position.offset)).unwrap_or(usize::MAX);
        if self.entries.len() >= MOST_RECORDS || length > MOST_BYTES - self.bytes {
            if owner.strong_count() == 0 {
                self.owner = None;
            }
            self.restart(end);
            return Some(record);
        }
        self.bytes += length;
        let bodies = record.bodies.as_mut().map(std::mem::take);
        self.entries.push(Entry { position, record });
        // Whoever asked for this frees the bodies, without the lock.
        bodies.map(|bodies| CallRecord { bodies: Some(bodies), ..CallRecord::default() })
    }

    /// Something is before `end` that was not pushed.
    pub(crate) fn restart(&mut self, end: Position) {
        self.start = end;
        self.entries.clear();
        self.bytes = 0;
    }

    /// The records from `position` up to `end`, which is the journal's; `None` where they must be read from disk.
    pub(crate) fn take(&mut self, owner: &Owner, position: Position, end: Position) -> Option<Vec<Entry>> {
        let is_owner =
            self.owner.as_ref().is_some_and(|weak| std::ptr::eq(weak.as_ptr(), Arc::as_ptr(owner)));
        if !is_owner || position < self.start {
            return None;
        }
        let room = Vec::with_capacity(self.entries.len());
        let mut entries = std::mem::replace(&mut self.entries, room);
        if position > self.start {
            entries.retain(|entry| entry.position >= position);
        }
        self.restart(end);
        Some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bodies;

    fn at(offset: u64) -> Position {
        Position { segment: 1, offset }
    }

    fn record(id: u64) -> CallRecord {
        CallRecord { id: id.to_string(), bodies: Some(Bodies::default()), ..CallRecord::default() }
    }

    /// With a record of ten bytes at each of the places.
    fn fresh(owner: &Owner, places: impl IntoIterator<Item = u64>) -> Fresh {
        let mut fresh = Fresh::default();
        fresh.is_for(owner, at(10));
        for place in places {
            fresh.push(record(place), at(place), at(place + 10));
        }
        fresh
    }

    #[track_caller]
    fn check(taken: Option<Vec<Entry>>, places: Option<&[u64]>) {
        let taken: Option<Vec<u64>> =
            taken.map(|entries| entries.iter().map(|entry| entry.position.offset).collect());
        assert_eq!(taken.as_deref(), places);
    }

    #[test]
    fn each_record_is_taken_once_by_its_owner() {
        let (owner, other) = (Owner::default(), Owner::default());
        let mut fresh = fresh(&owner, [10, 30]);
        fresh.is_for(&other, at(40));
        check(fresh.take(&other, at(10), at(40)), None);
        check(fresh.take(&owner, at(0), at(40)), None);
        check(fresh.take(&owner, at(20), at(40)), Some(&[30]));
        check(fresh.take(&owner, at(40), at(40)), Some(&[]));
        fresh.push(record(40), at(40), at(50));
        check(fresh.take(&owner, at(40), at(60)), Some(&[40]));
    }

    #[test]
    fn what_does_not_fit_is_read_from_disk() {
        let owner = Owner::default();
        let most = MOST_RECORDS as u64;
        let mut fresh = fresh(&owner, (1..=most + 1).map(|place| place * 10));
        check(fresh.take(&owner, at(10), at(most * 10 + 20)), None);
        check(fresh.take(&owner, at(most * 10 + 20), at(most * 10 + 20)), Some(&[]));
        let long = at(most * 10 + 20 + MOST_BYTES as u64 + 1);
        assert!(fresh.push(record(1), at(most * 10 + 20), long).is_some());
        check(fresh.take(&owner, at(most * 10 + 20), long), None);
    }

    #[test]
    fn nothing_is_kept_for_one_that_is_gone() {
        let owner = Owner::default();
        let mut fresh = fresh(&owner, []);
        drop(owner);
        for place in 1..=MOST_RECORDS as u64 + 2 {
            fresh.push(record(place), at(place * 10), at(place * 10 + 10));
        }
        assert!(fresh.entries.is_empty() && fresh.owner.is_none());
    }
}
