//! Tables for a person's terminal, and a deployment's state in words.

use std::fmt;

use lockgate_gateway::admin::Condition;

/// Rows of cells under their headings. Columns are as wide as they need; the last one is not filled up.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    /// Columns of numbers, which stand at the right.
    numbers: &'static [usize],
}

impl Table {
    pub(crate) fn new(headings: &[&str], numbers: &'static [usize]) -> Self {
        Self { rows: vec![headings.iter().map(|text| (*text).to_owned()).collect()], numbers }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let gap = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                let (before, after) = if self.numbers.contains(&column) { (&*gap, "") } else { ("", &*gap) };
                line.push_str("  ");
                line.extend([before, cell, after]);
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Why a deployment is as it is, and until when, in words; nothing where there is nothing to say.
pub(crate) fn state(condition: &Condition) -> String {
    let why = match (condition.state.as_str(), condition.reason.as_deref()) {
        (_, None) if condition.consecutive > 0 => format!("{} faults in a row so far", condition.consecutive),
        (_, None) => String::new(),
        ("half_open", Some(reason)) => format!("one request tries it: {}", reason_in_words(reason)),
        (_, Some("open")) if condition.consecutive > 0 => {
            format!("{} faults in a row", condition.consecutive)
        }
        (_, Some(reason)) => reason_in_words(reason),
    };
    match (&condition.until, condition.until_ms) {
        // The clock's part of the moment, with the seconds and no more.
        (Some(until), Some(left)) => {
            let clock = until.get(11..19).unwrap_or(until);
            format!("{why}, until {clock} UTC ({})", span(left))
        }
        _ => why,
    }
}

fn reason_in_words(reason: &str) -> String {
    match reason {
        "open" => "too many faults".to_owned(),
        "drained" => "taken out by the operator".to_owned(),
        "full" => "as much as its limits here allow".to_owned(),
        "rate_limit_exceeded" => "the provider asked for a pause".to_owned(),
        "upstream_key_refused" => "the provider refused the key".to_owned(),
        "insufficient_quota" => "the account is used up".to_owned(),
        other => other.replace('_', " "),
    }
}

/// A time in the one or two units that say most.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<_> = parts.iter().skip_while(|(count, _)| *count == 0).take(2).collect();
    let said: Vec<_> = said.into_iter().filter(|(count, _)| *count > 0).collect();
    match said.is_empty() {
        true => "0 s".to_owned(),
        false => said.iter().map(|(count, unit)| format!("{count} {unit}")).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (millis, expect) in [
            (0, "0 s"),
            (1, "1 s"),
            (30_000, "30 s"),
            (330_000, "5 min 30 s"),
            (600_000, "10 min"),
            (3_600_000, "1 h"),
            (3_605_000, "1 h"),
            (5_400_000, "1 h 30 min"),
        ] {
            assert_eq!(span(millis), expect);
        }
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let mut table = Table::new(&["name", "n", "why"], &[1]);
        table.row(["a".to_owned(), "10".to_owned(), String::new()]);
        table.row(["größer".to_owned(), "1".to_owned(), "because".to_owned()]);
        assert_eq!(table.to_string(), "  name     n  why\n  a       10\n  größer   1  because\n");
    }

    #[track_caller]
    fn check(condition: &serde_json::Value, expect: &str) {
        let mut whole = serde_json::json!({
            "state": "closed", "reason": null, "until_ms": null, "until": null, "requests": 0, "answered": 0,
            "faults": {}, "in_flight": 0, "consecutive": 0, "first_token_ms": null, "headroom": null, "opened": 0,
            "probes": 0,
        });
        for (name, value) in condition.as_object().unwrap() {
            whole[name] = value.clone();
        }
        assert_eq!(state(&serde_json::from_value(whole).unwrap()), expect);
    }

    #[test]
    fn a_state_says_why_and_until_when() {
        use serde_json::json;
        check(&json!({}), "");
        check(&json!({ "consecutive": 2 }), "2 faults in a row so far");
        check(
            &json!({ "reason": "full", "until_ms": 900, "until": "2026-01-02T03:04:05.678Z" }),
            "as much as its limits here allow, until 03:04:05 UTC (1 s)",
        );
        check(
            &json!({ "state": "open", "reason": "open", "consecutive": 5, "until_ms": 61_000, "until": "2026-01-02T03:04:05.678Z" }),
            "5 faults in a row, until 03:04:05 UTC (1 min 1 s)",
        );
        check(&json!({ "state": "half_open", "reason": "open" }), "one request tries it: too many faults");
        check(&json!({ "state": "cooling", "reason": "upstream_overloaded" }), "upstream overloaded");
        check(&json!({ "state": "drained", "reason": "drained" }), "taken out by the operator");
    }
}
