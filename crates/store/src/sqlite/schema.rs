//! The tables, and how a database file is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

/// One step per version; a step is never changed after a release, only followed by another.
const STEPS: &[&str] = &[FIRST];

/// Names are stored once. A call has a `kind`: everything that calls are filtered by. There are few kinds, so that any
/// combination of filters is answered from the table of kinds and that of the bundles which have calls of them.
const FIRST: &str = "
CREATE TABLE journal (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;

-- Names; 0 is none.
CREATE TABLE kind (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    model INTEGER NOT NULL,
    deployment INTEGER NOT NULL,
    path INTEGER NOT NULL,
    dialect INTEGER NOT NULL,
    tags INTEGER NOT NULL,
    node INTEGER NOT NULL,
    status INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    -- Where the latest call of this kind is.
    newest INTEGER NOT NULL
) STRICT;

-- Calls of one segment in the journal's order, from the position `first` on: see bundles.rs for how they are packed.
CREATE TABLE bundle (first INTEGER PRIMARY KEY, packed BLOB NOT NULL) STRICT;

-- Which bundles have calls of a kind.
CREATE TABLE bundle_of_kind (
    kind INTEGER NOT NULL,
    first INTEGER NOT NULL,
    PRIMARY KEY (kind, first)
) STRICT, WITHOUT ROWID;

-- Between which positions the calls are that ended in a minute.
CREATE TABLE minute (minute INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;

-- Calls by their ids: one row per segment and part of the ids. Ids are random: an index of them costs more than all else.
CREATE TABLE id_part (
    part INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    ids BLOB NOT NULL,
    PRIMARY KEY (part, segment)
) STRICT, WITHOUT ROWID;

-- Words of calls that have more to say than the names of their kind: faults, and names that nobody configured.
CREATE VIRTUAL TABLE words USING fts5 (text, content = '', contentless_delete = 1, detail = none);

CREATE TABLE usage_hour (
    hour INTEGER NOT NULL,
    key INTEGER NOT NULL,
    model INTEGER NOT NULL,
    deployment INTEGER NOT NULL,
    tags INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    first_tokens INTEGER NOT NULL,
    first_token_micros INTEGER NOT NULL,
    PRIMARY KEY (hour, key, model, deployment, tags)
) STRICT, WITHOUT ROWID;

-- The same by the minute, for the last of them.
CREATE TABLE usage_recent (
    minute INTEGER NOT NULL,
    key INTEGER NOT NULL,
    model INTEGER NOT NULL,
    deployment INTEGER NOT NULL,
    tags INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    micros INTEGER NOT NULL,
    first_tokens INTEGER NOT NULL,
    first_token_micros INTEGER NOT NULL,
    PRIMARY KEY (minute, key, model, deployment, tags)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_minute (
    key INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    PRIMARY KEY (key, minute)
) STRICT, WITHOUT ROWID;
";

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// What the database says.
    #[error("cannot use the database `{}`: {error}", path.display())]
    Sqlite {
        /// The database's file.
        path: PathBuf,
        /// What it says.
        error: rusqlite::Error,
    },
    /// A later version made it.
    #[error(
        "the database `{}` was made by a later version (its form is {found}, this one knows {known}): run that version, or \
         move the file away, so that it is made again from the journal",
        path.display()
    )]
    Later {
        /// The database's file.
        path: PathBuf,
        /// The form it has.
        found: usize,
        /// The latest form that is known.
        known: usize,
    },
}

/// Opens the database for writing, makes it where it is missing, and brings it up to date.
pub(super) fn open(path: &Path) -> Result<Connection, DatabaseError> {
    let sqlite = |error| DatabaseError::Sqlite { path: path.to_owned(), error };
    if let Some(folder) = path.parent() {
        // If it cannot be made, opening says why.
        drop(std::fs::create_dir_all(folder));
    }
    let mut connection = Connection::open(path).map_err(sqlite)?;
    prepare(&connection).map_err(sqlite)?;
    let found =
        connection.query_row("PRAGMA user_version", [], |row| row.get::<_, usize>(0)).map_err(sqlite)?;
    if found > STEPS.len() {
        return Err(DatabaseError::Later { path: path.to_owned(), found, known: STEPS.len() });
    }
    for (number, step) in STEPS.iter().enumerate().skip(found) {
        upgrade(&mut connection, number + 1, step).map_err(sqlite)?;
    }
    Ok(connection)
}

/// Opens the database for reading only.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // What a machine that loses its power takes along is made again from the journal, since the position goes with it.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    // Calls of one kind share a page: the longer pages are collected, the fewer are written. In pages of 4 KiB.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn upgrade(connection: &mut Connection, version: usize, step: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}
