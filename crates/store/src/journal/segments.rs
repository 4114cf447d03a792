//! The journal on disk: append-only segments, one line per call.

use std::{
    cell::RefCell,
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, atomic::AtomicU64},
    thread::JoinHandle,
};

use foldhash::fast::RandomState;

use super::{
    Keep, OpenError, Position, Reader, Settings,
    bell::Bell,
    durable::{self, Durable, Syncs},
    folder,
    health::{Counters, Health},
    keeper::{self, Keeper},
    line,
    medium::{Disk, Medium},
    reader, repair,
    writer::Writer,
};
use crate::{Begin, CallRecord, Journal};

/// A buffer that has grown beyond this by one record is not kept.
const KEPT_BUFFER: usize = 1024 * 1024;

thread_local! {
    /// Lines are made outside of the lock, in a buffer that is there already.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A journal that this process alone writes. What it has taken with [`Journal::append`] survives the process, however it
/// ends.
pub struct Segments {
    pub(crate) shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// Syncs for those who wait, once somebody shall.
    syncer: Mutex<Option<JoinHandle<()>>>,
}

/// Calls under way by their ids, and each one's place in the order in which they began.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) calls: HashMap<String, (u64, Begin), RandomState>,
    begun: u64,
}

/// What the journal, its thread and its readers have in common.
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) identity: String,
    pub(crate) settings: Settings,
    /// How much is kept, which may change while it runs.
    keep: Mutex<Keep>,
    pub(crate) writer: Mutex<Writer>,
    /// Calls under way whose beginning is not written yet.
    pub(crate) pending: Mutex<Pending>,
    /// Who waits for the disk.
    pub(crate) syncs: Syncs,
    /// Rung when a line was written.
    pub(crate) written: Bell,
    pub(crate) keeper: Keeper,
    /// Up to which segment each reader that matters has read.
    pub(crate) holds: Mutex<Vec<Weak<AtomicU64>>>,
    pub(crate) counters: Counters,
    /// Held for as long as anyone writes or reads through this.
    _lock: File,
}

impl Segments {
    /// Opens the journal in `folder`, which is made where it is missing. A torn last line is cut off, calls that were
    /// interrupted are put on record, and a new segment is begun.
    ///
    /// # Errors
    /// When another process has the journal, or the folder cannot be read or written.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(Disk), folder, settings)
    }

    pub(crate) fn open_on(
        medium: Arc<dyn Medium>,
        folder: &Path,
        settings: Settings,
    ) -> Result<Self, OpenError> {
        let lock = folder::lock(folder)?;
        let shared = prepare(medium, folder, settings, lock)
            .map_err(|error| OpenError::Io { folder: folder.to_owned(), error })?;
        let shared = Arc::new(shared);
        let keeper =
            keeper::start(&shared).map_err(|error| OpenError::Io { folder: folder.to_owned(), error })?;
        Ok(Self { shared, keeper: Mutex::new(Some(keeper)), syncer: Mutex::default() })
    }

    /// What tells this journal from any other.
    pub fn identity(&self) -> &str {
        &self.shared.identity
    }

    /// The place that the next record will have.
    pub fn end(&self) -> Position {
        self.shared.end()
    }

    /// Reads from `position` on, and goes on with what is written later. A position in a segment that is deleted is the
    /// start of the next one.
    pub fn records_from(&self, position: Position) -> Reader {
        Reader::within(&self.shared, position)
    }

    /// The record at `position`; `None` if there is none, or it is deleted.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn record_at(&self, position: Position) -> io::Result<Option<CallRecord>> {
        reader::record_at(&self.shared.folder, position)
    }

    /// Keeps that much from now on.
    pub fn keep(&self, keep: Keep) {
        *self.shared.keep.lock().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    /// Whether [`Journal::durable`] is to be waited for from now on: then a machine that loses its power takes no call along
    /// whose answer was sent.
    ///
    /// # Errors
    /// When no thread can be started for it.
    pub fn await_disk(&self, is_awaited: bool) -> io::Result<()> {
        let mut syncer = self.syncer.lock().unwrap_or_else(PoisonError::into_inner);
        if is_awaited && syncer.is_none() {
            *syncer = Some(durable::start(&self.shared)?);
        }
        self.shared.syncs.set(is_awaited);
        Ok(())
    }

    /// Has the disk keep what was written, and ends the journal's threads. What is appended later is written, but nobody
    /// looks after it any more.
    pub fn close(&self) {
        self.shared.syncs.stop();
        self.shared.keeper.stop();
        for thread in [&self.syncer, &self.keeper] {
            let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread {
                // A thread that panicked has nothing left to say.
                drop(thread.join());
            }
        }
    }

    /// How the journal is.
    pub fn health(&self) -> Health {
        Health::of(&self.shared)
    }
}

