//! Keys that were created while gateways run: what they may do, and how they are known again without being kept.

mod file;
mod pepper;
mod row;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use file::Inode;
pub use file::KeyStoreError;
pub use pepper::{KeyHash, Pepper, PepperError};
pub use row::{KeyRow, KeySecret};
pub use text::{KeyText, is_mistyped};

/// Most keys, those that are revoked among them: these make room for new ones.
const MOST_KEYS: i64 = 100_000;
/// Most texts that are good for one key at once: the present one, and older ones that still work for a while.
const MOST_SECRETS: usize = 8;

/// The keys of one folder. Several processes may have the same folder open.
pub struct KeyStore {
    connection: Connection,
    path: PathBuf,
    pepper: Pepper,
    inode: Inode,
    /// What SQLite counts the changes of others by.
    seen_version: i64,
    /// How often keys have changed, as far as was read.
    seen_generation: i64,
    /// Whether they have changed since.
    is_stale: bool,
}

/// Why a key is not created or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A live key has that name.
    #[error("a key of the name `{0}` is there already: take another name, or revoke that one")]
    NameTaken(String),
    /// No key has that id.
    #[error("there is no key `{0}`")]
    Unknown(String),
    /// The key is revoked: nothing brings it back.
    #[error("the key `{0}` is revoked for good: create another")]
    Revoked(String),
    /// Somebody else has changed the key meanwhile.
    #[error("the key `{0}` was changed by somebody else just now: look at it and try again")]
    Changed(String),
    /// There are as many keys as there may be.
    #[error("there are {MOST_KEYS} live keys, the most there may be: revoke some")]
    Full,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes for a key")]
    Random,
    /// What the database says.
    #[error("the keys cannot be read or written: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl KeyStore {
    /// Whether keys were ever created in `folder`.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(file::NAME).exists()
    }

    /// Opens the keys of `folder`, and makes them where they are missing. `pepper` is the operator's, where several
    /// gateways have keys in common; without it there is one in the folder.
    ///
    /// # Errors
    /// Files that cannot be opened, made or used, and a pepper that is not the one the keys were made with.
    pub fn open(folder: &Path, pepper: Option<&str>) -> Result<Self, KeyStoreError> {
        let is_new = !Self::is_in(folder);
        let pepper = match pepper {
            Some(text) => Pepper::of(text).map_err(KeyStoreError::Pepper)?,
            None => Pepper::beside(folder, is_new).map_err(KeyStoreError::Pepper)?,
        };
        let path = folder.join(file::NAME);
        let connection = file::open(&path, &pepper)?;
        let sqlite = |error| KeyStoreError::Sqlite { path: path.clone(), error };
        let seen_version = file::data_version(&connection).map_err(sqlite)?;
        let inode = Inode::of(&path);
        Ok(Self { connection, path, pepper, inode, seen_version, seen_generation: 0, is_stale: true })
    }

    /// What its keys are hashed with.
    pub fn pepper(&self) -> &Pepper {
        &self.pepper
    }

    /// Whether somebody may have changed keys since they were last read. Cheap enough to be asked twice a second.
    ///
    /// # Errors
    /// What the database says; [`KeyStore::is_replaced`] says whether to open it anew.
    pub fn has_changed(&mut self) -> Result<bool, KeyError> {
        let version = file::data_version(&self.connection)?;
        if version != self.seen_version {
            self.is_stale |= file::generation(&self.connection)? != self.seen_generation;
            self.seen_version = version;
        }
        Ok(self.is_stale)
    }

    /// Whether the file under its name is another one than the one that is open; false while there is none.
    pub fn is_replaced(&self) -> bool {
        let now = Inode::of(&self.path);
        now.is_some() && now != self.inode
    }

    /// Every key, the oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub fn all(&mut self) -> Result<Vec<KeyRow>, KeyError> {
        let transaction = self.connection.transaction()?;
        let generation = file::generation(&transaction)?;
        let rows = row::all(&transaction)?;
        transaction.commit()?;
        (self.seen_generation, self.is_stale) = (generation, false);
        Ok(rows)
    }

    /// Makes a key. Its text is in no file: who loses it makes another.
    ///
    /// # Errors
    /// A name that is taken, no room, or what the system says; then there is no such key.
    pub fn create(&mut self, name: &str, settings: &str, now_ms: u64) -> Result<(KeyRow, KeyText), KeyError> {
        let (id, text) = (text::id().ok_or(KeyError::Random)?, KeyText::new().ok_or(KeyError::Random)?);
        let hash = self.pepper.hash(text.expose().as_bytes());
        let transaction = write(&mut self.connection)?;
        free_name(&transaction, name, &id)?;
        make_room(&transaction, MOST_KEYS)?;
        transaction.execute(
            "INSERT INTO key (id, name, hint, settings, created_ms) VALUES (?, ?, ?, ?, ?)",
            params![id, name, text.hint(), settings, now_ms],
        )?;
        transaction.execute("INSERT INTO secret (hash, key) VALUES (?, ?)", params![hash.as_bytes(), id])?;
        let made = finished(transaction, &id)?;
        Ok((made, text))
    }

    /// Gives a live key another name and other settings, if both still are as `seen` has them.
    ///
    /// # Errors
    /// A name that is taken, a key that is revoked, unknown or not as it was seen, or what the database says.
    pub fn change(&mut self, seen: &KeyRow, name: &str, settings: &str) -> Result<KeyRow, KeyError> {
        let transaction = write(&mut self.connection)?;
        let present = live(&transaction, &seen.id)?;
        if present.name != seen.name || present.settings != seen.settings {
            return Err(KeyError::Changed(seen.name.clone()));
        }
        free_name(&transaction, name, &seen.id)?;
        transaction.execute(
            "UPDATE key SET name = ?, settings = ? WHERE id = ?",
            params![name, settings, seen.id],
        )?;
        finished(transaction, &seen.id)
    }

    /// Gives a live key another text. The one so far works until `until_ms`, and older ones no longer than they would.
    ///
    /// # Errors
    /// A key that is revoked or unknown, or what the system says.
    pub fn rotate(&mut self, id: &str, until_ms: u64, now_ms: u64) -> Result<(KeyRow, KeyText), KeyError> {
        let text = KeyText::new().ok_or(KeyError::Random)?;
        let hash = self.pepper.hash(text.expose().as_bytes());
        let transaction = write(&mut self.connection)?;
        live(&transaction, id)?;
        transaction.execute(
            "UPDATE secret SET until_ms = min(coalesce(until_ms, ?2), ?2) WHERE key = ?1",
            params![id, until_ms],
        )?;
        transaction.execute(
            "DELETE FROM secret WHERE key = ?1 AND hash NOT IN
            (SELECT hash FROM secret WHERE key = ?1 ORDER BY until_ms DESC, rowid DESC LIMIT ?2)",
            params![id, MOST_SECRETS - 1],
        )?;
        transaction.execute("INSERT INTO secret (hash, key) VALUES (?, ?)", params![hash.as_bytes(), id])?;
        transaction.execute(
            "UPDATE key SET rotated_ms = ?, hint = ? WHERE id = ?",
            params![now_ms, text.hint(), id],
        )?;
        let rotated = finished(transaction, id)?;
        Ok((rotated, text))
    }

    /// Ends a key for good. One that is revoked already stays as it is.
    ///
    /// # Errors
    /// A key that is unknown, or what the database says.
    pub fn revoke(&mut self, id: &str, now_ms: u64) -> Result<KeyRow, KeyError> {
        let transaction = write(&mut self.connection)?;
        transaction.execute(
            "UPDATE key SET revoked_ms = coalesce(revoked_ms, ?) WHERE id = ?",
            params![now_ms, id],
        )?;
        finished(transaction, id)
    }

    /// Notes when keys were last used.
    ///
    /// # Errors
    /// What the database says.
    pub fn used(&mut self, keys: &[(String, u64)]) -> Result<(), KeyError> {
        let transaction = write(&mut self.connection)?;
        let mut statement = transaction
            .prepare_cached("UPDATE key SET used_ms = max(coalesce(used_ms, 0), ?2) WHERE id = ?1")?;
        for (id, at_ms) in keys {
            statement.execute(params![id, at_ms])?;
        }
        drop(statement);
        Ok(transaction.commit()?)
    }
}

