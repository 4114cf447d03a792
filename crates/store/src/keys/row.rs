//! One key as it is kept.

use rusqlite::{Connection, OptionalExtension, Row};

use super::pepper::KeyHash;

const COLUMNS: &str = "id, name, hint, settings, created_ms, rotated_ms, revoked_ms, used_ms";

/// One key. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// What it is called by in paths: its name may be given to another one day, its id never is.
    pub id: String,
    /// Its name in records and bills.
    pub name: String,
    /// The last characters of its text.
    pub hint: String,
    /// What it may do, as JSON in the words of the config.
    pub settings: String,
    /// When it was made.
    pub created_ms: u64,
    /// When it last got another text.
    pub rotated_ms: Option<u64>,
    /// When it was ended.
    pub revoked_ms: Option<u64>,
    /// When it was last used, to about a minute.
    pub used_ms: Option<u64>,
    /// The texts that are good for it, or were until lately.
    pub secrets: Vec<KeySecret>,
}

/// A text that is good for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySecret {
    /// Its hash.
    pub hash: KeyHash,
    /// When it ends, if a newer one has taken its place.
    pub until_ms: Option<u64>,
}

/// The key of that id.
pub(super) fn one(connection: &Connection, id: &str) -> rusqlite::Result<Option<KeyRow>> {
    let found = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM key WHERE id = ?"))?
        .query_row([id], read)
        .optional()?;
    let Some(mut found) = found else { return Ok(None) };
    let mut secrets =
        connection.prepare_cached("SELECT key, hash, until_ms FROM secret WHERE key = ? ORDER BY rowid")?;
    for secret in secrets.query_map([id], secret)? {
        found.secrets.extend(secret?.1);
    }
    Ok(Some(found))
}

/// Every key, the oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<KeyRow>> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM key ORDER BY rowid"))?;
    let mut rows = statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let places: std::collections::HashMap<String, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
    let mut statement = connection.prepare_cached("SELECT key, hash, until_ms FROM secret ORDER BY rowid")?;
    for found in statement.query_map([], secret)? {
        let (id, secret) = found?;
        if let Some(row) = places.get(&id).and_then(|place| rows.get_mut(*place)) {
            row.secrets.extend(secret);
        }
    }
    Ok(rows)
}

fn read(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok(KeyRow {
        id: row.get(0)?,
        name: row.get(1)?,
        hint: row.get(2)?,
        settings: row.get(3)?,
        created_ms: row.get(4)?,
        rotated_ms: row.get(5)?,
        revoked_ms: row.get(6)?,
        used_ms: row.get(7)?,
        secrets: Vec::new(),
    })
}

/// A text's hash and end; no hash that is none.
fn secret(row: &Row<'_>) -> rusqlite::Result<(String, Option<KeySecret>)> {
    let hash = KeyHash::of(row.get_ref(1)?.as_blob()?);
    let until_ms = row.get(2)?;
    Ok((row.get(0)?, hash.map(|hash| KeySecret { hash, until_ms })))
}
