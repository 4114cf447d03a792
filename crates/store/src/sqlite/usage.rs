//! What was used: by whom, of what, when.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params_from_iter, types::Value};
use serde::Serialize;

use super::{
    names::{BETWEEN_TAGS, NONE},
    queries::Queries,
    rollup::{self, MINUTES_KEPT, RECENT_KEPT},
    schema::DatabaseError,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;

/// More groups than this are not told.
pub const MOST_GROUPS: usize = 200_000;

/// What sums are told apart by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The minute in which calls ended, in minutes since 1970: of the last two days.
    Minute,
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
    /// What the tag of that name says, where tags are `name:value`; nothing for calls without it.
    Tag(String),
}

/// Which calls are summed: those that ended in the time and are of all that is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// From then on, in milliseconds since 1970; the whole hour, or the whole minute where minutes are told apart.
    pub from_ms: u64,
    /// Up to and with the hour or minute of then.
    pub until_ms: u64,
    /// The name of the client's key; empty is that of calls without one.
    pub key: Option<String>,
    /// The model the client asked for.
    pub model: Option<String>,
    /// The deployment that answered.
    pub deployment: Option<String>,
    /// One of the tags.
    pub tag: Option<String>,
    /// Whether times are taken to the minute: only what ended in the last two days is counted then.
    pub is_fine: bool,
}

impl By {
    /// What is grouped by.
    fn group(&self, is_fine: bool) -> &'static str {
        match (self, is_fine) {
            (Self::Minute, _) => "minute",
            (Self::Hour, false) => "hour",
            (Self::Hour, true) => "minute / 60",
            (Self::Day, false) => "hour / 24",
            (Self::Day, true) => "minute / 1440",
            (Self::Key, _) => "key",
            (Self::Model, _) => "model",
            (Self::Deployment, _) => "deployment",
            (Self::Tags | Self::Tag(_), _) => "tags",
        }
    }

    /// What a group is called; `place` is its column.
    fn name(&self, place: usize) -> String {
        match self {
            Self::Minute | Self::Hour | Self::Day => format!("CAST(group_{place} AS TEXT)"),
            _ => format!("coalesce((SELECT text FROM name WHERE id = group_{place}), '')"),
        }
    }

    /// What a group is called, by its name in the tables.
    fn shown(&self, name: &str) -> String {
        match self {
            Self::Tag(wanted) => {
                let value =
                    |tag: &str| Some(tag.strip_prefix(wanted.as_str())?.strip_prefix(':')?.to_owned());
                name.split(BETWEEN_TAGS).find_map(value).unwrap_or_default()
            }
            _ => name.replace(BETWEEN_TAGS, " "),
        }
    }
}

impl Group {
    /// What groups are sorted by: numbers by their size.
    pub fn order(&self) -> Vec<(u64, String)> {
        self.of.iter().map(|of| (of.parse().unwrap_or(u64::MAX), of.clone())).collect()
    }
}

impl Used {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            estimated: self.estimated + other.estimated,
            unpriced: self.unpriced + other.unpriced,
            input: self.input + other.input,
            cache_read: self.cache_read + other.cache_read,
            cache_write: self.cache_write + other.cache_write,
            output: self.output + other.output,
            reasoning: self.reasoning + other.reasoning,
            cost: self.cost + other.cost,
            micros: self.micros + other.micros,
            first_tokens: self.first_tokens + other.first_tokens,
            first_token_micros: self.first_token_micros + other.first_token_micros,
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
        self.usage_of(&Wanted { from_ms, until_ms, ..Wanted::default() }, by)
    }

    /// What the calls used that are wanted, for each group of them, the earliest times and first names first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn usage_of(&self, wanted: &Wanted, by: &[By]) -> Result<Vec<Group>, DatabaseError> {
        let is_fine = wanted.is_fine || by.contains(&By::Minute);
        let found: Vec<Group> = self.ask(|connection| {
            let mut given: Vec<Value> = Vec::new();
            let sql = statement(connection, wanted, by, is_fine, &mut given)?;
            let mut sums = connection.prepare_cached(&sql)?;
            sums.query_map(params_from_iter(given), |row| group(row, by))?.collect()
        })?;
        // Tags that say the same of a name are one group.
        let mut groups: BTreeMap<Vec<(u64, String)>, Used> = BTreeMap::new();
        for group in found {
            let sums = groups.entry(group.order()).or_default();
            *sums = sums.and(group.used);
        }
        let group = |(of, used): (Vec<(u64, String)>, Used)| Group {
            of: of.into_iter().map(|(_, name)| name).collect(),
            used,
        };
        Ok(groups.into_iter().map(group).collect())
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

