//! The last minute in figures, and whether somebody should look at something.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::Method;

use super::{
    DeploymentStats, HealthStatus, JournalStatus, Minute, ProjectionStatus, Second, Spread, Stats,
    deployments, millis,
    table::{Row, Said},
    words,
};
use crate::{
    Setup, clock,
    feed::{Counts, Figures},
    local,
};

/// Deployments that are told of beside those of the config's models.
const MOST_OTHERS: usize = 100;

pub(super) const ROWS: &[Row] = &[
    Row::new::<Stats>(
        Method::GET,
        "/admin/v1/stats",
        "The last minute: calls, tokens, times, deployments and the latest errors.",
        |ask| Box::pin(async move { Ok(Said::json(&stats(&ask.setup))) }),
    ),
    Row::new::<HealthStatus>(
        Method::GET,
        "/admin/v1/health",
        "Whether somebody should look at something: warnings, the journal, deployments.",
        |ask| {
            Box::pin(async move {
                let setup = Arc::clone(&ask.setup);
                // The journal's bounds are read from its folder.
                let said = tokio::task::spawn_blocking(move || health(&setup)).await;
                Ok(Said::json(&said.unwrap_or_default()))
            })
        },
    ),
];

fn stats(setup: &Setup) -> Stats {
    let now = clock::now();
    let gateway = &setup.gateway;
    let mut reading = gateway.feed.pulse.read(now);
    let seconds = reading.seconds;
    let known = deployments::each(setup).into_iter().map(|row| {
        let figures = reading.deployments.remove(&row.deployment.name).unwrap_or_default();
        DeploymentStats {
            name: row.deployment.name.to_string(),
            condition: Some(words::condition(&row.deployment.health.status(now))),
            minute: minute(figures, seconds),
        }
    });
    let mut shown: Vec<_> = known.collect();
    let mut others: Vec<_> = reading.deployments.into_iter().collect();
    others.sort_by(|(a, _), (b, _)| a.cmp(b));
    shown.extend(others.into_iter().take(MOST_OTHERS).map(|(name, figures)| DeploymentStats {
        name: name.to_string(),
        condition: None,
        minute: minute(figures, seconds),
    }));
    Stats {
        at: words::moment(Duration::ZERO).unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: millis(now.saturating_duration_since(gateway.since)),
        seconds,
        calls: gateway.calls.now(),
        connections: gateway.connections.now(),
        all: minute(reading.all, seconds),
        each: reading.each.into_iter().map(second).collect(),
        deployments: shown,
        errors: reading.errors.iter().map(|line| (**line).clone()).collect(),
    }
}

fn minute(figures: Figures, seconds: u64) -> Minute {
    let Figures { counts, took, first_token, overhead } = figures;
    let rate = |count: u64| count as f64 / seconds.max(1) as f64;
    Minute {
        requests: counts.requests,
        errors: counts.errors,
        requests_per_second: rate(counts.requests),
        input_per_second: rate(counts.input),
        output_per_second: rate(counts.output),
        cost_micro_usd: counts.cost,
        took_ms: spread(took),
        first_token_ms: spread(first_token),
        overhead_ms: spread(overhead),
    }
}

fn second(counts: Counts) -> Second {
    let Counts { requests, errors, input, output, .. } = counts;
    Second { requests, errors, input, output }
}

/// How microseconds are spread, in milliseconds.
fn spread(mut micros: Vec<u64>) -> Option<Spread> {
    micros.sort_unstable();
    let share = |percent: usize| {
        // The least that so many are no more than.
        let place = (micros.len() * percent).div_ceil(100).saturating_sub(1);
        micros.get(place).map(|micros| *micros as f64 / 1e3)
    };
    Some(Spread { p50: share(50)?, p99: share(99)? })
}

fn health(setup: &Setup) -> HealthStatus {
    let now = clock::now();
    let gateway = &setup.gateway;
    let is_draining = gateway.draining.load(Ordering::Relaxed);
    let warnings = local::warnings(setup);
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for row in deployments::each(setup) {
        *states.entry(row.deployment.health.status(now).state.name().to_owned()).or_default() += 1;
    }
    let standing = gateway.store.standing();
    let projections = standing.iter().flat_map(|standing| &standing.projections);
    HealthStatus {
        status: match (is_draining, warnings.is_empty()) {
            (true, _) => "draining",
            (false, true) => "ok",
            (false, false) => "warning",
        }
        .to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: millis(now.saturating_duration_since(gateway.since)),
        warnings,
        deployments: states,
        projections: projections
            .map(|progress| ProjectionStatus {
                name: progress.name.to_owned(),
                error: progress.error.clone(),
                behind_lines: progress.behind_lines,
                behind_seconds: progress.behind_seconds,
            })
            .collect(),
        journal: standing.map(|standing| JournalStatus {
            error: standing.journal.error,
            stuck_seconds: standing.journal.stuck_seconds,
            waiting: standing.journal.waiting,
            lost: standing.journal.lost,
            segments: standing.journal.segments,
            bytes: standing.journal.bytes,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_and_nearly_all_are_no_more_than_that() {
        assert_eq!(spread(vec![]), None);
        assert_eq!(spread(vec![5_000]), Some(Spread { p50: 5.0, p99: 5.0 }));
        let hundred = (1..=100).rev().map(|ms| ms * 1_000).collect();
        assert_eq!(spread(hundred), Some(Spread { p50: 50.0, p99: 99.0 }));
    }
}
