//! What the journal asks of a file system: few calls, so that a test can stand in for a disk that fails.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::Arc,
};

/// A file system.
pub(crate) trait Medium: Send + Sync {
    /// A new, empty file that is written at its end.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>>;
    /// Gives a file its name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// A file that is written at its end.
pub(crate) trait SegmentFile: Send + Sync {
    /// Writes some of `bytes`, and says how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts it off.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Waits until the disk has it.
    fn sync(&self) -> io::Result<()>;
}

/// The real one.
pub(crate) struct Disk;

impl Medium for Disk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        // What is left of an attempt that did not come to its name.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Arc::new(OpenOptions::new().append(true).create_new(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

impl SegmentFile for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        Write::write(&mut file, bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
