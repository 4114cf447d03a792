//! What answers say is left of the caller's limits, in the headers of the caller's dialect.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::limit_headers::{LimitHeaders, Names, Reset};

use crate::{clock, data_path::call::Call, gauge::Share};

/// Says it, in place of what a provider says of the operator's limits there.
pub(crate) fn mark(call: &Call, headers: &mut HeaderMap) {
    let purses = call.tab.purses();
    if purses.is_empty() {
        return;
    }
    let names = call.dialect.limit_headers();
    remove(names, headers);
    let now = call.latest();
    let mut least: [Option<Share>; 2] = [None; 2];
    for purse in purses {
        for (least, share) in least.iter_mut().zip(purse.gauge.shares(now)) {
            // Whichever ends first is the one that matters.
            let Some(share) = share else { continue };
            if least.is_none_or(|least| share.remaining < least.remaining) {
                *least = Some(share);
            }
        }
    }
    for (share, row) in least.into_iter().zip([&names.requests, &names.tokens]) {
        if let Some(share) = share {
            insert(share, row, names.reset, headers);
        }
    }
}

fn remove(names: &LimitHeaders, headers: &mut HeaderMap) {
    let is_theirs = |name: &&HeaderName| name.as_str().starts_with(names.begins);
    while let Some(name) = headers.keys().find(is_theirs).cloned() {
        headers.remove(name);
    }
}

fn insert(share: Share, names: &Names, reset: Reset, headers: &mut HeaderMap) {
    let Share { limit, remaining, reset: time } = share;
    headers.insert(names.limit.clone(), HeaderValue::from(limit));
    headers.insert(names.remaining.clone(), HeaderValue::from(remaining));
    let text = match reset {
        Reset::Span => span(time),
        Reset::Moment => humantime::format_rfc3339_seconds(clock::wall() + time).to_string(),
    };
    if let Ok(text) = HeaderValue::try_from(text) {
        headers.insert(names.reset.clone(), text);
    }
}

/// As OpenAI writes times: `12ms`, `1s`, `6m0s`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let mut text = String::with_capacity(16);
    let mut say = |number: u64, unit: &str| {
        push(&mut text, number);
        text.push_str(unit);
    };
    match time.as_secs() {
        0 => say(u64::from(time.subsec_millis()), "ms"),
        _ if seconds < 60 => say(seconds, "s"),
        _ => {
            say(seconds / 60, "m");
            say(seconds % 60, "s");
        }
    }
    text
}

/// Appends a number: each answer says some, and what can format anything takes its time.
fn push(text: &mut String, number: u64) {
    if number >= 10 {
        push(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_openai_writes_them() {
        let written =
            [0, 12, 999, 1000, 1001, 59_000, 60_000, 119_500].map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(written, ["0ms", "12ms", "999ms", "1s", "2s", "59s", "1m0s", "2m0s"]);
    }
}
