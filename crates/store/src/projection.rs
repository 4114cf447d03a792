//! What is made of the journal: each by a thread of its own, from its own place in the journal, exactly once.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    Batch, Depth, Most, Position, Segments, Skipped, clock,
    journal::{Reader, Shared, count_lines, oldest},
};

/// How much is applied at once.
const MOST: Most = Most { records: 1000, bytes: 16 * 1024 * 1024 };
/// After the first new record, how long others are waited for.
const GATHER: Duration = Duration::from_millis(100);
/// How long a thread waits for a record before it looks around.
const WAIT: Duration = Duration::from_secs(1);
/// The pause after a failure, doubled with each up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often it is looked which records are gone.
const FORGET: Duration = Duration::from_secs(10);

/// Why a projection could not take records. They are offered again.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// A file of its own.
    #[error("cannot write `{path}`: {error}")]
    File {
        /// Its path.
        path: String,
        /// What the system said.
        error: io::Error,
    },
    /// Its database.
    #[error("the database says: {0}")]
    Database(#[from] rusqlite::Error),
    /// A segment of the journal.
    #[error("cannot read the journal: {0}")]
    Journal(io::Error),
    /// Its place is behind the journal's end: a part of the journal is gone.
    #[error(
        "has read up to segment {} of a journal that ends in segment {}: put the missing segments back, or move what was \
         made of it away, so that it is made again",
        has.segment, ends.segment
    )]
    Ahead {
        /// Where it goes on.
        has: Position,
        /// Where the journal ends.
        ends: Position,
    },
}

/// Something that is made of the records, in their order.
pub trait Projection: Send {
    /// Its name for operators.
    fn name(&self) -> &'static str;

    /// What it needs of each record.
    fn depth(&self) -> Depth {
        Depth::Metadata
    }

    /// Where it goes on in the journal of that identity: the start, if it has seen none of it.
    ///
    /// # Errors
    /// When its state cannot be read.
    fn position(&mut self, journal: &str) -> Result<Position, ProjectionError>;

    /// Takes the records and keeps `batch.end` as its position: both or neither.
    ///
    /// # Errors
    /// When it can keep neither. The records from its position on are offered again.
    fn apply(&mut self, batch: &Batch) -> Result<(), ProjectionError>;

    /// What is before `oldest` is no longer in the journal.
    ///
    /// # Errors
    /// When it cannot be forgotten now; it is asked to again.
    fn forget(&mut self, oldest: Position) -> Result<(), ProjectionError> {
        let _ = oldest;
        Ok(())
    }
}

/// How far a projection is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Its name.
    pub name: &'static str,
    /// Why it does not go on; absent while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Times it could not go on since the start.
    pub failures: u64,
    /// Lines of the journal that it has not read; most are records.
    pub behind_lines: u64,
    /// For how long it has not been at the journal's end, in seconds.
    pub behind_seconds: u64,
    /// Lines of a later version of the format, passed over since the start.
    pub skipped_later: u64,
    /// Lines that are no lines of a journal, passed over since the start.
    pub skipped_unreadable: u64,
}

/// The thread that drives a projection. Dropping it stops the thread; the projection goes on where it was at the next
/// start. Drop it before the journal, which stays this process's for as long as it is read.
pub struct Driver {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

struct Common {
    journal: Arc<Shared>,
    name: &'static str,
    stops: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    error: Option<String>,
    failures: u64,
    /// Lines it has read, counted as the journal counts those it writes: less than none while it has some of earlier
    /// processes to read. `None` until that is known.
    lines: Option<i128>,
    behind_since: Option<Instant>,
    skipped: Skipped,
}

impl Driver {
    /// Starts to apply `projection` to what it has not seen of the journal, and to all that comes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(segments: &Segments, projection: Box<dyn Projection>) -> io::Result<Self> {
        let common = Arc::new(Common {
            journal: Arc::clone(&segments.shared),
            name: projection.name(),
            stops: AtomicBool::new(false),
            state: Mutex::default(),
        });
        common.state().behind_since = Some(clock::now());
        let thread = thread::Builder::new().name(projection.name().to_owned()).spawn({
            let common = Arc::clone(&common);
            move || Run { common: &common, projection, pause: FIRST_PAUSE, forgot: None }.go()
        })?;
        Ok(Self { common, thread: Some(thread) })
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let written = self.common.journal.mark().1;
        let state = self.common.state();
        Progress {
            name: self.common.name,
            error: state.error.clone(),
            failures: state.failures,
            behind_lines: u64::try_from(i128::from(written) - state.lines.unwrap_or(0)).unwrap_or(0),
            behind_seconds: state.behind_since.map_or(0, |since| (clock::now() - since).as_secs()),
            skipped_later: state.skipped.later,
            skipped_unreadable: state.skipped.unreadable,
        }
    }

