//! What files hold, as far as it matters whether it is the same as before; and where to look for a change of it.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use lockgate_config::MAX_FILE_BYTES;
use sha2::{Digest, Sha256};

/// Most links that are followed from one file.
const MAX_LINKS: usize = 16;

/// What each file held: a SHA-256, or nothing if it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prints(HashMap<PathBuf, Option<[u8; 32]>>);

impl Prints {
    /// Of these files as they are now.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        Self(files.iter().map(|file| (file.clone(), print(file))).collect())
    }

    /// The same, but that file held these bytes.
    pub(super) fn with(mut self, file: &Path, bytes: &[u8]) -> Self {
        self.0.insert(file.to_owned(), Some(Sha256::digest(bytes).into()));
        self
    }

    /// Whether they are of all of these files.
    pub(super) fn covers(&self, files: &[PathBuf]) -> bool {
        files.iter().all(|file| self.0.contains_key(file))
    }

    /// Those of these files alone.
    pub(super) fn of_only(mut self, files: &[PathBuf]) -> Self {
        self.0.retain(|file, _| files.contains(file));
        self
    }

    /// The files that they are of.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.0.keys()
    }
}

fn print(file: &Path) -> Option<[u8; 32]> {
    let mut bytes = Vec::new();
    // Nothing that is read for a config is larger; of what has no end this much is enough.
    File::open(file).ok()?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).ok()?;
    Some(Sha256::digest(&bytes).into())
}

/// The directories in which a change of these files shows: their own, and those of what links lead to on the way.
pub(super) fn directories(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in files {
        let mut at = file.clone();
        for _ in 0..MAX_LINKS {
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).to_owned();
            // A link to the folder itself is changed where that link is.
            if let (Ok(_), Some(above)) = (fs::read_link(&folder), folder.parent()) {
                found.extend(fs::canonicalize(if above.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    above
                }));
            }
            // By its real name, so that it is another one when a link to it leads elsewhere.
            found.extend(fs::canonicalize(&folder));
            match fs::read_link(&at) {
                Ok(to) => at = folder.join(to),
                Err(_) => break,
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_change_of_content_is_a_change_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let (there, not) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&there, "one").unwrap();
        let files = [there.clone(), not.clone()];
        let before = Prints::of(&files);
        fs::write(&there, "one").unwrap();
        assert_eq!(Prints::of(&files), before);
        fs::write(&there, "two").unwrap();
        assert_ne!(Prints::of(&files), before);
        let before = Prints::of(&files);
        fs::write(&not, "").unwrap();
        assert_ne!(Prints::of(&files), before, "an empty file is not a missing one");
        assert!(before.covers(&files) && !Prints::of(&files[..1]).covers(&files));
    }

    #[test]
    fn links_are_followed_from_directory_to_directory() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("..2026")).unwrap();
        fs::write(at("..2026/lockgate.yaml"), "x").unwrap();
        symlink("..2026", at("..data")).unwrap();
        symlink("..data/lockgate.yaml", at("lockgate.yaml")).unwrap();
        let found = directories(&[at("lockgate.yaml"), at("none/of/this")]);
        assert_eq!(
            found,
            [folder.path().to_owned(), at("..2026")].map(|at| fs::canonicalize(at).unwrap()).into()
        );
        symlink("loop", at("loop")).unwrap();
        assert_eq!(directories(&[at("loop")]).len(), 1);
    }
}
