//! How often and how long a request is tried, and how long a key rests that failed.

use super::words::Program;
use crate::foreign::section::Section;
use crate::foreign::table::{Table, written};
use crate::reading::Reading;
use crate::span::Span;

/// A whole number and its place.
type Number = (i64, Span);

/// The most attempts that one request may have here.
const MOST_ATTEMPTS: i64 = 10;
/// Attempts here where nothing is written.
const USUAL_ATTEMPTS: i64 = 3;
/// The longest rest here where nothing is written, in seconds.
const LONGEST_REST: i64 = 300;
/// How long a key rests after a failure where nothing is written, in seconds: ai-proxy, CLIProxyAPI.
const USUAL_RESTS: (i64, i64) = (15, 60);

/// Puts `retry` and `health`. There are so many `keys`.
pub(super) fn pace(
    program: Program,
    keys: usize,
    top: &mut Section<'_>,
    out: &mut Table,
    reading: &mut Reading<'_>,
) {
    let mut section = top.section("retry", reading);
    let most = section.as_mut().and_then(|section| section.number("max-retries", reading));
    let rest = section.as_mut().and_then(|section| section.number("cooldown-5xx-secs", reading));
    if let Some(mut section) = section {
        section.meaningless("max-backoff-secs", "pauses grow to 5 s at most", reading);
        for key in ["cooldown-429-secs", "cooldown-network-secs"] {
            let here = section.number(key, reading).map(|(seconds, _)| seconds);
            if here.is_some_and(|here| here != rest.map_or(USUAL_RESTS.0, |(seconds, _)| seconds)) {
                let why =
                    "every rest that the provider puts no time to is as long as `cooldown-5xx-secs` says";
                section.meaningless(key, why, reading);
            }
        }
        section.close(reading);
    }
    retry(program, keys, most, top, out, reading);
    health(program, rest, top, out, reading);
}

fn retry(
    program: Program,
    keys: usize,
    most: Option<Number>,
    top: &mut Section<'_>,
    out: &mut Table,
    reading: &mut Reading<'_>,
) {
    let mut own = Table::at(top.span);
    let rounds = top.number("request-retry", reading);
    let of_round =
        top.number("max-retry-credentials", reading).map(|(most, _)| most).filter(|most| *most > 0);
    if most.is_some() {
        let why = "`retry.max-retries` says how often a request is tried";
        top.meaningless("request-retry", why, reading);
    }
    let keys = i64::try_from(keys).unwrap_or(MOST_ATTEMPTS).max(1);
    // A round of the one is an attempt, a round of the other goes over all keys.
    let of_round = if program == Program::CliProxy { of_round.unwrap_or(keys).min(keys) } else { 1 };
    let rounds =
        rounds.map(|(rounds, span)| (rounds.max(0).saturating_add(1).saturating_mul(of_round), span));
    let attempts = most.map(|(most, span)| (most.max(1), span));
    if let Some((attempts, span)) = attempts {
        own.put("attempts", written(span, attempts.min(MOST_ATTEMPTS).to_string()));
    } else if let Some((attempts, span)) = rounds {
        let node = written(span, attempts.min(MOST_ATTEMPTS).to_string());
        own.put_chosen("attempts", node, "The first time is counted here; ten are the most.");
    }
    let attempts = attempts.or(rounds).map_or(USUAL_ATTEMPTS, |(attempts, _)| attempts.min(MOST_ATTEMPTS));
    let is_positive = |(seconds, _): &Number| *seconds > 0;
    if let Some((seconds, span)) = top.number("connect-timeout", reading).filter(is_positive) {
        own.put("connect", written(span, format!("{seconds}s")));
    }
    if let Some((seconds, span)) = top.number("request-timeout", reading).filter(is_positive) {
        let time = |seconds: i64| written(span, format!("{seconds}s"));
        own.put_chosen("answer", time(seconds), "Each attempt may take that long, as before.");
        own.put("first_byte", time(seconds));
        own.put("timeout", time(seconds.saturating_mul(attempts)));
    }
    out.put_some("retry", own.some());
}

/// Both programs let a key rest after a single fault.
fn health(
    program: Program,
    rest: Option<Number>,
    top: &mut Section<'_>,
    out: &mut Table,
    reading: &mut Reading<'_>,
) {
    let transient = top.number("transient-error-cooldown-seconds", reading);
    let is_off = top.truth("disable-cooling", reading).unwrap_or(false);
    let (seconds, span) = match program {
        Program::AiProxy => rest.unwrap_or((USUAL_RESTS.0, top.span)),
        Program::CliProxy => transient.filter(|(rest, _)| *rest != 0).unwrap_or((USUAL_RESTS.1, top.span)),
    };
    let mut own = Table::at(span);
    if is_off || seconds <= 0 {
        own.put_chosen(
            "error_threshold",
            written(span, "1000"),
            "No key rests because it failed, as before.",
        );
    } else {
        let comment = "A key rests after one failure, as before; a time that its provider says counts first.";
        own.put_chosen("error_threshold", written(span, "1"), comment);
        own.put("cooldown", written(span, format!("{seconds}s")));
        if seconds > LONGEST_REST {
            own.put("max_cooldown", written(span, format!("{seconds}s")));
        }
    }
    out.put("health", own.node());
}
