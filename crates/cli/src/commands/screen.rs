//! Text for a terminal: colours where somebody looks, figures in few signs, and nothing in it that a terminal obeys.

use std::io::IsTerminal;

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Plain,
    Bold,
    Dim,
    Good,
    Warning,
    Bad,
}

impl Look {
    /// Of an HTTP status.
    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            200..=399 => Self::Good,
            499 | 0 => Self::Dim,
            400..=498 => Self::Warning,
            _ => Self::Bad,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\x1b[1m",
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Whether standard output is a terminal whose owner wants colours.
pub(crate) fn has_colours() -> bool {
    std::io::stdout().is_terminal() && super::env("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// The text in its colour, if there are colours.
pub(crate) fn painted(text: &str, look: Look, has_colours: bool) -> String {
    match look.code() {
        code if has_colours && !code.is_empty() && !text.is_empty() => format!("{code}{text}\x1b[0m"),
        _ => text.to_owned(),
    }
}

/// What clients and providers have written, without signs that a terminal obeys, on one line.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

/// The text in so many columns: cut with a sign that it goes on, or filled up.
pub(crate) fn fitted(text: &str, width: usize, is_number: bool) -> String {
    let text = cut(text, width);
    let gap = " ".repeat(width.saturating_sub(text.chars().count()));
    if is_number { gap + &text } else { text + &gap }
}

/// The text in so many columns at most.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.extend((width > 0).then_some('…'));
    short
}

/// A number in at most five signs: `999`, `1.2k`, `34k`, `5.6M`.
pub(crate) fn count(number: f64) -> String {
    let units = ["", "k", "M", "G", "T"];
    let (mut number, mut unit) = (number.max(0.0), 0);
    while number >= 999.5 && unit + 1 < units.len() {
        (number, unit) = (number / 1000.0, unit + 1);
    }
    let digits = usize::from(number < 9.95 && (unit > 0 || number.fract() >= 0.05));
    format!("{number:.digits$}{}", units[unit])
}

/// Milliseconds in the unit that says most: `60 µs`, `4.5 ms`, `45 ms`, `1.2 s`, `3.4 min`.
pub(crate) fn time(ms: f64) -> String {
    match ms {
        ms if ms < 0.9995 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 99_950.0 => format!("{:.1} s", ms / 1e3),
        ms => format!("{:.1} min", ms / 6e4),
    }
}

/// Millionths of a dollar, to the digit that still says something: `$12.34`, `$0.0123`, `$0.000045`.
pub(crate) fn money(micro_usd: u64) -> String {
    let dollars = micro_usd as f64 / 1e6;
    match micro_usd {
        0 => "$0".to_owned(),
        1_000_000.. => format!("${dollars:.2}"),
        1_000.. => format!("${dollars:.4}"),
        _ => format!("${dollars:.6}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (number, expect) in [
            (0.0, "0"),
            (0.31, "0.3"),
            (9.97, "10"),
            (12.0, "12"),
            (999.0, "999"),
            (999.9, "1.0k"),
            (1_240.0, "1.2k"),
            (34_400.0, "34k"),
            (5_600_000.0, "5.6M"),
        ] {
            assert_eq!(count(number), expect);
        }
        for (ms, expect) in [
            (0.25, "250 µs"),
            (4.46, "4.5 ms"),
            (44.6, "45 ms"),
            (999.0, "999 ms"),
            (1_240.0, "1.2 s"),
            (204_000.0, "3.4 min"),
        ] {
            assert_eq!(time(ms), expect);
        }
        for (cost, expect) in [(0, "$0"), (45, "$0.000045"), (12_300, "$0.0123"), (12_340_000, "$12.34")] {
            assert_eq!(money(cost), expect);
        }
    }

    #[test]
    fn texts_fit_and_do_nothing_to_a_terminal() {
        assert_eq!(
            (cut("größer", 4), cut("größer", 6), cut("x", 0)),
            ("grö…".into(), "größer".into(), String::new())
        );
        assert_eq!((fitted("ab", 4, false), fitted("ab", 4, true)), ("ab  ".into(), "  ab".into()));
        assert_eq!(tame("a\x1b[2Jb\r\nc\u{9b}d"), "a [2Jb  c d");
        assert_eq!(painted("x", Look::Bad, false), "x");
        assert_eq!(painted("x", Look::Bad, true), "\x1b[31mx\x1b[0m");
    }
}
