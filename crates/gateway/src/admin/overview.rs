//! The gateway as a whole: the counters that show a leak.

use std::sync::{Arc, atomic::Ordering};

use http::Method;

use super::{
    GatewayStatus, config, deployments, explain, millis,
    table::{Row, Said},
};
use crate::{Setup, clock, setup::Live};

pub(super) const ROWS: &[Row] = &[Row::new::<GatewayStatus>(
    Method::GET,
    "/admin/v1/gateway",
    "The counters that show leaks, and how the config stands.",
    |ask| Box::pin(async move { Ok(Said::json(&now(&ask.live, &ask.setup))) }),
)];

fn now(live: &Live, setup: &Arc<Setup>) -> GatewayStatus {
    let now = clock::now();
    let retries = setup.fleet.all().into_iter();
    GatewayStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: millis(now.saturating_duration_since(setup.gateway.since)),
        draining: setup.gateway.draining.load(Ordering::Relaxed),
        calls: setup.gateway.calls.now(),
        connections: setup.gateway.connections.now(),
        body_bytes: setup.gateway.room.held(),
        tasks: setup.gateway.tasks.len(),
        attempts: deployments::each(setup).iter().map(|row| row.deployment.health.in_flight()).sum(),
        config: config::status(live),
        retries: retries.map(|(name, model)| (name, explain::retries(&model, now))).collect(),
    }
}
