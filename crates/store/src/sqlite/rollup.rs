//! What calls used, summed by hour and by minute.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::names::Kind;
use crate::{CallRecord, Ended, Price};

const MINUTE_MS: u64 = 60_000;
const MINUTES_OF_AN_HOUR: u64 = 60;
/// Minutes are kept for the longest period that a budget counts by them, a month, and some; hours are kept for good.
pub(super) const MINUTES_KEPT: i64 = 40 * 24 * 60;
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

#[derive(Default)]
struct Hour {
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

#[derive(Default)]
struct Minute {
    requests: i64,
    unpriced: i64,
    tokens: i64,
    cost: i64,
}

/// What the calls of one batch used.
#[derive(Default)]
pub(super) struct Rollup {
    hours: BTreeMap<[i64; 5], Hour>,
    minutes: BTreeMap<[i64; 2], Minute>,
}

impl Rollup {
    /// Counts a call.
    pub(super) fn add(&mut self, record: &CallRecord, kind: &Kind) {
        let minute = minute(record);
        let usage = record.usage.unwrap_or_default();
        let (cost, unpriced) = (figure(record.cost.unwrap_or(0)), i64::from(record.price == Price::Unknown));
        let of_hour = [hour(minute), kind.key, kind.model, kind.deployment, kind.tags];
        let sums = self.hours.entry(of_hour).or_default();
        sums.requests += 1;
        sums.errors += i64::from(record.ended != Ended::Answered);
        sums.estimated += i64::from(usage.is_estimated);
        sums.unpriced += unpriced;
        sums.input += figure(usage.input);
        sums.cache_read += figure(usage.cache_read);
        sums.cache_write += figure(usage.cache_write);
        sums.output += figure(usage.output);
        sums.reasoning += figure(usage.reasoning);
        sums.cost += cost;
        sums.micros += figure(record.micros);
        if let Some(micros) = record.first_token_micros {
            sums.first_tokens += 1;
            sums.first_token_micros += figure(micros);
        }
        let sums = self.minutes.entry([kind.key, minute]).or_default();
        sums.requests += 1;
        sums.unpriced += unpriced;
        sums.tokens += figure(usage.input) + figure(usage.cache_read) + figure(usage.cache_write);
        sums.tokens += figure(usage.output);
        sums.cost += cost;
    }

    /// Adds it to what the database has.
    pub(super) fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut hours = connection.prepare_cached(
            "INSERT INTO usage_hour VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, errors = errors + excluded.errors,
            estimated = estimated + excluded.estimated, unpriced = unpriced + excluded.unpriced,
            input = input + excluded.input, cache_read = cache_read + excluded.cache_read,
            cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
            reasoning = reasoning + excluded.reasoning, cost = cost + excluded.cost,
            micros = micros + excluded.micros, first_tokens = first_tokens + excluded.first_tokens,
            first_token_micros = first_token_micros + excluded.first_token_micros",
        )?;
        for ([hour, key, model, deployment, tags], sums) in &self.hours {
            hours.execute(params![
                hour,
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
        let mut minutes = connection.prepare_cached(
            "INSERT INTO usage_minute VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
            unpriced = unpriced + excluded.unpriced, tokens = tokens + excluded.tokens, cost = cost + excluded.cost",
        )?;
        for ([key, minute], sums) in &self.minutes {
            minutes.execute(params![key, minute, sums.requests, sums.unpriced, sums.tokens, sums.cost])?;
        }
        Ok(())
    }
}
