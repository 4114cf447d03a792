//! What was used: by whom, of what, when.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{
    names::BETWEEN_TAGS,
    queries::Queries,
    rollup::{self, MINUTES_KEPT},
    schema::DatabaseError,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// What sums are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The hour in which calls ended, in hours since 1970.
    Hour,
    /// The day, in days since 1970, in UTC.
    Day,
    /// The client's key.
    Key,
    /// The model the client asked for.
    Model,
    /// The deployment that answered.
    Deployment,
    /// The tags, all together.
    Tags,
}

impl By {
    /// What is grouped by.
    fn group(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "hour / 24",
            Self::Key => "key",
            Self::Model => "model",
            Self::Deployment => "deployment",
            Self::Tags => "tags",
        }
    }

    /// What a group is called; `place` is its column.
    fn name(self, place: usize) -> String {
        match self {
            Self::Hour | Self::Day => format!("CAST(group_{place} AS TEXT)"),
            _ => format!("coalesce((SELECT text FROM name WHERE id = group_{place}), '')"),
        }
    }
}

/// Sums of some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Calls.
    pub requests: u64,
    /// Calls that did not end with a whole answer.
    pub errors: u64,
    /// Calls whose usage is estimated.
    pub estimated: u64,
    /// Calls whose price is unknown: `cost` is without them.
    pub unpriced: u64,
    /// Input tokens that came from no cache.
    pub input: u64,
    /// Input tokens from providers' caches.
    pub cache_read: u64,
    /// Input tokens to providers' caches.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// The part of them that was reasoning.
    pub reasoning: u64,
    /// What they cost, in millionths of a dollar.
    pub cost: u64,
    /// What they took, in microseconds.
    pub micros: u64,
    /// Calls that had a first output.
    pub first_tokens: u64,
    /// What that took, in microseconds.
    pub first_token_micros: u64,
}

/// Sums of the calls that have something in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What it is, in the order in which it was asked for; an hour or day as a number, several tags with blanks between.
    pub of: Vec<String>,
    /// The sums.
    pub used: Used,
}

/// What a key has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// Calls.
    pub requests: u64,
    /// Calls whose price is unknown: `cost` is without them.
    pub unpriced: u64,
    /// Tokens, in and out.
    pub tokens: u64,
    /// Millionths of a dollar.
    pub cost: u64,
}

impl Queries {
    /// What the calls used that ended in the hours from the one of `from_ms` up to and with the one of `until_ms`, for each
    /// group of them, the earliest hours and first names first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn usage(&self, from_ms: u64, until_ms: u64, by: &[By]) -> Result<Vec<Group>, DatabaseError> {
        let sql = statement(by);
        let bounds = params![hour(from_ms), hour(until_ms)];
        let mut found: Vec<Group> = self.ask(|connection| {
            let mut sums = connection.prepare_cached(&sql)?;
            sums.query_map(bounds, |row| group(row, by.len()))?.collect()
        })?;
        let order = |group: &Group| -> Vec<(u64, String)> {
            group.of.iter().map(|of| (of.parse().unwrap_or(u64::MAX), of.clone())).collect()
        };
        found.sort_by_cached_key(order);
        Ok(found)
    }

    /// What `key` has used since `since_ms`, to the minute for the last 40 days and to the hour for what is before; no less
    /// than it was, by what else it used in the first minute or hour. An empty key is that of calls without one.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn spent(&self, key: &str, since_ms: u64) -> Result<Spent, DatabaseError> {
        self.ask(|connection| spent(connection, key, since_ms))
    }
}

/// In the order of [`Used`].
const SUMS: [&str; 13] = [
    "requests",
    "errors",
    "estimated",
    "unpriced",
    "input",
    "cache_read",
    "cache_write",
    "output",
    "reasoning",
    "cost",
    "micros",
    "first_tokens",
    "first_token_micros",
];

/// Sums first, then names: a name is looked up for each group, and not for each hour of it.
fn statement(by: &[By]) -> String {
    let (mut inner, mut outer, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for sum in SUMS {
        inner.push(format!("sum({sum}) AS {sum}"));
        outer.push(sum.to_owned());
    }
    for (place, by) in by.iter().enumerate() {
        inner.push(format!("{} AS group_{place}", by.group()));
        outer.push(by.name(place));
        groups.push(format!("group_{place}"));
    }
    let (inner, outer) = (inner.join(", "), outer.join(", "));
    let grouped = if by.is_empty() { String::new() } else { format!("GROUP BY {}", groups.join(", ")) };
    format!(
        "SELECT {outer} FROM (
            SELECT {inner}, count(*) AS rows FROM usage_hour WHERE hour >= ? AND hour <= ? {grouped}
        ) WHERE rows > 0"
    )
}

fn group(row: &Row<'_>, names: usize) -> rusqlite::Result<Group> {
    let used = Used {
        requests: row.get(0)?,
        errors: row.get(1)?,
        estimated: row.get(2)?,
        unpriced: row.get(3)?,
        input: row.get(4)?,
        cache_read: row.get(5)?,
        cache_write: row.get(6)?,
        output: row.get(7)?,
        reasoning: row.get(8)?,
        cost: row.get(9)?,
        micros: row.get(10)?,
        first_tokens: row.get(11)?,
        first_token_micros: row.get(12)?,
    };
    let of =
        (0..names).map(|place| row.get::<_, String>(13 + place).map(|name| name.replace(BETWEEN_TAGS, " ")));
    Ok(Group { of: of.collect::<rusqlite::Result<_>>()?, used })
}

fn hour(ms: u64) -> i64 {
    i64::try_from(ms / HOUR_MS).unwrap_or(i64::MAX)
}

fn spent(connection: &Connection, key: &str, since_ms: u64) -> rusqlite::Result<Spent> {
    let number: Option<i64> = match key {
        "" => Some(super::names::NONE),
        key => connection
            .prepare_cached("SELECT id FROM name WHERE text = ?")?
            .query_map([key], |row| row.get(0))?
            .next()
            .transpose()?,
    };
    let Some(number) = number else { return Ok(Spent::default()) };
    let newest: i64 = connection
        .prepare_cached("SELECT coalesce(max(minute), 0) FROM minute")?
        .query_row([], |row| row.get(0))?;
    let since = i64::try_from(since_ms / MINUTE_MS).unwrap_or(i64::MAX);
    let (sql, since) = if since >= newest - MINUTES_KEPT {
        (
            "SELECT coalesce(sum(requests), 0), coalesce(sum(unpriced), 0), coalesce(sum(tokens), 0),
            coalesce(sum(cost), 0) FROM usage_minute WHERE key = ? AND minute >= ?",
            since,
        )
    } else {
        (
            "SELECT coalesce(sum(requests), 0), coalesce(sum(unpriced), 0),
            coalesce(sum(input + cache_read + cache_write + output), 0), coalesce(sum(cost), 0)
            FROM usage_hour WHERE key = ? AND hour >= ?",
            rollup::hour(since),
        )
    };
    connection.prepare_cached(sql)?.query_row([number, since], |row| {
        Ok(Spent { requests: row.get(0)?, unpriced: row.get(1)?, tokens: row.get(2)?, cost: row.get(3)? })
    })
}
