//! Points in time as Google spells them (RFC 3339, in UTC) and as seconds since 1970.

/// Seconds since 1970 of `2025-05-31T21:23:04.717155Z`; `None` for anything else or earlier.
pub(super) fn read(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u64>().ok();
    let punctuation = text.as_bytes().get(..19)?;
    if [4, 7, 10, 13, 16].map(|at| punctuation[at]) != *b"--T::" || !text.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + number(11..13)? * 3_600 + number(14..16)? * 60 + number(17..19)?)
}

/// The point in time as Google spells it.
pub(super) fn write(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let (month, later) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    let year = era * 400 + year + later;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:59Z", 951_827_459),
            ("2025-12-31T23:59:59Z", 1_767_225_599),
        ] {
            assert_eq!(read(text), Some(seconds));
            assert_eq!(write(seconds), text);
        }
        assert_eq!(read("2025-05-31T21:23:04.717155Z"), Some(1_748_726_584));
        for odd in [
            "",
            "2025-05-31",
            "2025-13-31T21:23:04Z",
            "0001-01-01T00:00:00Z",
            "2025-05-31T21:23:04+02:00",
            "äääääääääääääääääääZ",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert!(write(u64::MAX).ends_with('Z'));
    }
}