    /// Waits until it has taken all that is written by now, at most `longest`; true if it has.
    pub fn catch_up(&self, longest: Duration) -> bool {
        let (start, written) = (clock::now(), self.common.journal.mark().1);
        loop {
            if self.common.state().lines.is_some_and(|lines| lines >= i128::from(written)) {
                return true;
            }
            if clock::now() - start >= longest {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.common.stops.store(true, Ordering::SeqCst);
        self.common.journal.ring();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing left to say.
            drop(thread.join());
        }
    }
}

impl Common {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.stops.load(Ordering::SeqCst)
    }
}

/// What the thread has.
struct Run<'a> {
    common: &'a Common,
    projection: Box<dyn Projection>,
    pause: Duration,
    forgot: Option<Instant>,
}

impl Run<'_> {
    fn go(mut self) {
        while !self.common.is_stopped() {
            let Err(error) = self.follow() else { continue };
            let mut state = self.common.state();
            state.error = Some(error.to_string());
            state.failures += 1;
            drop(state);
            self.rest();
        }
    }

    fn rest(&mut self) {
        let start = clock::now();
        while clock::now() - start < self.pause && !self.common.is_stopped() {
            thread::sleep(GATHER.min(self.pause));
        }
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// From the projection's position on, until the first failure: after it, only the projection knows where it is.
    fn follow(&mut self) -> Result<(), ProjectionError> {
        let journal = Arc::clone(&self.common.journal);
        let position = self.projection.position(&journal.identity)?;
        let (end, written) = journal.mark();
        if position > end {
            return Err(ProjectionError::Ahead { has: position, ends: end });
        }
        let backlog = count_lines(&journal.folder, position, end).map_err(ProjectionError::Journal)?;
        let mut lines = i128::from(written) - i128::from(backlog);
        let depth = self.projection.depth();
        let mut reader = Reader::within(&journal, position).with_depth(depth).holding();
        if depth == Depth::Metadata {
            reader = reader.following();
        }
        while !self.common.is_stopped() {
            let before = reader.position();
            let batch = reader.batch(MOST).map_err(ProjectionError::Journal)?;
            if batch.end != before {
                self.projection.apply(&batch)?;
                reader.release(batch.end);
                lines = batch.ends_at_line.map_or(lines + i128::from(batch.lines), i128::from);
            }
            let is_at_end = batch.entries.len() < MOST.records && reader.position() >= journal.end();
            self.went_on(&batch, lines, is_at_end);
            self.forget()?;
            if is_at_end {
                reader.wait(WAIT);
                if reader.position() < journal.end() {
                    thread::sleep(GATHER);
                }
            }
        }
        Ok(())
    }

    fn went_on(&mut self, batch: &Batch, lines: i128, is_at_end: bool) {
        self.pause = FIRST_PAUSE;
        let mut state = self.common.state();
        state.error = None;
        state.lines = Some(lines);
        state.behind_since = if is_at_end { None } else { state.behind_since.or_else(|| Some(clock::now())) };
        state.skipped.later += batch.skipped.later;
        state.skipped.unreadable += batch.skipped.unreadable;
    }

    fn forget(&mut self) -> Result<(), ProjectionError> {
        if self.forgot.is_some_and(|then| clock::now() - then < FORGET) {
            return Ok(());
        }
        self.forgot = Some(clock::now());
        match oldest(&self.common.journal.folder).map_err(ProjectionError::Journal)? {
            Some(oldest) => self.projection.forget(oldest),
            None => Ok(()),
        }
    }
}
