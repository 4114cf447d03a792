//! What is known, in the API's words.

use std::time::Duration;

use lockgate_config::CheckMethod;
use lockgate_routing::Status;

use super::{Condition, millis};
use crate::clock;

/// What is known of a deployment in the API's words.
pub(super) fn condition(status: &Status) -> Condition {
    let faults = status.faults.iter().map(|(kind, count)| ((*kind).to_owned(), *count));
    Condition {
        state: status.state.name().to_owned(),
        reason: status.why.map(|why| why.name().to_owned()),
        until_ms: status.until.map(millis),
        until: status.until.and_then(moment),
        requests: status.requests,
        answered: status.answered,
        faults: faults.collect(),
        in_flight: status.in_flight,
        consecutive: status.consecutive,
        first_token_ms: status.first_token.map(|span| span.as_secs_f64() * 1e3),
        headroom: status.headroom,
        opened: status.opened,
        probes: status.probes,
    }
}

/// The moment after that time.
pub(super) fn moment(span: Duration) -> Option<String> {
    let at = clock::wall().checked_add(span)?;
    Some(humantime::format_rfc3339_millis(at).to_string())
}

/// The word for a method in the config and the API.
pub(super) fn method(method: CheckMethod) -> &'static str {
    match method {
        CheckMethod::Models => "models",
        CheckMethod::Call => "call",
    }
}