/// A transaction that nobody else writes beside.
fn write(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Refuses a name that another live key has.
fn free_name(transaction: &Transaction<'_>, name: &str, id: &str) -> Result<(), KeyError> {
    let other = transaction
        .query_row(
            "SELECT 1 FROM key WHERE name = ? AND id != ? AND revoked_ms IS NULL",
            params![name, id],
            |_| Ok(()),
        )
        .optional()?;
    other.map_or(Ok(()), |()| Err(KeyError::NameTaken(name.to_owned())))
}

/// Has room for one key more: what was revoked first goes first.
fn make_room(transaction: &Transaction<'_>, most: i64) -> Result<(), KeyError> {
    let count: i64 = transaction.query_row("SELECT count(*) FROM key", [], |row| row.get(0))?;
    if count < most {
        return Ok(());
    }
    let gone = transaction.execute(
        "DELETE FROM key WHERE id IN
        (SELECT id FROM key WHERE revoked_ms IS NOT NULL ORDER BY revoked_ms LIMIT ?)",
        [count - most + 1],
    )?;
    if gone == 0 { Err(KeyError::Full) } else { Ok(()) }
}

/// The key of that id, unless it is revoked.
fn live(transaction: &Transaction<'_>, id: &str) -> Result<KeyRow, KeyError> {
    let found = row::one(transaction, id)?.ok_or_else(|| KeyError::Unknown(id.to_owned()))?;
    if found.revoked_ms.is_some() { Err(KeyError::Revoked(found.name)) } else { Ok(found) }
}

/// Has the change count, for other processes too, and returns the key as it is then.
fn finished(transaction: Transaction<'_>, id: &str) -> Result<KeyRow, KeyError> {
    transaction.execute("UPDATE meta SET generation = generation + 1", [])?;
    let found = row::one(&transaction, id)?.ok_or_else(|| KeyError::Unknown(id.to_owned()))?;
    transaction.commit()?;
    Ok(found)
}
