//! What an operator may choose about the journal.

use std::{fmt, sync::Arc, time::Duration};

/// A segment is at most this part of what is kept, so that the oldest can go without going far below the bound.
const SEGMENTS_KEPT: u64 = 32;
/// No segment is longer: offsets in it fit into 32 bits.
const LONGEST_SEGMENT: u64 = 2 * 1024 * 1024 * 1024;

/// How much of the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Segments whose last record is older than this are deleted; `None`: age does not matter.
    pub time: Option<Duration>,
    /// The oldest segments are deleted while there are more bytes than this.
    pub bytes: u64,
}

/// How the journal is kept.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A segment that has reached this many bytes is followed by the next one.
    pub max_segment_bytes: u64,
    /// How much is kept.
    pub keep: Keep,
    /// Records that wait in memory while the disk takes none; more are lost, and counted.
    pub max_waiting: usize,
    /// The same in bytes.
    pub max_waiting_bytes: usize,
    /// The name of this gateway where there are several; it stands in the records of interrupted calls.
    pub node: Option<Arc<str>>,
    /// Who is told when the disk takes no records, and when it does again.
    pub watcher: Watcher,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_segment_bytes: 64 * 1024 * 1024,
            keep: Keep::default(),
            max_waiting: 100_000,
            max_waiting_bytes: 64 * 1024 * 1024,
            node: None,
            watcher: Watcher::default(),
        }
    }
}

impl Default for Keep {
    fn default() -> Self {
        Self { time: Some(Duration::from_secs(30 * 24 * 60 * 60)), bytes: 20 * 1024 * 1024 * 1024 }
    }
}

impl Settings {
    /// The length at which a segment is followed by the next one, where that much is kept.
    pub(crate) fn segment_bytes(&self, keep: Keep) -> u64 {
        self.max_segment_bytes.min(keep.bytes / SEGMENTS_KEPT).clamp(1, LONGEST_SEGMENT)
    }
}

/// What the journal has to say to an operator: each once per trouble, not per record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The disk takes no records; calls go on, their records wait in memory.
    Stuck {
        /// What the system said.
        error: String,
    },
    /// The disk takes records again, and all that waited are written.
    Recovered {
        /// Records that did not fit into memory meanwhile.
        lost: u64,
    },
    /// Segments were deleted before everything that is made of the journal had read them, because of the bound in bytes.
    DeletedUnread {
        /// How many.
        segments: u64,
    },
}

/// Who is told. It is called on the journal's own thread.
#[derive(Clone)]
pub struct Watcher(Arc<dyn Fn(&Event) + Send + Sync>);

impl Watcher {
    /// Calls `tell` with each event.
    pub fn new(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, event: &Event) {
        (self.0)(event);
    }
}

impl Default for Watcher {
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Watcher")
    }
}