/// Sums first, then names: a name is looked up for each group, and not for each hour of it. What it asks with is `given`.
fn statement(
    connection: &Connection,
    wanted: &Wanted,
    by: &[By],
    is_fine: bool,
    given: &mut Vec<Value>,
) -> rusqlite::Result<String> {
    let (mut inner, mut outer, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for sum in SUMS {
        inner.push(format!("sum({sum}) AS {sum}"));
        outer.push(sum.to_owned());
    }
    for (place, by) in by.iter().enumerate() {
        inner.push(format!("{} AS group_{place}", by.group(is_fine)));
        outer.push(by.name(place));
        groups.push(format!("group_{place}"));
    }
    let (table, time) = if is_fine { ("usage_recent", "minute") } else { ("usage_hour", "hour") };
    let bounds = match is_fine {
        true => {
            let newest: i64 = newest_minute(connection)?;
            [minute(wanted.from_ms).max(newest - RECENT_KEPT), minute(wanted.until_ms)]
        }
        false => [hour(wanted.from_ms), hour(wanted.until_ms)],
    };
    given.extend(bounds.map(Value::from));
    let mut only = String::new();
    for (column, name) in [("key", &wanted.key), ("model", &wanted.model), ("deployment", &wanted.deployment)]
    {
        match name.as_deref() {
            None => {}
            Some("") => only.push_str(&format!(" AND {column} = {NONE}")),
            Some(name) => {
                only.push_str(&format!(" AND {column} = (SELECT id FROM name WHERE text = ?)"));
                given.push(name.to_owned().into());
            }
        }
    }
    if let Some(tag) = &wanted.tag {
        only.push_str(&format!(
            " AND tags IN (SELECT id FROM name WHERE instr('{BETWEEN_TAGS}' || text || '{BETWEEN_TAGS}', ?) > 0)"
        ));
        given.push(format!("{BETWEEN_TAGS}{tag}{BETWEEN_TAGS}").into());
    }
    let (inner, outer) = (inner.join(", "), outer.join(", "));
    let grouped = if by.is_empty() { String::new() } else { format!("GROUP BY {}", groups.join(", ")) };
    Ok(format!(
        "SELECT {outer} FROM (
            SELECT {inner}, count(*) AS rows FROM {table} WHERE {time} >= ? AND {time} <= ?{only} {grouped}
            LIMIT {MOST_GROUPS}
        ) WHERE rows > 0"
    ))
}

fn group(row: &Row<'_>, by: &[By]) -> rusqlite::Result<Group> {
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
        by.iter().enumerate().map(|(place, by)| Ok(by.shown(&row.get::<_, String>(SUMS.len() + place)?)));
    Ok(Group { of: of.collect::<rusqlite::Result<_>>()?, used })
}

fn newest_minute(connection: &Connection) -> rusqlite::Result<i64> {
    let mut newest = connection.prepare_cached("SELECT coalesce(max(minute), 0) FROM minute")?;
    newest.query_row([], |row| row.get(0))
}

fn minute(ms: u64) -> i64 {
    i64::try_from(ms / MINUTE_MS).unwrap_or(i64::MAX)
}

fn hour(ms: u64) -> i64 {
    i64::try_from(ms / HOUR_MS).unwrap_or(i64::MAX)
}

fn spent(connection: &Connection, key: &str, since_ms: u64) -> rusqlite::Result<Spent> {
    let number: Option<i64> = match key {
        "" => Some(NONE),
        key => connection
            .prepare_cached("SELECT id FROM name WHERE text = ?")?
            .query_map([key], |row| row.get(0))?
            .next()
            .transpose()?,
    };
    let Some(number) = number else { return Ok(Spent::default()) };
    let newest = newest_minute(connection)?;
    let since = minute(since_ms);
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
