//! What is known, in the API's words.

use std::time::{Duration, SystemTime};

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

/// The moment that is so long after the beginning of 1970.
pub(super) fn at(since: Duration) -> Option<String> {
    let at = SystemTime::UNIX_EPOCH.checked_add(since)?;
    // Years of five digits are no RFC 3339.
    (since < Duration::from_secs(253_402_300_800)).then(|| humantime::format_rfc3339_millis(at).to_string())
}

/// The word for a method in the config and the API.
pub(super) fn method(method: CheckMethod) -> &'static str {
    match method {
        CheckMethod::Models => "models",
        CheckMethod::Call => "call",
    }
}
