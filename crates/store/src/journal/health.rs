//! How the journal is, for an operator's eyes.

use std::sync::{
    PoisonError,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use super::{Position, folder, segments::Shared};
use crate::clock;

/// The state of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What the system said when it took no record; absent while it takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// For how long it has taken none, in seconds.
    pub stuck_seconds: u64,
    /// Records in memory that the disk has not taken.
    pub waiting: usize,
    /// The same in bytes.
    pub waiting_bytes: usize,
    /// Records that did not fit into memory while the disk took none.
    pub lost: u64,
    /// Records without their bodies and longest texts, because they were longer than a record may be.
    pub cut: u64,
    /// Segments that were deleted before everything had read them.
    pub deleted_unread: u64,
    /// Times the disk did not confirm what was written.
    pub failed_syncs: u64,
    /// Segments on disk.
    pub segments: usize,
    /// Bytes on disk.
    pub bytes: u64,
    /// The place of the next record.
    pub end: Position,
}

impl Health {
    pub(crate) fn of(shared: &Shared) -> Self {
        let (standing, end) = {
            let writer = shared.writer();
            (writer.standing(), writer.end())
        };
        let found = folder::segments(&shared.folder).unwrap_or_default();
        let (counters, trouble) = (&shared.counters, standing.trouble);
        Self {
            stuck_seconds: trouble.as_ref().map_or(0, |trouble| (clock::now() - trouble.since).as_secs()),
            error: trouble.map(|trouble| trouble.error),
            waiting: standing.waiting,
            waiting_bytes: standing.waiting_bytes,
            lost: standing.lost + counters.refused.load(Ordering::Relaxed),
            cut: counters.cut.load(Ordering::Relaxed),
            deleted_unread: counters.deleted_unread.load(Ordering::Relaxed),
            failed_syncs: counters.failed_syncs.load(Ordering::Relaxed),
            segments: found.len(),
            bytes: found.iter().map(|segment| segment.bytes).sum(),
            end,
        }
    }
}

/// What is counted since the journal was opened.
#[derive(Default)]
pub(crate) struct Counters {
    cut: AtomicU64,
    refused: AtomicU64,
    deleted_unread: AtomicU64,
    failed_syncs: AtomicU64,
}

impl Counters {
    pub(crate) fn cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn delete_unread(&self, segments: u64) {
        self.deleted_unread.fetch_add(segments, Ordering::Relaxed);
    }

    pub(crate) fn fail_sync(&self) {
        self.failed_syncs.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// The oldest segment that some reader still needs; `u64::MAX` if there is no reader.
    pub(crate) fn needed(&self) -> u64 {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.retain(|hold| hold.strong_count() > 0);
        holds
            .iter()
            .filter_map(std::sync::Weak::upgrade)
            .map(|hold| hold.load(Ordering::SeqCst))
            .min()
            .unwrap_or(u64::MAX)
    }
}
