//! The last calls, in memory.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::{CallRecord, Journal};

/// Keeps the latest records, up to a fixed number.
#[derive(Debug)]
pub struct Recent {
    room: usize,
    records: Mutex<VecDeque<CallRecord>>,
}

impl Recent {
    /// Room for `room` records; the oldest makes way.
    pub fn new(room: usize) -> Self {
        Self { room, records: Mutex::default() }
    }

    /// The records kept, oldest first.
    pub fn all(&self) -> Vec<CallRecord> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Journal for Recent {
    fn append(&self, record: CallRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == self.room {
            records.pop_front();
        }
        records.push_back(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> CallRecord {
        CallRecord { id: id.into(), ..CallRecord::default() }
    }

    #[test]
    fn the_oldest_makes_way() {
        let recent = Recent::new(2);
        for id in ["a", "b", "c"] {
            recent.append(record(id));
        }
        assert_eq!(recent.all().iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    }
}