fn prepare(medium: Arc<dyn Medium>, folder: &Path, settings: Settings, lock: File) -> io::Result<Shared> {
    folder::sweep(folder)?;
    let identity = folder::identity(folder)?;
    let repaired = repair::repair(folder)?;
    let mut interrupted = Vec::new();
    for begin in repaired.interrupted {
        let record = begin.interrupted(settings.node.clone());
        let mut line = Vec::new();
        if line::write_call(&record, &mut line) {
            interrupted.push((record.id, line));
        }
    }
    let finished = folder::segments(folder)?;
    let writer = Writer::begin(
        medium,
        folder.to_owned(),
        repaired.last,
        &interrupted,
        settings.max_waiting,
        settings.max_waiting_bytes,
    )?;
    // What a start without a call has left. Only now, so that no number is used twice.
    for empty in finished.iter().filter(|segment| segment.bytes == 0) {
        std::fs::remove_file(folder::segment(folder, empty.number))?;
    }
    Ok(Shared {
        folder: folder.to_owned(),
        identity,
        keep: Mutex::new(settings.keep),
        settings,
        writer: Mutex::new(writer),
        pending: Mutex::default(),
        syncs: Syncs::default(),
        written: Bell::default(),
        keeper: Keeper::default(),
        holds: Mutex::default(),
        counters: Counters::default(),
        _lock: lock,
    })
}

impl Shared {
    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end(&self) -> Position {
        self.writer().end()
    }

    /// How much is kept.
    pub(crate) fn keep(&self) -> Keep {
        *self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end, and how many lines have been written since the journal was opened.
    pub(crate) fn mark(&self) -> (Position, u64) {
        let writer = self.writer();
        (writer.end(), writer.lines())
    }

    /// Writes the beginnings of the calls under way; false if they are not written.
    pub(crate) fn write_begins(&self, mut pending: MutexGuard<'_, Pending>) -> bool {
        if pending.calls.is_empty() {
            return true;
        }
        let mut due: Vec<&(u64, Begin)> = pending.calls.values().collect();
        due.sort_by_key(|(place, _)| *place);
        let begins: Vec<Begin> = due.into_iter().map(|(_, begin)| begin.clone()).collect();
        // Under the lock of those that are pending: a call that ends now finds its beginning in one place or the other.
        let is_written = self.writer().write_begins(begins).is_ok();
        if is_written {
            pending.calls.clear();
        }
        is_written
    }

    /// Wakes all who wait for records.
    pub(crate) fn ring(&self) {
        self.written.ring();
    }

    fn append(&self, mut record: CallRecord, buffer: &mut Vec<u8>) {
        buffer.clear();
        if !line::write_call(&record, buffer) {
            self.counters.cut();
            record = cut(&record);
            line::write_call(&record, buffer);
        }
        let begun = self.pending().calls.remove(&record.id);
        drop(begun);
        if buffer.is_empty() {
            self.counters.refuse();
            return;
        }
        let mut writer = self.writer();
        let position = writer.append(&record.id, buffer);
        let left = match position {
            Some(position) => writer.keep_fresh(record, position),
            None => Some(record),
        };
        drop(writer);
        drop(left);
        if position.is_some() {
            self.written.ring();
        }
        self.keeper.wake();
    }
}

/// What is kept of a record that is longer than any line may be: all but what is as long as somebody else chose.
fn cut(record: &CallRecord) -> CallRecord {
    let is_short = |text: &str| text.len() <= KEPT_BUFFER;
    CallRecord {
        path: Some(record.path.clone()).filter(|path| is_short(path)).unwrap_or_default(),
        model: record.model.clone().filter(|model| is_short(model)),
        error: record.error.clone().filter(|error| is_short(error)),
        attempts: record.attempts.iter().take(KEPT_BUFFER / 1024).cloned().collect(),
        losses: vec!["record: longer than a record may be, its bodies are not kept".to_owned()],
        bodies: record.bodies.as_ref().map(|_| crate::Bodies { truncated: true, ..Default::default() }),
        ..record.clone()
    }
}

impl Journal for Segments {
    fn begin(&self, begin: Begin) {
        let id = begin.id.clone();
        let mut pending = self.shared.pending();
        pending.begun += 1;
        let place = pending.begun;
        pending.calls.insert(id, (place, begin));
        drop(pending);
        self.shared.keeper.wake();
    }

    fn shows(&self, id: &str) {
        let pending = self.shared.pending();
        if pending.calls.contains_key(id) {
            // All that wait, with one write. If the disk takes none, the journal's thread tries again.
            self.shared.write_begins(pending);
        }
    }

    fn durable(&self) -> Option<Durable> {
        Durable::now(&self.shared)
    }

    fn append(&self, record: CallRecord) {
        LINE.with(|line| {
            let mut buffer = line.take();
            self.shared.append(record, &mut buffer);
            if buffer.capacity() <= KEPT_BUFFER {
                line.replace(buffer);
            }
        });
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        self.close();
    }
}
