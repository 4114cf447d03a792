//! What a provider's headers say is left of its limits.
//!
//! `x-ratelimit-remaining-requests` (OpenAI, Azure, Groq, Fireworks), the same with the time that the limit is for
//! (`-req-minute` at Mistral, `-requests-day` at Cerebras), without a measure (OpenRouter, Together, and the IETF's
//! `ratelimit-remaining`, draft-ietf-httpapi-ratelimit-headers-07), and Anthropic's, which name the part last.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};
use lockgate_protocol::ir::{Left, Room};

use crate::{providers::anthropic, spans};

/// What the headers begin with, and whether they name the measure before the part: `..requests-reset`, which is a moment.
const FAMILIES: &[(&str, bool)] =
    &[("x-ratelimit-", false), ("ratelimit-", false), (anthropic::LIMIT_HEADERS, true)];

/// What is measured, in the order in which one of two that are equally tight is named.
const MEASURES: [(&str, Measure); 13] = [
    ("requests", Measure::Requests),
    ("tokens", Measure::Tokens),
    ("input-tokens", Measure::Tokens),
    ("output-tokens", Measure::Tokens),
    ("req-minute", Measure::Requests),
    ("req-second", Measure::Requests),
    ("tokens-minute", Measure::Tokens),
    ("requests-minute", Measure::Requests),
    ("requests-hour", Measure::Requests),
    ("requests-day", Measure::Requests),
    ("tokens-hour", Measure::Tokens),
    ("tokens-day", Measure::Tokens),
    // Without a word it is requests that are counted.
    ("", Measure::Requests),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    Requests,
    Tokens,
}

#[derive(Clone, Copy)]
enum Part {
    Remaining,
    Limit,
    Reset,
}

const PARTS: [(&str, Part); 3] =
    [("remaining", Part::Remaining), ("limit", Part::Limit), ("reset", Part::Reset)];

/// What the headers say of one limit.
#[derive(Clone, Copy, Default)]
struct Row<'a> {
    remaining: Option<u64>,
    limit: Option<u64>,
    reset: Option<&'a str>,
    /// Whether the reset is the moment at which the limit ends.
    is_moment: bool,
}

/// Reads what is left. Without such headers that costs three comparisons for each header of the answer.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Room {
    let Some(rows) = rows(headers) else { return Room::default() };
    let tightest = |measure| {
        let of_measure = MEASURES.iter().zip(&rows).filter(|((_, of), _)| *of == measure);
        let told = of_measure.filter_map(|(_, row)| Some((row, row.remaining?)));
        let (row, remaining) = told.min_by(|(a, left), (b, right)| {
            // Shares compared without division; a limit that nobody named counts as whole, unless nothing is left.
            let (of_a, of_b) = (a.limit.unwrap_or(*left).max(1), b.limit.unwrap_or(*right).max(1));
            (u128::from(*left) * u128::from(of_b)).cmp(&(u128::from(*right) * u128::from(of_a)))
        })?;
        Some(Left { remaining, limit: row.limit, reset: row.reset.and_then(|text| spans::until(text, now)) })
    };
    Room { requests: tightest(Measure::Requests), tokens: tightest(Measure::Tokens) }
}

/// How long until every limit that is used up has ended, where the headers name its moment.
pub(crate) fn empty(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let rows = rows(headers)?;
    let used_up = rows.iter().filter(|row| row.is_moment && row.remaining == Some(0));
    used_up.filter_map(|row| spans::until(row.reset?, now)).max()
}

/// One row for each measure; `None` where there is no such header.
fn rows(headers: &HeaderMap) -> Option<[Row<'_>; MEASURES.len()]> {
    let mut rows = None;
    for (name, value) in headers {
        let Some((place, part, is_moment)) = known(name) else { continue };
        let Some(text) = value.to_str().ok().map(str::trim) else { continue };
        let row: &mut Row<'_> = rows.get_or_insert([Row::default(); MEASURES.len()]).get_mut(place)?;
        match part {
            Part::Remaining => row.remaining = text.parse().ok(),
            Part::Limit => row.limit = text.parse().ok(),
            Part::Reset => (row.reset, row.is_moment) = (Some(text), is_moment),
        }
    }
    rows
}

