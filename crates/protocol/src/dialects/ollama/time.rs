//! `created_at`: RFC 3339 on the wire, seconds since 1970 in the model.

/// The last second of the year 9999; RFC 3339 has four digits for a year.
const LAST: u64 = 253_402_300_799;

/// The time as the server writes it, in UTC.
pub(super) fn write(seconds: u64) -> String {
    let seconds = seconds.min(LAST);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Civil date from days: years begin in March, so that the leap day is a year's last; eras have 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year_of_era + next_year;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The whole seconds of a time; `None` if it is not RFC 3339 or before 1970.
pub(super) fn read(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let has = |at: usize, wanted: &[u8]| text.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    if !(has(4, b"-") && has(7, b"-") && has(10, b"Tt ") && has(13, b":") && has(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = offset(zone)?;
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = (era * 146_097 + day_of_era).checked_sub(719_468)?;
    (days * 86_400 + hour * 3600 + minute * 60 + second).checked_add_signed(-offset)
}

/// Seconds that a zone is ahead of UTC: `Z`, `+02:00`, `-07:00`.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) =
        zone.strip_prefix('+').map(|rest| (1, rest)).or(zone.strip_prefix('-').map(|r| (-1, r)))?;
    let (hours, minutes) = rest.split_once(':')?;
    let part = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() == 2).map(i64::from);
    Some(sign * (part(hours)? * 3600 + part(minutes)? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2024-05-24T20:01:31Z", 1_716_580_891),
            ("2026-11-21T00:00:00Z", 1_795_219_200),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!((read(text), write(seconds)), (Some(seconds), text.to_owned()));
        }
        assert_eq!(read("2023-08-04T08:52:19.385406455-07:00"), read("2023-08-04T15:52:19Z"));
        assert_eq!(write(u64::MAX), "9999-12-31T23:59:59Z");
        for junk in [
            "",
            "2024",
            "2024-13-01T00:00:00Z",
            "2024-05-24T20:01:31",
            "1969-12-31T23:59:59Z",
            "é024-05-24T20:01:31Z",
        ] {
            assert_eq!(read(junk), None, "{junk}");
        }
    }
}
