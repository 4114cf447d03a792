//! The folder of a journal: its lock, its identity, its segments.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    hash::{BuildHasher, RandomState},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::clock;

const LOCK: &str = "lock";
const IDENTITY: &str = "identity";
const ENDING: &str = ".jsonl";
/// Of a file that has not come to its name yet.
const UNFINISHED: &str = ".new";

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is another process's.
    #[error(
        "the journal in `{}` is in use by another process: stop that one, or give this one another data_dir",
        .0.display()
    )]
    InUse(PathBuf),
    /// The system says no.
    #[error("cannot open the journal in `{}`: {error}", folder.display())]
    Io {
        /// The journal's folder.
        folder: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A segment as it is on disk.
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    /// How long ago it was last written, by a clock that may have jumped.
    pub(crate) age: Duration,
}

/// Takes the folder for this process alone, for as long as the file is held.
pub(crate) fn lock(folder: &Path) -> Result<File, OpenError> {
    let io = |error| OpenError::Io { folder: folder.to_owned(), error };
    fs::create_dir_all(folder).map_err(io)?;
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(LOCK)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// What tells this journal from another in a folder of the same name: what is made of a journal must not take a new one
/// for the old one's continuation.
pub(crate) fn identity(folder: &Path) -> io::Result<String> {
    match fs::read_to_string(folder.join(IDENTITY)) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => make_identity(folder),
    }
}

fn make_identity(folder: &Path) -> io::Result<String> {
    // The standard library seeds its hash maps from the system's randomness.
    let dice = RandomState::new();
    let identity = format!("{:016x}{:016x}", dice.hash_one(0), dice.hash_one(clock::wall_ms()));
    let unfinished = folder.join([IDENTITY, UNFINISHED].concat());
    let mut file = File::create(&unfinished)?;
    file.write_all(identity.as_bytes())?;
    file.sync_data()?;
    fs::rename(unfinished, folder.join(IDENTITY))?;
    Ok(identity)
}

/// The path of a segment. Numbers have leading zeros, so that names sort as numbers do.
pub(crate) fn segment(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}{ENDING}"))
}

/// The path of a segment that is being made.
pub(crate) fn unfinished_segment(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}{UNFINISHED}"))
}

/// The numbers of all segments, oldest first.
pub(crate) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        numbers.extend(entry?.file_name().to_str().and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(ENDING)?;
    let is_number = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// All segments with their lengths and ages, oldest first; one that vanishes meanwhile is left out.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<Found>> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(clock::wall_ms());
    let mut found = Vec::new();
    for number in numbers(folder)? {
        match fs::metadata(segment(folder, number)) {
            Ok(meta) => {
                let age = meta.modified().ok().and_then(|then| now.duration_since(then).ok());
                found.push(Found { number, bytes: meta.len(), age: age.unwrap_or_default() });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Deletes what is left of segments that did not come to their names.
pub(crate) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(UNFINISHED) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_are_segments() {
        assert_eq!(number("000000000012.jsonl"), Some(12));
        assert_eq!(number("1000000000000.jsonl"), Some(1_000_000_000_000));
        for name in
            ["12.jsonl", "000000000012.new", "lock", "identity", "+00000000012.jsonl", "00000000001x.jsonl"]
        {
            assert_eq!(number(name), None, "{name}");
        }
    }

    #[test]
    fn a_journal_keeps_its_identity_and_no_two_have_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(identity(one.path()).unwrap(), identity(one.path()).unwrap());
        assert_ne!(identity(one.path()).unwrap(), identity(other.path()).unwrap());
    }
}
