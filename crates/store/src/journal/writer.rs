//! The one hand that writes: each line whole or not at all, in order, and what the disk does not take waits.

use std::{
    collections::{HashMap, VecDeque},
    io,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use foldhash::fast::RandomState;

use super::{
    Entry, Position, folder,
    fresh::{Fresh, Owner},
    line,
    medium::{Medium, SegmentFile},
};
use crate::{Begin, CallRecord, clock};

/// The state behind the journal's lock.
pub(crate) struct Writer {
    medium: Arc<dyn Medium>,
    folder: PathBuf,
    file: Arc<dyn SegmentFile>,
    number: u64,
    /// What of the segment is whole lines.
    length: u64,
    /// Whether a part of a line may be behind that, which must go before anything is written.
    is_torn: bool,
    /// Calls whose beginning is written and whose record is not.
    open: HashMap<String, Begin, RandomState>,
    waiting: Waiting,
    /// The latest records, for who follows at the end.
    fresh: Fresh,
    /// Lines since the journal was opened.
    lines: u64,
    /// `None` while the disk takes records.
    trouble: Option<Trouble>,
    /// Records that did not fit into memory since the journal was opened.
    lost: u64,
}

/// Records in memory that the disk has not taken, oldest first.
struct Waiting {
    records: VecDeque<Record>,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
}

/// A record's line and the id of its call.
struct Record {
    id: String,
    line: Vec<u8>,
}

/// What came of trying again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retried {
    /// Nothing waits any longer.
    All,
    /// More may go at once.
    Some,
    /// The disk still takes none.
    Stuck,
}

/// The disk takes no records.
#[derive(Clone)]
pub(crate) struct Trouble {
    pub(crate) since: Instant,
    /// What the system said last.
    pub(crate) error: String,
}

/// What the rest of the journal may know.
pub(crate) struct Standing {
    pub(crate) trouble: Option<Trouble>,
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) lost: u64,
}

impl Writer {
    /// Begins the segment after `last` with the records of interrupted calls. If the disk does not take them, they wait.
    pub(crate) fn begin(
        medium: Arc<dyn Medium>,
        folder: PathBuf,
        last: u64,
        interrupted: &[(String, Vec<u8>)],
        max_waiting: usize,
        max_waiting_bytes: usize,
    ) -> io::Result<Self> {
        let number = last.saturating_add(1);
        let all: Vec<u8> = interrupted.iter().flat_map(|(_, line)| line.iter().copied()).collect();
        let (file, is_headed) = match create(&*medium, &folder, number, &all) {
            Ok(file) => (file, true),
            // A full disk takes a file without content.
            Err(_) => (create(&*medium, &folder, number, &[])?, false),
        };
        let waiting = Waiting {
            records: VecDeque::new(),
            bytes: 0,
            max_records: max_waiting.max(1),
            max_bytes: max_waiting_bytes,
        };
        let mut writer = Self {
            medium,
            folder,
            file,
            number,
            length: if is_headed { all.len() as u64 } else { 0 },
            is_torn: false,
            open: HashMap::default(),
            waiting,
            fresh: Fresh::default(),
            lines: if is_headed { interrupted.len() as u64 } else { 0 },
            trouble: None,
            lost: 0,
        };
        if !is_headed {
            for (id, line) in interrupted {
                writer.append(id, line);
            }
        }
        Ok(writer)
    }

    /// The place of the next line.
    pub(crate) fn end(&self) -> Position {
        Position { segment: self.number, offset: self.length }
    }

