//! Which hour it is, in UTC, for the names of files.

const HOUR_MS: u64 = 3_600_000;
const HOURS_OF_A_DAY: u64 = 24;
/// Days from the first of March of the year 0 to 1970.
const DAYS_TO_1970: u64 = 719_468;
/// Days of 400 years, after which the calendar begins again.
const DAYS_OF_AN_ERA: u64 = 146_097;

/// The hour of a time in milliseconds since 1970, as `YYYYMMDD_HH`.
pub(crate) fn hour(ms: u64) -> String {
    let hours = ms / HOUR_MS;
    let (year, month, day) = date(hours / HOURS_OF_A_DAY);
    format!("{year:04}{month:02}{day:02}_{:02}", hours % HOURS_OF_A_DAY)
}

/// Year, month and day of a number of days since 1970. Years begin in March here, so that the odd day is their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / DAYS_OF_AN_ERA, days % DAYS_OF_AN_ERA);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_have_their_names() {
        for (ms, name) in [
            (0, "19700101_00"),
            (3_599_999, "19700101_00"),
            (951_782_400_000, "20000229_00"),
            (951_868_800_000, "20000301_00"),
            (1_735_689_599_999, "20241231_23"),
            (1_763_758_800_000, "20251121_21"),
            (4_107_542_400_000, "21000301_00"),
        ] {
            assert_eq!(hour(ms), name);
        }
    }

    #[test]
    fn every_day_is_followed_by_the_next_one() {
        let mut last = date(0);
        for days in 1..200_000 {
            let next = date(days);
            assert!(next > last && next.2 <= 31 && (1..=12).contains(&next.1));
            assert!(next.2 == last.2 + 1 || next.2 == 1);
            last = next;
        }
    }
}
