//! What becomes of the trace that a call belongs to: providers are told of it, and a collector in the end.

use std::time::Instant;

use http::HeaderMap;
use lockgate_store::CallRecord;

use crate::{
    clock,
    data_path::call::Call,
    fleet::Deployment,
    telemetry::{self, About, Finished, Trace},
};

/// Says in `out` to which trace the attempt belongs that began at `since`: with a span of its own where the gateway sends
/// traces, else as the client says it.
pub(crate) fn carry(
    call: &Call,
    deployment: &Deployment,
    since: Instant,
    client: &HeaderMap,
    out: &mut HeaderMap,
) {
    if !call.setup().telemetry.propagates {
        return;
    }
    match &call.trace {
        Some(trace) => trace.carry(deployment, since.saturating_duration_since(call.began()), out),
        None => telemetry::pass_on(client, out),
    }
}

/// Hands over a call that has ended as `record` says, if its trace is kept.
pub(super) fn settled(call: &Call, trace: Option<Box<Trace>>, record: &CallRecord, ended: Instant) {
    let Some(trace) = trace.filter(|trace| trace.is_kept()) else { return };
    let about = About {
        id: record.id.clone(),
        operation: call.meter.operation(),
        dialect: call.dialect.name(),
        path: record.path.clone(),
        model: record.model.clone(),
        key: record.key.clone(),
        stream: record.stream,
        status: record.status,
        ended: record.ended,
        refusal: call.refusal,
        usage: record.usage,
        cost: record.cost,
        overhead_micros: record.overhead_micros,
        first_token_micros: record.first_token_micros,
        losses: record.losses.len(),
    };
    let ended_nanos = clock::wall_nanos();
    call.setup().telemetry.take(Finished { trace, about, began: call.began(), ended, ended_nanos });
}
