//! Over which time a budget counts.

use std::time::{Duration, Instant};

use lockgate_config::{self as config, Per};

/// One moment, on the wall for calendars and by the steady clock for windows that roll.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Milliseconds since 1970; may jump.
    pub(crate) wall_ms: u64,
    pub(crate) steady: Instant,
}

/// Over which time a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    /// The hour, day, week (from Monday on) or month of the calendar, in UTC.
    Calendar(Per),
    /// As long before now.
    Rolling(Duration),
    /// All time.
    Total,
}

impl Window {
    /// The window that a budget in the config says.
    pub(crate) fn of(budget: &config::Budget) -> Self {
        match (budget.per, budget.rolling) {
            (Per::Total, _) => Self::Total,
            (per, false) => Self::Calendar(per),
            (per, true) => Self::Rolling(length(per)),
        }
    }
}

/// How long a window is that rolls.
pub(super) fn length(per: Per) -> Duration {
    let days = match per {
        Per::Hour => return Duration::from_millis(HOUR_MS),
        Per::Day => 1,
        Per::Week => 7,
        Per::Month | Per::Total => 30,
    };
    Duration::from_millis(days * DAY_MS)
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// 1970 began on a Thursday: weeks begin three days earlier.
const MONDAY: u64 = 3 * DAY_MS;

/// When the period of the calendar began that this moment is in, and when the next begins; in milliseconds since 1970.
pub(super) fn period(per: Per, wall_ms: u64) -> (u64, u64) {
    let every = |length: u64, shift: u64| {
        let begin = (wall_ms + shift) / length * length;
        (begin.saturating_sub(shift), begin + length - shift)
    };
    match per {
        Per::Hour => every(HOUR_MS, 0),
        Per::Day => every(DAY_MS, 0),
        Per::Week => every(7 * DAY_MS, MONDAY),
        Per::Month => month(wall_ms),
        Per::Total => (0, u64::MAX),
    }
}

/// When what a window counts began, in milliseconds since 1970.
pub(crate) fn begin(window: Window, wall_ms: u64) -> u64 {
    match window {
        Window::Calendar(per) => period(per, wall_ms).0,
        Window::Rolling(length) => {
            wall_ms.saturating_sub(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
        }
        Window::Total => 0,
    }
}

fn month(wall_ms: u64) -> (u64, u64) {
    let (year, month) = civil(wall_ms / DAY_MS);
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    (days(year, month) * DAY_MS, days(next.0, next.1) * DAY_MS)
}

/// Days from 1970 to the first of a month of the Gregorian calendar.
fn days(year: u64, month: u64) -> u64 {
    // Years from March on, so that the leap day is the last of its year; eras of 400 years have the same days.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).saturating_sub(719_468)
}

/// The year and month of a day since 1970.
fn civil(day: u64) -> (u64, u64) {
    let day = day + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-02-29T12:34:56Z, a Thursday.
    const LEAP: u64 = 1_709_210_096_000;

    #[track_caller]
    fn check(per: Per, wall_ms: u64, begin: &str, end: &str) {
        let at = |text: &str| {
            let time = humantime::parse_rfc3339(text).unwrap();
            u64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
        };
        assert_eq!(period(per, wall_ms), (at(begin), at(end)));
    }

    #[test]
    fn periods_are_those_of_the_calendar() {
        check(Per::Hour, LEAP, "2024-02-29T12:00:00Z", "2024-02-29T13:00:00Z");
        check(Per::Day, LEAP, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z");
        check(Per::Week, LEAP, "2024-02-26T00:00:00Z", "2024-03-04T00:00:00Z");
        check(Per::Month, LEAP, "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z");
        check(Per::Month, LEAP + 306 * DAY_MS, "2024-12-01T00:00:00Z", "2025-01-01T00:00:00Z");
        check(Per::Month, 0, "1970-01-01T00:00:00Z", "1970-02-01T00:00:00Z");
        assert_eq!(period(Per::Total, LEAP), (0, u64::MAX));
    }

    #[test]
    fn every_day_of_four_centuries_is_in_its_month() {
        let mut wall_ms = 0;
        for _ in 0..400 * 12 {
            let (begin, end) = period(Per::Month, wall_ms);
            assert_eq!(begin, wall_ms);
            assert!((28..=31).contains(&((end - begin) / DAY_MS)));
            assert_eq!(period(Per::Month, end - 1), (begin, end));
            wall_ms = end;
        }
        check(Per::Month, wall_ms, "2370-01-01T00:00:00Z", "2370-02-01T00:00:00Z");
    }
}
