//! What budgets are called in refusals, alerts and pages.

use std::{fmt, time::Duration};

use lockgate_config::Per;
use lockgate_prices::MicroUsd;

use super::{Budget, Limit, Window};

/// The names of times, as "of a month", and as windows that roll.
const TIMES: [(Per, &str, &str); 5] = [
    (Per::Hour, "an hour", "an hour"),
    (Per::Day, "a day", "24 hours"),
    (Per::Week, "a week", "7 days"),
    (Per::Month, "a month", "30 days"),
    (Per::Total, "all time", "all time"),
];

/// Such as `$50 a month`, `$5.50 in 24 hours`, `1000000 tokens for all time`.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.amount(self.most()).fmt(f)?;
        let row = |wanted: Per| TIMES.iter().find(|(per, ..)| *per == wanted);
        match self.window {
            Window::Calendar(per) => write!(f, " {}", row(per).map_or("", |row| row.1)),
            Window::Rolling(length) => {
                let rolls = TIMES.iter().find(|row| crate::budgets::window::length(row.0) == length);
                write!(f, " in {}", rolls.map_or("", |row| row.2))
            }
            Window::Total => f.write_str(" for all time"),
        }
    }
}

impl Limit {
    /// So much of what it is of, in words.
    pub(crate) fn amount(self, amount: u64) -> String {
        match self {
            Self::Money(_) => dollars(amount),
            Self::Tokens(_) if amount == 1 => "1 token".to_owned(),
            Self::Tokens(_) => format!("{amount} tokens"),
        }
    }
}

/// With cents, and as many digits more as there are.
fn dollars(micros: u64) -> String {
    let text = MicroUsd(micros).to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    match decimals.trim_end_matches('0') {
        "" => format!("${whole}"),
        short if short.len() < 2 => format!("${whole}.{short}0"),
        digits => format!("${whole}.{digits}"),
    }
}

/// A time in its two largest units: `3 d 4 h`, `12 s`.
pub(crate) fn span(time: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let mut said: Vec<String> = Vec::new();
    for (unit, name) in UNITS {
        let count = seconds / unit;
        if count > 0 && said.len() < 2 {
            said.push(format!("{count} {name}"));
        }
        seconds %= unit;
    }
    if said.is_empty() { "less than a second".to_owned() } else { said.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(budget: &str, expect: &str) {
        let text =
            format!("providers: {{ p: {{ kind: vllm }} }}\naccess: {{ open: true, budget: {budget} }}");
        let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
        assert_eq!(Budget::new(&config.access.budget[0], &[]).0.to_string(), expect);
    }

    #[test]
    fn budgets_are_said_as_people_say_them() {
        check("{ usd: 50, per: month }", "$50 a month");
        check("{ usd: 5.5, per: day, rolling: true }", "$5.50 in 24 hours");
        check("{ usd: 0.000125, per: hour, rolling: true }", "$0.000125 in an hour");
        check("{ tokens: 1000, per: week }", "1000 tokens a week");
        check("{ tokens: 1, per: total }", "1 token for all time");
    }

    #[test]
    fn times_are_said_in_two_units() {
        let said = [0, 59, 60, 3_661, 90_000, 2_678_399].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(said, ["less than a second", "59 s", "1 min", "1 h 1 min", "1 d 1 h", "30 d 23 h"]);
        assert_eq!(span(Duration::from_millis(1)), "1 s");
    }
}