    /// The file that is written now, and what of it is whole.
    pub(crate) fn file(&self) -> Arc<dyn SegmentFile> {
        Arc::clone(&self.file)
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            trouble: self.trouble.clone(),
            waiting: self.waiting.records.len(),
            waiting_bytes: self.waiting.bytes,
            lost: self.lost,
        }
    }

    /// Lines written since the journal was opened.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Writes the record of a call, and says where; or lets it wait behind those that wait already.
    pub(crate) fn append(&mut self, id: &str, line: &[u8]) -> Option<Position> {
        if self.waiting.records.is_empty() {
            let position = self.end();
            match self.write(line) {
                Ok(()) => {
                    self.settled(id);
                    return Some(position);
                }
                Err(error) => self.is_refused(&error),
            }
        }
        if !self.waiting.push(id, line) {
            self.lost += 1;
            self.settled(id);
        }
        None
    }

    /// Keeps the record of the line that was written last, at `position`, for who follows at the end; or hands back what
    /// need not be kept.
    pub(crate) fn keep_fresh(&mut self, record: CallRecord, position: Position) -> Option<CallRecord> {
        let end = self.end();
        self.fresh.push(record, position, end)
    }

    /// Keeps the records that come for `owner`, unless somebody else has them.
    pub(crate) fn follow(&mut self, owner: &Owner) {
        let end = self.end();
        self.fresh.is_for(owner, end);
    }

    /// The records from `position` on; `None` where they must be read from disk.
    pub(crate) fn take_fresh(&mut self, owner: &Owner, position: Position) -> Option<Vec<Entry>> {
        let end = self.end();
        self.fresh.take(owner, position, end)
    }

    /// Writes beginnings of calls, all or none.
    pub(crate) fn write_begins(&mut self, begins: Vec<Begin>) -> io::Result<()> {
        let mut lines = Vec::new();
        // One that is longer than any line may be will be missed only if the gateway is killed during the call.
        let written: Vec<Begin> =
            begins.into_iter().filter(|begin| line::write_begin(begin, &mut lines)).collect();
        if written.is_empty() {
            return Ok(());
        }
        self.write(&lines)?;
        self.lines += written.len() as u64 - 1;
        self.open.extend(written.into_iter().map(|begin| (begin.id.clone(), begin)));
        Ok(())
    }

    /// Tries again to write what waits, up to `most` records.
    pub(crate) fn retry(&mut self, most: usize) -> Retried {
        for _ in 0..most {
            let Some(record) = self.waiting.records.pop_front() else { break };
            if let Err(error) = self.write(&record.line) {
                self.is_refused(&error);
                self.waiting.records.push_front(record);
                return Retried::Stuck;
            }
            self.waiting.bytes -= record.line.len();
            self.settled(&record.id);
            self.fresh.restart(self.end());
        }
        if self.waiting.records.is_empty() {
            self.trouble = None;
            return Retried::All;
        }
        Retried::Some
    }

    /// Goes over to the next segment. Its first lines are the beginnings of the calls under way, so that whoever looks for
    /// interrupted calls looks at one segment.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        let number = self.number.saturating_add(1);
        let mut head = Vec::new();
        let carried = self.open.values().filter(|begin| line::write_begin(begin, &mut head)).count();
        self.file = create(&*self.medium, &self.folder, number, &head)?;
        self.number = number;
        self.length = head.len() as u64;
        self.lines += carried as u64;
        self.is_torn = false;
        Ok(())
    }

    /// Writes a line, whole or not at all.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.truncate(self.length)?;
            self.is_torn = false;
        }
        match write_whole(&*self.file, line) {
            Ok(()) => {
                self.length += line.len() as u64;
                self.lines += 1;
                Ok(())
            }
            Err(error) => {
                // Whether this works or not, the next write looks again.
                self.is_torn = self.file.truncate(self.length).is_err();
                Err(error)
            }
        }
    }

    fn is_refused(&mut self, error: &io::Error) {
        let since = self.trouble.as_ref().map_or_else(clock::now, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, error: error.to_string() });
    }

    fn settled(&mut self, id: &str) {
        if !self.open.is_empty() {
            self.open.remove(id);
        }
    }
}

impl Waiting {
    /// False if there is no room.
    fn push(&mut self, id: &str, line: &[u8]) -> bool {
        let has_room = self.records.len() < self.max_records
            && (self.bytes + line.len() <= self.max_bytes || self.records.is_empty());
        if has_room {
            self.bytes += line.len();
            self.records.push_back(Record { id: id.to_owned(), line: line.to_vec() });
        }
        has_room
    }
}

/// A new segment that begins with `head`. It has its name only with all of it.
fn create(
    medium: &dyn Medium,
    folder: &std::path::Path,
    number: u64,
    head: &[u8],
) -> io::Result<Arc<dyn SegmentFile>> {
    let unfinished = folder::unfinished_segment(folder, number);
    let file = medium.create(&unfinished)?;
    write_whole(&*file, head)?;
    medium.rename(&unfinished, &folder::segment(folder, number))?;
    Ok(file)
}

/// One `write` where the system takes all at once, which it does unless the disk is nearly full.
fn write_whole(file: &dyn SegmentFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
