//! The spellings in which providers say how long something takes or when it ends.

use std::time::{Duration, SystemTime};

/// A number of seconds at and beyond which it is a moment of the Unix clock: nobody waits for thirty years.
const EPOCH_SECONDS: f64 = 1e9;
/// The same for a number of milliseconds.
const EPOCH_MILLISECONDS: f64 = 1e12;

/// How long until what `text` says: a number of seconds, a spelled duration, an HTTP date, an RFC 3339 date, or a number of
/// seconds or milliseconds of the Unix clock. A moment that has passed means at once; what cannot be read is `None`.
pub(crate) fn until(text: &str, now: SystemTime) -> Option<Duration> {
    match seconds(text) {
        Some(span) => Some(from_clock(span, now).unwrap_or(span)),
        None => moment(text).map(|then| then.duration_since(now).unwrap_or_default()),
    }
}

/// `2`, `1.5`, or spelled.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    // f64 also reads signs, exponents and infinities, which no provider writes.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { Duration::try_from_secs_f64(text.parse().ok()?).ok() } else { spelled(text) }
}

/// `12ms`, `45.837906927s`, `6m0s`, `1h2m`, `1d2h`.
fn spelled(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, unit) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let (unit, after) =
            unit.split_at(unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len()));
        let factor = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        let part = Duration::try_from_secs_f64(number.parse::<f64>().ok()? * factor).ok()?;
        total = total.checked_add(part)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

/// OpenRouter's reset is a moment in milliseconds, GitHub's one in seconds.
fn from_clock(span: Duration, now: SystemTime) -> Option<Duration> {
    let number = span.as_secs_f64();
    let since = match number {
        EPOCH_MILLISECONDS.. => Duration::try_from_secs_f64(number / 1000.0).ok()?,
        EPOCH_SECONDS.. => span,
        _ => return None,
    };
    let then = SystemTime::UNIX_EPOCH.checked_add(since)?;
    Some(then.duration_since(now).unwrap_or_default())
}

fn moment(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok().or_else(|| humantime::parse_rfc3339(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1994-11-06 08:49:37 UTC, the date of the RFC's example.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    #[track_caller]
    fn check(text: &str, expected: Option<f64>) {
        assert_eq!(until(text, now()).map(|span| span.as_secs_f64()), expected, "{text}");
    }

    #[test]
    fn every_spelling_is_read() {
        check("2", Some(2.0));
        check("0", Some(0.0));
        check("12ms", Some(0.012));
        check("6m0s", Some(360.0));
        check("45.837906927s", Some(45.837_906_927));
        check("1d2h", Some(93_600.0));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10.0));
        check("1994-11-06T08:49:47Z", Some(10.0));
        check("1994-11-06T08:49:37.250Z", Some(0.25));
        check("1994-11-06T08:00:00Z", Some(0.0));
        check("1555200", Some(1_555_200.0));
        check("1000000000", Some(215_888_223.0));
        check("1000000000000", Some(215_888_223.0));
    }

    #[test]
    fn garbage_is_nothing() {
        for text in ["", "soon", "-1", "1e9", "inf", "NaN", "1..2", "s", "5x", "1s2", "1994-13-06T08:00:00Z"]
        {
            check(text, None);
        }
        check("999999999999999999999999", None);
    }
}
