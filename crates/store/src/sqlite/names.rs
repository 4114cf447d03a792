//! Names and kinds that calls have in common, each stored once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;
use rusqlite::{Connection, params};

use crate::CallRecord;

/// Paths that are names; further ones are words. Some have ids in them.
const MOST_PATHS: usize = 1_000;
/// Models that are names; further ones are words.
const MOST_MODELS: usize = 100_000;
/// A name is no longer than this.
const LONGEST: usize = 512;
/// The number of no name.
pub(super) const NONE: i64 = 0;
/// Between the tags of a call.
pub(super) const BETWEEN_TAGS: char = '\u{1f}';

/// What calls are filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) key: i64,
    pub(super) model: i64,
    pub(super) deployment: i64,
    path: i64,
    dialect: i64,
    pub(super) tags: i64,
    node: i64,
    status: u16,
    ended: u8,
    stream: bool,
}

/// All names and kinds there are.
#[derive(Default)]
pub(super) struct Names {
    names: HashMap<String, i64, RandomState>,
    kinds: HashMap<Kind, i64, RandomState>,
    models: HashSet<i64, RandomState>,
    paths: HashSet<i64, RandomState>,
    last_kind: i64,
}

/// A call's kind, and whether its name says all of its model and path.
pub(super) struct Sorted {
    pub(super) kind: Kind,
    pub(super) number: i64,
    pub(super) is_named: bool,
}

impl Names {
    /// Reads what the database has.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut loaded = Self::default();
        let mut names = connection.prepare("SELECT text, id FROM name")?;
        for row in names.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
            let (text, id) = row?;
            loaded.names.insert(text, id);
        }
        let mut kinds = connection.prepare(
            "SELECT id, key, model, deployment, path, dialect, tags, node, status, ended, stream FROM kind",
        )?;
        let rows = kinds.query_map([], |row| {
            let kind = Kind {
                key: row.get(1)?,
                model: row.get(2)?,
                deployment: row.get(3)?,
                path: row.get(4)?,
                dialect: row.get(5)?,
                tags: row.get(6)?,
                node: row.get(7)?,
                status: row.get(8)?,
                ended: row.get(9)?,
                stream: row.get(10)?,
            };
            Ok((row.get::<_, i64>(0)?, kind))
        })?;
        for row in rows {
            let (id, kind) = row?;
            loaded.models.insert(kind.model);
            loaded.paths.insert(kind.path);
            loaded.last_kind = loaded.last_kind.max(id);
            loaded.kinds.insert(kind, id);
        }
        Ok(loaded)
    }

    /// The kind of a call, made if there is none yet.
    pub(super) fn sort(&mut self, connection: &Connection, record: &CallRecord) -> rusqlite::Result<Sorted> {
        // What only refused calls say may be anything: it becomes no name, or whoever guesses names fills the table.
        let was_asked = record.deployment.is_some() || !record.attempts.is_empty();
        let model = match record.model.as_deref() {
            None => Some(NONE),
            Some(model) => {
                let has_room = was_asked && self.models.len() < MOST_MODELS;
                self.open_name(connection, model, has_room, |names| &mut names.models)?
            }
        };
        let has_room = was_asked && self.paths.len() < MOST_PATHS;
        let path = self.open_name(connection, &record.path, has_room, |names| &mut names.paths)?;
        let tags = if record.tags.is_empty() { String::new() } else { join(&record.tags) };
        let kind = Kind {
            key: self.name(connection, record.key.as_deref().unwrap_or_default())?,
            model: model.unwrap_or(NONE),
            deployment: self.name(connection, record.deployment.as_deref().unwrap_or_default())?,
            path: path.unwrap_or(NONE),
            dialect: self.name(connection, &record.dialect)?,
            tags: self.name(connection, &tags)?,
            node: self.name(connection, record.node.as_deref().unwrap_or_default())?,
            status: record.status,
            ended: record.ended as u8,
            stream: record.stream,
        };
        let number = self.kind(connection, kind)?;
        Ok(Sorted { kind, number, is_named: model.is_some() && path.is_some() })
    }

    /// Those kinds are no more.
    pub(super) fn forget_kinds(&mut self, gone: &HashSet<i64>) {
        self.kinds.retain(|_, number| !gone.contains(number));
    }

    /// The number of a name that a client chose; `None` if it is none of ours.
    fn open_name(
        &mut self,
        connection: &Connection,
        text: &str,
        may_be_new: bool,
        known: fn(&mut Self) -> &mut HashSet<i64, RandomState>,
    ) -> rusqlite::Result<Option<i64>> {
        if text.is_empty() {
            return Ok(Some(NONE));
        }
        let number = self.names.get(cut(text)).copied().filter(|number| known(self).contains(number));
        if number.is_some() || !may_be_new {
            return Ok(number);
        }
        let number = self.name(connection, text)?;
        known(self).insert(number);
        Ok(Some(number))
    }

    fn name(&mut self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        let text = cut(text);
        if text.is_empty() {
            return Ok(NONE);
        }
        if let Some(number) = self.names.get(text) {
            return Ok(*number);
        }
        connection.prepare_cached("INSERT INTO name (text) VALUES (?)")?.execute([text])?;
        let number = connection.last_insert_rowid();
        self.names.insert(text.to_owned(), number);
        Ok(number)
    }

    fn kind(&mut self, connection: &Connection, kind: Kind) -> rusqlite::Result<i64> {
        if let Some(number) = self.kinds.get(&kind) {
            return Ok(*number);
        }
        let number = self.last_kind + 1;
        connection.prepare_cached("INSERT INTO kind VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)")?.execute(
            params![
                number,
                kind.key,
                kind.model,
                kind.deployment,
                kind.path,
                kind.dialect,
                kind.tags,
                kind.node,
                kind.status,
                kind.ended,
                kind.stream
            ],
        )?;
        self.last_kind = number;
        self.kinds.insert(kind, number);
        Ok(number)
    }
}

/// The tags of a call as one name.
pub(super) fn join(tags: &[Arc<str>]) -> String {
    let mut joined = String::new();
    for tag in tags {
        if !joined.is_empty() {
            joined.push(BETWEEN_TAGS);
        }
        joined.push_str(tag);
    }
    joined
}

/// As much of a text as may be a name.
pub(super) fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}
