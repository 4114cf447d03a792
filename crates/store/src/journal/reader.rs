//! Reading the journal, while it is written or not.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    Position, folder,
    line::{self, LONGEST_LINE, Line},
    lines::Lines,
    segments::Shared,
};
use crate::CallRecord;

/// A record and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where its line begins.
    pub position: Position,
    /// The record.
    pub record: CallRecord,
}

/// Some records in the order in which they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records.
    pub entries: Vec<Entry>,
    /// Where to go on: all before it is in this batch or an earlier one.
    pub end: Position,
    /// Lines read, those without a record included; none where the records did not come from disk.
    pub lines: u64,
    /// How many lines there are up to `end` since the journal was opened, where that is known.
    pub ends_at_line: Option<u64>,
    /// What was passed over.
    pub skipped: Skipped,
}

/// What a reader could not hand out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Lines of a later version of the format.
    pub later: u64,
    /// Lines that are no lines of a journal.
    pub unreadable: u64,
}

/// What of a record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All of it.
    Whole,
    /// All but its bodies, of which there is only that there are some: it saves most of the work where they are kept.
    Metadata,
}

/// How much one batch may be.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Records.
    pub records: usize,
    /// Bytes of lines; one record may be more.
    pub bytes: u64,
}

/// Reads records, one batch after the other.
pub struct Reader {
    folder: PathBuf,
    /// Who writes; `None` for a journal that is only looked at.
    shared: Option<Arc<Shared>>,
    position: Position,
    segment: Option<Lines<Take<File>>>,
    /// Up to where the open segment may be read.
    limit: u64,
    depth: Depth,
    scratch: Vec<u8>,
    hold: Arc<AtomicU64>,
    /// Whether records may be taken before they are read back from disk.
    follows: bool,
}

impl Reader {
    /// Reads the journal in `folder` from `position` on, whether a gateway writes it or not.
    pub fn open(folder: &Path, position: Position) -> Self {
        Self {
            folder: folder.to_owned(),
            shared: None,
            position,
            segment: None,
            limit: 0,
            depth: Depth::Whole,
            scratch: Vec::new(),
            hold: Arc::new(AtomicU64::new(u64::MAX)),
            follows: false,
        }
    }

    pub(crate) fn within(shared: &Arc<Shared>, position: Position) -> Self {
        Self { shared: Some(Arc::clone(shared)), ..Self::open(&shared.folder, position) }
    }

