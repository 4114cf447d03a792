//! What providers' headers say is left of their limits.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use crate::{RateLimit, Window, clock};

/// The names of the headers of one limit: all of it, what is left, when all of it is there again.
pub(super) type Names = [&'static str; 3];

/// The headers for `limits`: `names` are those of requests and of tokens, `reset` spells the time.
pub(super) fn headers(
    limits: RateLimit,
    names: [Names; 2],
    reset: fn(Duration) -> String,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (window, [limit, remaining, again]) in [limits.requests, limits.tokens].into_iter().zip(names) {
        let Some(Window { limit: all, remaining: left, reset: wait }) = window else { continue };
        headers.push((HeaderName::from_static(limit), all.into()));
        headers.push((HeaderName::from_static(remaining), left.into()));
        if let Ok(wait) = HeaderValue::from_str(&reset(wait)) {
            headers.push((HeaderName::from_static(again), wait));
        }
    }
    headers
}

/// A time from now as a point of time, `2026-01-01T00:00:00Z`.
pub(super) fn at(wait: Duration) -> String {
    clock::wall()
        .checked_add(wait)
        .map_or_else(String::new, |point| humantime::format_rfc3339_seconds(point).to_string())
}

/// A time as Go writes it, `6m0s`, `1s`, `12ms`.
pub(super) fn go(wait: Duration) -> String {
    let (seconds, millis) = (wait.as_secs(), wait.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match millis {
        0 => String::new(),
        millis => format!(".{millis:03}").trim_end_matches('0').to_owned(),
    };
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{millis}ms"),
        (0, 0, seconds) => format!("{seconds}{fraction}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}{fraction}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_providers_write_them() {
        for (millis, text) in
            [(12, "12ms"), (1000, "1s"), (7660, "7.66s"), (360_000, "6m0s"), (3_600_500, "1h0m0.5s")]
        {
            assert_eq!(go(Duration::from_millis(millis)), text);
        }
        let soon = at(Duration::from_secs(60));
        assert!(soon.len() == 20 && soon.ends_with('Z'), "{soon}");
    }
}
