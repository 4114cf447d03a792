//! What is too old or too much goes, oldest first.

use std::{fs, io};

use super::{folder, segments::Shared};

/// Segments that somebody has not read may make the journal larger than it should be by this part.
const GRACE: u64 = 20;

/// Deletes segments, and returns how many of them somebody had not read.
pub(crate) fn retain(shared: &Shared) -> io::Result<u64> {
    let keep = shared.keep();
    let active = shared.end().segment;
    let needed = shared.needed();
    let found = folder::segments(&shared.folder)?;
    let mut bytes: u64 = found.iter().map(|segment| segment.bytes).sum();
    let mut unread = 0;
    for segment in found.iter().filter(|segment| segment.number < active) {
        let is_old = keep.time.is_some_and(|time| segment.age > time);
        let is_needed = segment.number >= needed;
        let is_over = bytes > keep.bytes;
        let is_far_over = bytes > keep.bytes.saturating_add(keep.bytes / GRACE);
        let goes = if is_needed { is_far_over } else { is_over || is_old };
        if !goes {
            break;
        }
        match fs::remove_file(folder::segment(&shared.folder, segment.number)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        bytes = bytes.saturating_sub(segment.bytes);
        unread += u64::from(is_needed);
    }
    Ok(unread)
}
