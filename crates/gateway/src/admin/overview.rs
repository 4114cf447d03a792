//! The gateway as a whole: the counters that show a leak.

use std::sync::{Arc, atomic::Ordering};

use super::{GatewayStatus, deployments, explain, millis};
use crate::{Gateway, clock};

pub(super) fn now(gateway: &Arc<Gateway>) -> GatewayStatus {
    let now = clock::now();
    let retries = gateway.fleet.all().into_iter();
    GatewayStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_ms: millis(now.saturating_duration_since(gateway.since)),
        draining: gateway.draining.load(Ordering::Relaxed),
        calls: gateway.calls.now(),
        connections: gateway.connections.now(),
        body_bytes: gateway.room.held(),
        tasks: gateway.tasks.len(),
        attempts: deployments::each(gateway).iter().map(|row| row.deployment.health.in_flight()).sum(),
        retries: retries.map(|(name, model)| (name, explain::retries(&model, now))).collect(),
    }
}
