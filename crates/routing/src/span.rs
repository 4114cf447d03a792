//! Arithmetic on times that no clock and no provider's number can make panic.

use std::time::{Duration, Instant};

/// Longer than anything here has to last, and far from any clock's end.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// `now` and `span` later; spans of more than a year are a year.
pub(crate) fn later(now: Instant, span: Duration) -> Instant {
    now.checked_add(span.min(YEAR)).unwrap_or(now)
}

/// `span` times `factor`; spans of more than a year are a year, and a factor that is no positive number is one.
pub(crate) fn stretched(span: Duration, factor: f64) -> Duration {
    let span = span.min(YEAR);
    Duration::try_from_secs_f64(span.as_secs_f64() * factor).map_or(span, |long| long.min(YEAR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overflows() {
        #[expect(clippy::disallowed_methods, reason = "a test needs some time to begin with")]
        let now = Instant::now();
        assert_eq!(later(now, Duration::MAX), now + YEAR);
        assert_eq!(stretched(Duration::MAX, f64::MAX), YEAR);
        assert_eq!(stretched(Duration::from_secs(2), 1.5), Duration::from_secs(3));
        for odd in [f64::NAN, -1.0, f64::INFINITY] {
            assert_eq!(stretched(Duration::from_secs(2), odd), Duration::from_secs(2));
        }
    }
}
