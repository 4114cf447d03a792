//! Files of the operator's: found where people write them, and written whole or not at all, for their owner alone.

use std::{
    env, fs, io,
    io::Write,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
};

/// A path as people write it: `~` is the home directory.
pub(crate) fn written(path: &str) -> PathBuf {
    at_home(path, env::var("HOME").ok().as_deref())
}

/// The same with another home.
pub(crate) fn at_home(path: &str, home: Option<&str>) -> PathBuf {
    match (path.strip_prefix("~/"), home.filter(|home| !home.is_empty())) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// Puts `contents` in place of a file's at once, so that a reader sees the old or the new. The file's mode is kept, and its
/// owner where that may be; a new file is the owner's alone. A link is followed: what it points to is replaced.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    put(path, contents, true)
}

/// The same, but the file is its owner's alone whatever its mode was.
pub(crate) fn write_private(path: &Path, contents: &[u8]) -> io::Result<()> {
    put(path, contents, false)
}

fn put(path: &Path, contents: &[u8], keeps_mode: bool) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".lockgate-").tempfile_in(folder)?;
    file.write_all(contents)?;
    match fs::metadata(&path) {
        Ok(known) if keeps_mode => {
            let own = file.as_file().metadata()?;
            if (own.uid(), own.gid()) != (known.uid(), known.gid()) {
                // Not everybody may give a file away: it is better its writer's than not there.
                let _ = chown(file.path(), Some(known.uid()), Some(known.gid()));
            }
            fs::set_permissions(file.path(), known.permissions())?;
        }
        _ => {}
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    // The name is part of the folder: without this the old file may be back after a power cut.
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("creds.json");
        let mode = || fs::metadata(&path).expect("there").permissions().mode() & 0o777;
        replace(&path, b"one").expect("written");
        assert_eq!(mode(), 0o600, "a new file is its owner's alone");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        replace(&path, b"two").expect("written");
        assert_eq!((fs::read(&path).expect("read").as_slice(), mode()), (b"two".as_slice(), 0o640));
        write_private(&path, b"three").expect("written");
        assert_eq!(mode(), 0o600, "whatever it was");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left beside it");
    }
}