/// The measure's place in the table, and which part of it a header is.
fn known(name: &HeaderName) -> Option<(usize, Part, bool)> {
    let (rest, is_moment) = FAMILIES
        .iter()
        .find_map(|(prefix, is_moment)| Some((name.as_str().strip_prefix(prefix)?, *is_moment)))?;
    let (measure, part) = PARTS.iter().find_map(|(word, part)| {
        let measure = if is_moment { rest.strip_suffix(word)? } else { rest.strip_prefix(word)? };
        let bare = if is_moment { measure.strip_suffix('-') } else { measure.strip_prefix('-') };
        bare.or(Some("").filter(|_| measure.is_empty())).map(|measure| (measure, *part))
    })?;
    let place = MEASURES.iter().position(|(known, _)| *known == measure)?;
    Some((place, part, is_moment))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-06 08:49:37 UTC.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    /// `remaining/limit@seconds`, a dash for what is not told.
    fn spelled(left: Option<Left>) -> String {
        let Some(left) = left else { return "-".to_owned() };
        let limit = left.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        let reset = left.reset.map_or_else(|| "-".to_owned(), |reset| reset.as_secs_f64().to_string());
        format!("{}/{limit}@{reset}", left.remaining)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], requests: &str, tokens: &str) {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let room = read(&headers, now());
        assert_eq!((spelled(room.requests).as_str(), spelled(room.tokens).as_str()), (requests, tokens));
    }

    #[test]
    fn each_family_is_read() {
        check(
            &[
                ("x-ratelimit-limit-requests", "500"),
                ("x-ratelimit-remaining-requests", "499"),
                ("x-ratelimit-reset-requests", "120ms"),
                ("x-ratelimit-limit-tokens", "200000"),
                ("x-ratelimit-remaining-tokens", "0"),
                ("x-ratelimit-reset-tokens", "6m0s"),
            ],
            "499/500@0.12",
            "0/200000@360",
        );
        check(
            &[
                ("anthropic-ratelimit-requests-limit", "4000"),
                ("anthropic-ratelimit-requests-remaining", "3999"),
                ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:38Z"),
            ],
            "3999/4000@1",
            "-",
        );
        check(
            &[("x-ratelimit-limit-req-minute", "60"), ("x-ratelimit-remaining-req-minute", "59")],
            "59/60@-",
            "-",
        );
        check(
            &[
                ("x-ratelimit-remaining-requests-day", "10"),
                ("x-ratelimit-limit-requests-day", "1000"),
                ("x-ratelimit-reset-requests-day", "33011.382867"),
                ("x-ratelimit-remaining-tokens-minute", "60000"),
            ],
            "10/1000@33011.382867",
            "60000/-@-",
        );
        check(
            &[
                ("x-ratelimit-limit", "50"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1000000000000"),
            ],
            "0/50@215888223",
            "-",
        );
        check(
            &[("ratelimit-limit", "100"), ("ratelimit-remaining", "99"), ("ratelimit-reset", "50")],
            "99/100@50",
            "-",
        );
    }

    #[test]
    fn the_tightest_of_several_limits_counts() {
        let anthropic = [
            ("anthropic-ratelimit-tokens-limit", "12000"),
            ("anthropic-ratelimit-tokens-remaining", "11000"),
            ("anthropic-ratelimit-input-tokens-limit", "10000"),
            ("anthropic-ratelimit-input-tokens-remaining", "10000"),
            ("anthropic-ratelimit-output-tokens-limit", "2000"),
            ("anthropic-ratelimit-output-tokens-remaining", "1000"),
            ("anthropic-ratelimit-output-tokens-reset", "1994-11-06T08:50:37Z"),
        ];
        check(&anthropic, "-", "1000/2000@60");
        check(&anthropic[..4], "-", "11000/12000@-");
        check(
            &[
                ("x-ratelimit-remaining-tokens", "5"),
                ("x-ratelimit-remaining-tokens-day", "0"),
                ("x-ratelimit-remaining-tokens-minute", "4"),
                ("x-ratelimit-limit-tokens-minute", "8"),
            ],
            "-",
            "0/-@-",
        );
    }

    #[test]
    fn what_is_no_such_header_says_nothing() {
        check(&[("content-type", "application/json"), ("x-request-id", "1")], "-", "-");
        check(&[("x-ratelimit-limit-requests", "5"), ("x-ratelimit-reset-requests", "1s")], "-", "-");
        check(&[("x-ratelimit-remaining-requests", "-1"), ("x-ratelimit-remaining-pages", "1")], "-", "-");
        check(
            &[("x-ratelimit-remainingrequests", "1"), ("anthropic-ratelimit-unified-status", "ok")],
            "-",
            "-",
        );
        check(
            &[("x-ratelimit-remaining-requests", "3"), ("x-ratelimit-reset-requests", "soon")],
            "3/-@-",
            "-",
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(rows in prop::collection::vec((name(), ".{0,30}|[0-9]{1,24}|[0-9.]{1,9}(ms|s|m|h|d)|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}Z"), 0..12)) {
            let mut headers = HeaderMap::new();
            for (name, value) in rows {
                if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
                    headers.append(name, value);
                }
            }
            let room = read(&headers, now());
            let _ = empty(&headers, now());
            for left in [room.requests, room.tokens].into_iter().flatten() {
                prop_assert!(!headers.is_empty(), "{left:?}");
            }
        }
    }

    /// Names that are nearly such headers, or are.
    fn name() -> impl Strategy<Value = String> {
        let families = prop::sample::select(FAMILIES.iter().map(|(prefix, _)| *prefix).collect::<Vec<_>>());
        let word = || {
            prop_oneof![
                Just("remaining"),
                Just("limit"),
                Just("reset"),
                Just("requests"),
                Just("tokens"),
                Just("-"),
                Just("")
            ]
        };
        (families, word(), word(), word()).prop_map(|(family, a, b, c)| format!("{family}{a}{b}{c}"))
    }
}
