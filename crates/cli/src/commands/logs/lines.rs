//! Calls as lines under each other.

use std::io::IsTerminal;

use lockgate_gateway::admin::CallLine;

use super::super::screen::{Look, count, cut, fitted, has_colours, money, painted, tame, time};

/// A column: its heading, its least and greatest width, and whether it has numbers.
struct Column {
    heading: &'static str,
    least: usize,
    most: usize,
    is_number: bool,
}

const fn column(heading: &'static str, least: usize, most: usize, is_number: bool) -> Column {
    Column { heading, least, most, is_number }
}

/// Time, status, model, deployment, duration, tokens, cost and key; what went wrong stands behind them.
const COLUMNS: &[Column] = &[
    column("time (UTC)", 14, 14, false),
    column("", 3, 3, true),
    column("model", 8, 28, false),
    column("deployment", 12, 40, false),
    column("took", 7, 8, true),
    column("in", 5, 6, true),
    column("out", 5, 6, true),
    column("cost", 7, 9, true),
    column("key", 5, 16, false),
];
/// The least width at which a terminal is shown more than half of a line's columns.
const NARROW: usize = 100;

/// Writes lines whose columns stand under each other. Columns grow with what is in them, since those of calls to come are
/// not known.
pub(super) struct Lines {
    widths: Vec<usize>,
    has_heading: bool,
    has_colours: bool,
    /// Columns of the terminal; none where there is none.
    room: Option<usize>,
}

impl Lines {
    pub(super) fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let room = is_terminal.then(|| crossterm::terminal::size().ok()).flatten();
        Self {
            widths: COLUMNS.iter().map(|column| column.least).collect(),
            has_heading: is_terminal,
            has_colours: has_colours(),
            room: room.map(|(width, _)| usize::from(width)),
        }
    }

    /// The lines of these calls, with a heading before the first for a person.
    pub(super) fn of(&mut self, calls: &[CallLine]) -> String {
        let rows: Vec<[String; 9]> = calls.iter().map(cells).collect();
        for row in &rows {
            for (place, (cell, column)) in row.iter().zip(COLUMNS).enumerate() {
                self.widths[place] = self.widths[place].max(cell.chars().count().min(column.most));
            }
        }
        let mut text = String::new();
        if std::mem::take(&mut self.has_heading) {
            let headings = COLUMNS.iter().map(|column| column.heading.to_owned()).collect::<Vec<_>>();
            text.push_str(&painted(&self.line(&headings, ""), Look::Dim, self.has_colours));
            text.push('\n');
        }
        for (row, call) in rows.iter().zip(calls) {
            let fault = match (&call.error, call.ended.as_str()) {
                (_, "answered") => String::new(),
                (Some(error), ended) if ended == "refused" || ended == "broken" => tame(error),
                (_, ended) => ended.replace('_', " "),
            };
            let line = self.line(row, &fault);
            text.push_str(&self.coloured(&line, call.status));
            text.push('\n');
        }
        text
    }

    /// A line in as many columns as the terminal has.
    fn line(&self, cells: &[String], fault: &str) -> String {
        let mut line = String::new();
        for (place, (cell, column)) in cells.iter().zip(COLUMNS).enumerate() {
            // Without room for all, what is wrong says more than who answered.
            if self.room.is_some_and(|room| room < NARROW)
                && matches!(column.heading, "deployment" | "cost" | "key")
            {
                continue;
            }
            if place > 0 {
                line.push_str("  ");
            }
            line.push_str(&fitted(cell, self.widths[place], column.is_number));
        }
        if !fault.is_empty() {
            line.push_str("  ");
            line.push_str(fault);
        }
        let line = line.trim_end();
        self.room.map_or_else(|| line.to_owned(), |room| cut(line, room))
    }

    /// The time is dim and what failed is red or yellow, behind its status.
    fn coloured(&self, line: &str, status: u16) -> String {
        let look = Look::of_status(status);
        let time = self.widths[0] + 2;
        let split = |text: &str, at: usize| {
            let at = text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
            let (before, behind) = text.split_at(at);
            (before.to_owned(), behind.to_owned())
        };
        let (time, rest) = split(line, time);
        let (status, rest) = split(&rest, self.widths[1]);
        let rest_look = if look == Look::Good { Look::Plain } else { look };
        [
            painted(&time, Look::Dim, self.has_colours),
            painted(&status, look, self.has_colours),
            painted(&rest, rest_look, self.has_colours),
        ]
        .concat()
    }
}

