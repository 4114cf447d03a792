//! The projection: every record becomes a row, words and sums, in one transaction with the position.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::Path,
};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    bundles::{Filling, Packed},
    ids,
    names::{Names, cut},
    rollup::{self, MINUTES_KEPT, RECENT_KEPT, Rollup},
    schema::{self, DatabaseError},
};
use crate::{Batch, CallRecord, Position, Projection, ProjectionError};

/// Words of one call beyond this are not found.
const LONGEST_WORDS: usize = 4 * 1024;
/// Bundles that are deleted in one transaction.
const FORGOTTEN_AT_ONCE: i64 = 20;

/// The list of calls and the sums of usage, written.
pub struct Ledger {
    connection: Connection,
    names: Names,
    filling: Filling,
    /// Up to where records are in the tables.
    position: Position,
    /// Whether what is in memory may not be what is in the tables.
    is_stale: bool,
    newest_minute: i64,
}

impl Ledger {
    /// Opens the database at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// When it cannot be opened or made, or a later version made it.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = schema::open(path)?;
        Ok(Self {
            connection,
            names: Names::default(),
            filling: Filling::default(),
            position: Position::default(),
            is_stale: true,
            newest_minute: 0,
        })
    }

    fn refresh(&mut self) -> rusqlite::Result<()> {
        if self.is_stale {
            self.names = Names::load(&self.connection)?;
            self.filling = Filling::load(&self.connection)?;
            self.newest_minute =
                self.connection
                    .query_row("SELECT coalesce(max(minute), 0) FROM minute", [], |row| row.get(0))?;
            self.is_stale = false;
        }
        Ok(())
    }
}

impl Projection for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn position(&mut self, journal: &str) -> Result<Position, ProjectionError> {
        self.is_stale = true;
        let known = self
            .connection
            .query_row("SELECT identity, position FROM journal", [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        self.position = match known {
            Some((identity, position)) if identity == journal => Position::of_key(position),
            _ => {
                adopt(&mut self.connection, journal)?;
                Position::default()
            }
        };
        Ok(self.position)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), ProjectionError> {
        self.refresh()?;
        self.is_stale = true;
        let transaction = self.connection.transaction()?;
        let (names, filling) = (&mut self.names, &mut self.filling);
        let newest_minute = insert(&transaction, names, filling, batch, (self.position, self.newest_minute))?;
        transaction.execute("UPDATE journal SET position = ?", [batch.end.key()])?;
        transaction.commit()?;
        self.position = batch.end;
        self.newest_minute = newest_minute;
        self.is_stale = false;
        Ok(())
    }

    fn forget(&mut self, oldest: Position) -> Result<(), ProjectionError> {
        let before = oldest.key();
        if forget_calls(&mut self.connection, before)? == 0 {
            return Ok(());
        }
        self.refresh()?;
        self.is_stale = true;
        while forget_calls(&mut self.connection, before)? > 0 {}
        let gone = forget_kinds(&mut self.connection, before)?;
        self.names.forget_kinds(&gone);
        self.filling.forget(before);
        self.is_stale = false;
        Ok(())
    }
}

/// Begins with another journal: its positions say nothing of the old list, which goes; what was used stays.
fn adopt(connection: &mut Connection, journal: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "DELETE FROM bundle; DELETE FROM bundle_of_kind; DELETE FROM kind; DELETE FROM minute; DELETE FROM id_part;
        INSERT INTO words (words) VALUES ('delete-all');",
    )?;
    transaction.execute("INSERT OR REPLACE INTO journal VALUES (1, ?, 0)", [journal])?;
    transaction.commit()
}

