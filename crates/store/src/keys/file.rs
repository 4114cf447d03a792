//! The file of the keys: its tables, its rights, and how it is opened.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, params};

use super::pepper::{Pepper, PepperError};

/// The file's name in the folder.
pub(super) const NAME: &str = "keys.db";

/// One step per version; a step is never changed after a release, only followed by another.
const STEPS: &[&str] = &[FIRST];

const FIRST: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- What the pepper that the keys are hashed with makes of a word that everybody knows.
    pepper BLOB NOT NULL,
    -- How often keys have changed.
    generation INTEGER NOT NULL
) STRICT;

CREATE TABLE key (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- The last characters, by which people recognise it.
    hint TEXT NOT NULL,
    -- JSON, in the words of the config.
    settings TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    rotated_ms INTEGER,
    revoked_ms INTEGER,
    used_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX live_name ON key (name) WHERE revoked_ms IS NULL;

-- The texts that are good for a key, by their hashes: older ones until a time.
CREATE TABLE secret (
    hash BLOB NOT NULL UNIQUE,
    key TEXT NOT NULL REFERENCES key (id) ON DELETE CASCADE,
    until_ms INTEGER
) STRICT;
CREATE INDEX secret_of_key ON secret (key);
";

/// Why created keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// What the database says.
    #[error(
        "cannot use the keys in `{}`: {error}: put a copy of the file in its place, or move it away to begin without \
         created keys",
        path.display()
    )]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What is said about it.
        error: rusqlite::Error,
    },
    /// The file is damaged.
    #[error(
        "the keys in `{}` are damaged: {found}: put a copy of the file in its place, or move it away to begin without \
         created keys",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// What the system says.
    #[error("cannot make `{}` for created keys: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A later version made it.
    #[error(
        "the keys in `{}` were made by a later version (their form is {found}, this one knows {known}): run that version",
        path.display()
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// The form it has.
        found: usize,
        /// The latest form that is known.
        known: usize,
    },
    /// The keys would not be known again.
    #[error(
        "the keys in `{}` were made with another pepper: put back `access.pepper`, or the file `{}` beside them",
        .0.display(), super::pepper::NAME
    )]
    OtherPepper(PathBuf),
    /// There is no pepper to be had.
    #[error(transparent)]
    Pepper(#[from] PepperError),
}

/// Opens the file, makes it where it is missing, and brings it up to date.
pub(super) fn open(path: &Path, pepper: &Pepper) -> Result<Connection, KeyStoreError> {
    let sqlite = |error| KeyStoreError::Sqlite { path: path.to_owned(), error };
    make(path).map_err(|error| KeyStoreError::Io { path: path.to_owned(), error })?;
    let mut connection = Connection::open(path).map_err(sqlite)?;
    prepare(&connection).map_err(sqlite)?;
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
    if found != "ok" {
        return Err(KeyStoreError::Damaged { path: path.to_owned(), found });
    }
    let known = upgrade(&mut connection, pepper).map_err(sqlite)?;
    if known > STEPS.len() {
        return Err(KeyStoreError::Later { path: path.to_owned(), found: known, known: STEPS.len() });
    }
    let of_keys: Vec<u8> =
        connection.query_row("SELECT pepper FROM meta", [], |row| row.get(0)).map_err(sqlite)?;
    if of_keys == pepper.fingerprint().as_bytes() {
        Ok(connection)
    } else {
        Err(KeyStoreError::OtherPepper(path.to_owned()))
    }
}

/// Sees to it that the file is there, for its owner alone; SQLite gives the files beside it the same rights.
fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    private(OpenOptions::new().write(true).create(true).truncate(false)).open(path).map(drop)
}

/// A file that is made is its owner's alone.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A key that was shown must be there whatever happens to the machine: nothing else knows of it.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Takes the steps that are missing, and returns the form that the file then has. Two processes may come at once.
fn upgrade(connection: &mut Connection, pepper: &Pepper) -> rusqlite::Result<usize> {
    let transaction = super::write(connection)?;
    let found: usize = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for (number, step) in STEPS.iter().enumerate().skip(found) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
    }
    if found == 0 {
        transaction.execute("INSERT INTO meta VALUES (1, ?, 0)", params![pepper.fingerprint().as_bytes()])?;
    }
    transaction.commit()?;
    Ok(found.max(STEPS.len()))
}

/// What SQLite counts the changes of other connections by.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// How often keys have changed.
pub(super) fn generation(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT generation FROM meta")?.query_row([], |row| row.get(0))
}

/// Which file a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode(Option<(u64, u64)>);

impl Inode {
    /// The file at `path`; none if there is none.
    pub(super) fn of(path: &Path) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self(std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino())))
        }
        #[cfg(not(unix))]
        {
            let _ = path;
            Self(None)
        }
    }

    pub(super) fn is_some(self) -> bool {
        self.0.is_some()
    }
}
