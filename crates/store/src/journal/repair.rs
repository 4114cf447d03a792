//! What a process that ended anyhow may have left: a torn last line, and calls that were never settled.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    folder,
    line::{self, Mark},
    lines::Lines,
};
use crate::Begin;

/// How much is read at once when the end of the last whole line is looked for.
const STEP: u64 = 64 * 1024;

/// What was found.
pub(crate) struct Repaired {
    /// The last segment's number; 0 if there is none.
    pub(crate) last: u64,
    /// Calls that began and of which there is no record, in the order in which they began.
    pub(crate) interrupted: Vec<Begin>,
}

/// Cuts the torn line off the last segment, and looks for calls without an end. Only the last segment is looked at: each
/// begins with the beginnings of the calls that were under way then.
pub(crate) fn repair(folder: &Path) -> io::Result<Repaired> {
    let numbers = folder::numbers(folder)?;
    let mut interrupted = Vec::new();
    // A segment without a line says nothing; the one before it does.
    for number in numbers.iter().rev() {
        let path = folder::segment(folder, *number);
        if cut(&path)? > 0 {
            interrupted = unsettled(&path)?;
            break;
        }
    }
    Ok(Repaired { last: numbers.last().copied().unwrap_or(0), interrupted })
}

/// Cuts off what is behind the last end of a line, and returns the length that is left.
fn cut(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let whole = whole_lines(&mut file, length)?;
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(whole)
}

fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut step = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        step.clear();
        file.by_ref().take(end - start).read_to_end(&mut step)?;
        if let Some(newline) = memchr::memrchr(b'\n', &step) {
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn unsettled(path: &Path) -> io::Result<Vec<Begin>> {
    let mut open: BTreeMap<String, (usize, Begin)> = BTreeMap::new();
    let mut lines = Lines::new(File::open(path)?);
    let mut count = 0;
    while let Some(line) = lines.next()? {
        match line::read_mark(line.bytes) {
            Mark::Begun(begin) => {
                open.insert(begin.id.clone(), (count, begin));
            }
            Mark::Ended(id) => {
                open.remove(&id);
            }
            Mark::Nothing => {}
        }
        count += 1;
    }
    let mut open: Vec<(usize, Begin)> = open.into_values().collect();
    open.sort_by_key(|(place, _)| *place);
    Ok(open.into_iter().map(|(_, begin)| begin).collect())
}
