//! What calls used, summed by hour and by minute.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::names::Kind;
use crate::{CallRecord, Ended, Price};

const MINUTE_MS: u64 = 60_000;
const MINUTES_OF_AN_HOUR: u64 = 60;
/// Minutes are kept for the longest period that a budget counts by them, a month, and some; hours are kept for good.
pub(super) const MINUTES_KEPT: i64 = 40 * 24 * 60;
/// What all is told apart by is kept by the minute for two days.
pub(super) const RECENT_KEPT: i64 = 2 * 24 * 60;
/// No figure of one call counts for more: sums of nonsense must still fit into 63 bits.
const MOST: u64 = 1 << 42;

/// A figure of one call as it is summed.
pub(super) fn figure(count: u64) -> i64 {
    i64::try_from(count.min(MOST)).unwrap_or(i64::MAX)
}

/// The minute in which a call ended, since 1970.
pub(super) fn minute(record: &CallRecord) -> i64 {
    figure(record.ended_ms() / MINUTE_MS)
}

/// The hour of a minute.
pub(super) fn hour(minute: i64) -> i64 {
    minute / i64::try_from(MINUTES_OF_AN_HOUR).unwrap_or(60)
}

/// Sums of calls that are of one key, model, deployment and tags, in an hour or a minute.
#[derive(Default)]
struct Sums {
    requests: i64,
    errors: i64,
    estimated: i64,
    unpriced: i64,
    input: i64,
    cache_read: i64,
    cache_write: i64,
    output: i64,
    reasoning: i64,
    cost: i64,
    micros: i64,
    first_tokens: i64,
    first_token_micros: i64,
}

/// What the calls of one batch used: by minute, key, model, deployment and tags. The coarser sums are made of these.
#[derive(Default)]
pub(super) struct Rollup(BTreeMap<[i64; 5], Sums>);

impl Rollup {
    /// Counts a call.
    pub(super) fn add(&mut self, record: &CallRecord, kind: &Kind) {
        let group = [minute(record), kind.key, kind.model, kind.deployment, kind.tags];
        self.0.entry(group).or_default().add(record);
    }

    /// Adds it to what the database has.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let (mut hours, mut keys) = (BTreeMap::<_, Sums>::new(), BTreeMap::<_, Sums>::new());
        for ([minute, key, model, deployment, tags], sums) in &self.0 {
            hours.entry([hour(*minute), *key, *model, *deployment, *tags]).or_default().join(sums);
            keys.entry([*key, *minute]).or_default().join(sums);
        }
        store(connection, "usage_hour", &hours)?;
        store(connection, "usage_recent", &self.0)?;
        let mut minutes = connection.prepare_cached(
            "INSERT INTO usage_minute VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
            unpriced = unpriced + excluded.unpriced, tokens = tokens + excluded.tokens, cost = cost + excluded.cost",
        )?;
        for ([key, minute], sums) in &keys {
            let tokens = sums.input + sums.cache_read + sums.cache_write + sums.output;
            minutes.execute(params![key, minute, sums.requests, sums.unpriced, tokens, sums.cost])?;
        }
        Ok(())
    }
}

impl Sums {
    fn join(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.estimated += other.estimated;
        self.unpriced += other.unpriced;
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.reasoning += other.reasoning;
        self.cost += other.cost;
        self.micros += other.micros;
        self.first_tokens += other.first_tokens;
        self.first_token_micros += other.first_token_micros;
    }

    fn add(&mut self, record: &CallRecord) {
        let usage = record.usage.unwrap_or_default();
        self.requests += 1;
        self.errors += i64::from(record.ended != Ended::Answered);
        self.estimated += i64::from(usage.is_estimated);
        self.unpriced += i64::from(record.price == Price::Unknown);
        self.input += figure(usage.input);
        self.cache_read += figure(usage.cache_read);
        self.cache_write += figure(usage.cache_write);
        self.output += figure(usage.output);
        self.reasoning += figure(usage.reasoning);
        self.cost += figure(record.cost.unwrap_or(0));
        self.micros += figure(record.micros);
        if let Some(micros) = record.first_token_micros {
            self.first_tokens += 1;
            self.first_token_micros += figure(micros);
        }
    }
}

/// Adds sums to what a table has.
fn store(connection: &Connection, table: &str, all: &BTreeMap<[i64; 5], Sums>) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(&format!(
        "INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, errors = errors + excluded.errors,
        estimated = estimated + excluded.estimated, unpriced = unpriced + excluded.unpriced,
        input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
        cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
        reasoning = reasoning + excluded.reasoning, cost = cost + excluded.cost,
        micros = micros + excluded.micros, first_tokens = first_tokens + excluded.first_tokens,
        first_token_micros = first_token_micros + excluded.first_token_micros"
    ))?;
    for ([time, key, model, deployment, tags], sums) in all {
        upsert.execute(params![
            time,
            key,
            model,
            deployment,
            tags,
            sums.requests,
            sums.errors,
            sums.estimated,
            sums.unpriced,
            sums.input,
            sums.cache_read,
            sums.cache_write,
            sums.output,
            sums.reasoning,
            sums.cost,
            sums.micros,
            sums.first_tokens,
            sums.first_token_micros
        ])?;
    }
    Ok(())
}