    /// Reads only that much of each record.
    #[must_use]
    pub fn with_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        self
    }

    /// Keeps the segments from its position on from being deleted, as far as the journal's bounds allow, until
    /// [`Reader::release`] says that they are not needed any longer.
    #[must_use]
    pub fn holding(self) -> Self {
        self.hold.store(self.position.segment, Ordering::SeqCst);
        if let Some(shared) = &self.shared {
            shared.holds.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&self.hold));
        }
        self
    }

    /// Takes records from memory where it is at the journal's end: without their bodies, and more at once than it is asked
    /// to. One reader alone can, the others read from disk.
    #[must_use]
    pub(crate) fn following(mut self) -> Self {
        if let Some(shared) = &self.shared {
            shared.writer().follow(&self.hold);
            self.follows = true;
        }
        self
    }

    /// What is before `position` will not be read again.
    pub fn release(&self, position: Position) {
        self.hold.store(position.segment, Ordering::SeqCst);
    }

    /// Where the next record is looked for.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Goes back or on to `position`.
    pub fn seek(&mut self, position: Position) {
        self.position = position;
        self.segment = None;
    }

    /// Waits until there may be more, at most `longest`.
    pub fn wait(&self, longest: Duration) {
        match &self.shared {
            Some(shared) => shared.written.wait_unless(longest, || shared.end() > self.position),
            None => std::thread::sleep(longest),
        }
    }

    /// What there is, up to `most`; an empty batch at the end.
    ///
    /// # Errors
    /// When a segment cannot be read; reading on begins where the last batch ended.
    pub fn batch(&mut self, most: Most) -> io::Result<Batch> {
        if let Some(batch) = self.take_fresh() {
            return Ok(batch);
        }
        let start = self.position;
        let batch = self.collect(most);
        if batch.is_err() {
            self.seek(start);
        }
        batch
    }

    fn take_fresh(&mut self) -> Option<Batch> {
        let shared = self.shared.as_ref().filter(|_| self.follows)?;
        let (entries, end, line) = {
            let mut writer = shared.writer();
            (writer.take_fresh(&self.hold, self.position)?, writer.end(), writer.lines())
        };
        self.seek(end);
        Some(Batch { entries, end, ends_at_line: Some(line), ..Batch::default() })
    }

    fn collect(&mut self, most: Most) -> io::Result<Batch> {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while batch.entries.len() < most.records && bytes < most.bytes {
            let Some((position, length, line)) = self.line()? else {
                if self.next_segment()? {
                    continue;
                }
                break;
            };
            bytes += length;
            batch.lines += 1;
            match line {
                Line::Call(record) => batch.entries.push(Entry { position, record: *record }),
                Line::Begin(_) => {}
                Line::Later => batch.skipped.later += 1,
                Line::Unreadable => batch.skipped.unreadable += 1,
            }
        }
        batch.end = self.position;
        Ok(batch)
    }

    /// The next line of the segment, with its place and length; `None` at what is its end for now.
    fn line(&mut self) -> io::Result<Option<(Position, u64, Line)>> {
        loop {
            if self.segment.is_none() && !self.open_segment()? {
                return Ok(None);
            }
            let Some(segment) = &mut self.segment else { return Ok(None) };
            if let Some(whole) = segment.next()? {
                let line = match self.depth {
                    Depth::Whole => line::read(whole.bytes),
                    Depth::Metadata => line::read_metadata(whole.bytes, &mut self.scratch),
                };
                let position = self.position;
                self.position.offset += whole.length;
                return Ok(Some((position, whole.length, line)));
            }
            if self.limit_now() == self.limit {
                return Ok(None);
            }
            self.segment = None;
        }
    }

    /// Opens the segment at the reader's position; false if it is not there.
    fn open_segment(&mut self) -> io::Result<bool> {
        let mut file = match File::open(folder::segment(&self.folder, self.position.segment)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        file.seek(SeekFrom::Start(self.position.offset))?;
        self.limit = self.limit_now();
        self.segment = Some(Lines::new(file.take(self.limit.saturating_sub(self.position.offset))));
        Ok(true)
    }

    /// Up to where the segment at the reader's position may be read.
    fn limit_now(&self) -> u64 {
        match self.shared.as_ref().map(|shared| shared.end()) {
            // Behind it there may be a part of a line that goes again.
            Some(end) if end.segment == self.position.segment => end.offset,
            _ => u64::MAX,
        }
    }

    /// Goes on to the next segment there is; false at the last one.
    fn next_segment(&mut self) -> io::Result<bool> {
        let next = match &self.shared {
            // The usual case costs no look at the folder.
            Some(shared) if shared.end().segment == self.position.segment => None,
            _ => folder::numbers(&self.folder)?.into_iter().find(|number| *number > self.position.segment),
        };
        let Some(next) = next else { return Ok(false) };
        // Between the end of the segment and the look at the folder it may have grown.
        if self.line_is_there()? {
            return Ok(true);
        }
        self.seek(Position::start_of(next));
        Ok(true)
    }

    /// Whether the segment has a whole line at the reader's position after all.
    fn line_is_there(&self) -> io::Result<bool> {
        let mut file = match File::open(folder::segment(&self.folder, self.position.segment)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file?,
        };
        if file.metadata()?.len() <= self.position.offset {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(self.position.offset))?;
        Ok(Lines::new(file).next()?.is_some())
    }
}

/// Where the oldest record of the journal in `folder` is; `None` if there is no segment.
pub(crate) fn oldest(folder: &Path) -> io::Result<Option<Position>> {
    Ok(folder::numbers(folder)?.first().map(|number| Position::start_of(*number)))
}

/// How many lines there are from `from` up to `to`.
pub(crate) fn count_lines(folder: &Path, from: Position, to: Position) -> io::Result<u64> {
    let mut count = 0;
    for number in
        folder::numbers(folder)?.into_iter().filter(|number| (from.segment..=to.segment).contains(number))
    {
        let start = if number == from.segment { from.offset } else { 0 };
        let end = if number == to.segment { to.offset } else { u64::MAX };
        let mut file = match File::open(folder::segment(folder, number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            file => file?,
        };
        file.seek(SeekFrom::Start(start))?;
        let mut part = file.take(end.saturating_sub(start));
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = part.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            count += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
        }
    }
    Ok(count)
}

/// The record at `position` of the journal in `folder`; `None` if there is none.
///
/// # Errors
/// When the segment cannot be read.
pub fn record_at(folder: &Path, position: Position) -> io::Result<Option<CallRecord>> {
    let mut file = match File::open(folder::segment(folder, position.segment)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    file.seek(SeekFrom::Start(position.offset))?;
    let mut lines = Lines::new(file.take(LONGEST_LINE as u64));
    Ok(lines.next()?.and_then(|whole| match line::read(whole.bytes) {
        Line::Call(record) => Some(*record),
        _ => None,
    }))
}
