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
        (_, None) => String::new(),
        ("half_open", Some(reason)) => format!("one request tries it after {}", reason_in_words(reason)),
        (_, Some("open")) if condition.consecutive > 0 => {
            format!("{} faults in a row", condition.consecutive)
        }
        (_, Some(reason)) => reason_in_words(reason),
    };
    match (&condition.until, condition.until_ms) {
        // The clock's part of the moment, with the seconds and no more.
        (Some(until), Some(left)) => {
            let clock = until.get(11..19).unwrap_or(until);
            format!("{why}, until {clock} UTC ({})", ago(left))
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

/// A time in the two units that say most.
pub(crate) fn ago(millis: u64) -> String {
    let seconds = millis.div_ceil(1000);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