/// Puts a batch into the tables, and returns the newest minute.
fn insert(
    transaction: &Transaction<'_>,
    names: &mut Names,
    filling: &mut Filling,
    batch: &Batch,
    (from, newest_minute): (Position, i64),
) -> rusqlite::Result<i64> {
    let mut rollup = Rollup::default();
    let mut newest: BTreeMap<i64, i64> = BTreeMap::new();
    let mut minutes: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let mut segments = BTreeSet::from([from.segment]);
    for entry in &batch.entries {
        let sorted = names.sort(transaction, &entry.record)?;
        let position = entry.position.key();
        filling.add(transaction, &Packed::of(entry, sorted.number))?;
        if let Some(words) = words(&entry.record, sorted.is_named) {
            transaction
                .prepare_cached("INSERT INTO words (rowid, text) VALUES (?, ?)")?
                .execute(params![position, words])?;
        }
        rollup.add(&entry.record, &sorted.kind);
        newest.insert(sorted.number, position);
        let minute = minutes.entry(rollup::minute(&entry.record)).or_insert((position, position));
        *minute = (minute.0.min(position), minute.1.max(position));
        segments.insert(entry.position.segment);
    }
    filling.write(transaction)?;
    rollup.store(transaction)?;
    let mut kinds = transaction.prepare_cached("UPDATE kind SET newest = ? WHERE id = ?")?;
    for (kind, position) in newest {
        kinds.execute([position, kind])?;
    }
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO minute VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)",
    )?;
    for (minute, (first, last)) in &minutes {
        upsert.execute([minute, first, last])?;
    }
    for finished in segments.into_iter().filter(|segment| *segment < batch.end.segment) {
        ids::finish(transaction, finished)?;
    }
    let newest_now = minutes.keys().next_back().copied().unwrap_or(0).max(newest_minute);
    if rollup::hour(newest_now) > rollup::hour(newest_minute) {
        transaction.execute("DELETE FROM usage_minute WHERE minute < ?", [newest_now - MINUTES_KEPT])?;
        transaction.execute("DELETE FROM usage_recent WHERE minute < ?", [newest_now - RECENT_KEPT])?;
    }
    Ok(newest_now)
}

/// What is searched in a call beside the names of its kind; `None` if those say it all.
fn words(record: &CallRecord, is_named: bool) -> Option<String> {
    let mut words = String::new();
    let mut add = |text: &str| {
        if !text.is_empty() && words.len() + text.len() < LONGEST_WORDS {
            words.push_str(text);
            words.push('\n');
        }
    };
    if !is_named {
        add(cut(record.model.as_deref().unwrap_or_default()));
        add(cut(&record.path));
    }
    add(record.error.as_deref().unwrap_or_default());
    for attempt in record.attempts.iter().filter(|attempt| attempt.fault.is_some()) {
        add(&attempt.deployment);
        add(attempt.fault.as_deref().unwrap_or_default());
    }
    Some(words).filter(|words| !words.is_empty())
}

/// Deletes some bundles that are before a position, where a segment begins, and returns how many.
fn forget_calls(connection: &mut Connection, before: i64) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    // What is the last of them is known by the first of those behind them.
    let behind: Option<i64> = transaction
        .prepare_cached("SELECT first FROM bundle ORDER BY first LIMIT 1 OFFSET ?")?
        .query_row([FORGOTTEN_AT_ONCE], |row| row.get(0))
        .optional()?;
    let bound = behind.map_or(before, |behind| behind.min(before));
    let gone = transaction.prepare_cached("DELETE FROM bundle WHERE first < ?")?.execute([bound])?;
    if gone > 0 {
        transaction.prepare_cached("DELETE FROM words WHERE rowid < ?")?.execute([bound])?;
        transaction.commit()?;
    }
    Ok(gone)
}

/// Deletes what only calls before a position were of, and returns which kinds are gone.
fn forget_kinds(connection: &mut Connection, before: i64) -> rusqlite::Result<HashSet<i64>> {
    let transaction = connection.transaction()?;
    let gone = transaction
        .prepare_cached("DELETE FROM kind WHERE newest < ? RETURNING id")?
        .query_map([before], |row| row.get(0))?
        .collect::<rusqlite::Result<HashSet<i64>>>()?;
    transaction.execute("DELETE FROM bundle_of_kind WHERE first < ?", [before])?;
    transaction.execute("DELETE FROM minute WHERE last < ?", [before])?;
    let segment = i64::try_from(Position::of_key(before).segment).unwrap_or(i64::MAX);
    transaction.execute("DELETE FROM id_part WHERE segment < ?", [segment])?;
    transaction.commit()?;
    Ok(gone)
}