fn cells(call: &CallLine) -> [String; 9] {
    let named = |name: &Option<String>| name.as_deref().map_or("-".to_owned(), tame);
    // `2026-11-22T00:51:03.123Z`: the month's day and the time to the second.
    let at = call.started.get(5..19).map_or_else(|| call.started.clone(), |at| at.replace('T', " "));
    let estimated = if call.tokens.is_some_and(|tokens| tokens.is_estimated) { "~" } else { "" };
    let tokens = |pick: fn(&lockgate_gateway::admin::CallTokens) -> u64| {
        call.tokens
            .as_ref()
            .map_or("-".to_owned(), |tokens| format!("{estimated}{}", count(pick(tokens) as f64)))
    };
    [
        at,
        if call.status == 0 { "-".to_owned() } else { call.status.to_string() },
        named(&call.model),
        named(&call.deployment),
        time(call.took_ms),
        tokens(|tokens| tokens.input + tokens.cache_read + tokens.cache_write),
        tokens(|tokens| tokens.output),
        match (call.is_unpriced, call.cost_micro_usd) {
            (true, _) => "?".to_owned(),
            (false, Some(cost)) => money(cost),
            (false, None) => "-".to_owned(),
        },
        named(&call.key),
    ]
}

#[cfg(test)]
mod tests {
    use lockgate_gateway::admin::CallTokens;

    use super::*;

    fn call() -> CallLine {
        CallLine {
            started: "2026-11-22T00:51:03.123Z".to_owned(),
            took_ms: 1_240.0,
            key: Some("alice".to_owned()),
            model: Some("fast".to_owned()),
            deployment: Some("openai/gpt-4o-mini#1".to_owned()),
            status: 200,
            ended: "answered".to_owned(),
            tokens: Some(CallTokens { input: 1_000, cache_read: 240, output: 56, ..CallTokens::default() }),
            cost_micro_usd: Some(1_234),
            ..CallLine::default()
        }
    }

    fn refused() -> CallLine {
        CallLine {
            deployment: None,
            status: 429,
            ended: "refused".to_owned(),
            tokens: None,
            cost_micro_usd: None,
            error: Some("the budget of alice\nis used up".to_owned()),
            ..call()
        }
    }

    fn lines(room: Option<usize>) -> Lines {
        let widths = COLUMNS.iter().map(|column| column.least).collect();
        Lines { widths, has_heading: room.is_some(), has_colours: false, room }
    }

    #[test]
    fn a_pipe_gets_plain_lines() {
        let said = lines(None).of(&[call(), refused()]);
        assert_eq!(
            said,
            "11-22 00:51:03  200  fast      openai/gpt-4o-mini#1    1.2 s   1.2k     56  $0.0012  alice\n\
             11-22 00:51:03  429  fast      -                       1.2 s      -      -        -  alice  the budget of alice is used up\n"
        );
    }

    #[test]
    fn a_terminal_gets_lines_that_fit() {
        for width in [40, 80, 200] {
            let said = lines(Some(width)).of(&[call(), refused()]);
            assert_eq!(said.lines().count(), 3);
            assert!(said.lines().all(|line| line.chars().count() <= width), "{said}");
        }
        assert!(lines(Some(80)).of(&[refused()]).contains("the budget of alice"));
    }

    #[test]
    fn what_is_not_known_is_not_nothing() {
        let unpriced = CallLine { is_unpriced: true, cost_micro_usd: None, ..call() };
        let estimated = CallTokens { is_estimated: true, output: 7, ..CallTokens::default() };
        let gone = CallLine {
            status: 499,
            ended: "client_gone".to_owned(),
            tokens: Some(estimated),
            ..unpriced.clone()
        };
        let said = lines(None).of(&[unpriced, gone]);
        assert!(said.lines().next().unwrap().contains("  ?  alice"), "{said}");
        assert!(said.contains("~7") && said.trim_end().ends_with("client gone"), "{said}");
    }
}
