//! How long a provider asks to wait: its headers, then its body. Values are kept as they are; capping is routing's.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use serde_json::Value;

use crate::{
    room,
    spans::{self, seconds},
};

/// The first hint that says more than "at once"; what cannot be read counts as absent.
///
/// `x-ratelimit-reset-*` is not among them: it is the time to a full bucket, not to the next request. A moment at which a
/// limit that is used up ends ([`room::empty`]) is, for want of a better one.
pub(crate) fn wait(headers: &HeaderMap, body: Option<&Value>, now: SystemTime) -> Option<Duration> {
    let hints = [
        header(headers, "retry-after-ms").and_then(milliseconds),
        header(headers, "retry-after").and_then(|text| spans::until(text, now)),
        body.and_then(in_body),
        room::empty(headers, now),
    ];
    // Azure sends `retry-after: 1` together with `retry-after-ms: 0`.
    hints.iter().flatten().find(|hint| !hint.is_zero()).or_else(|| hints.iter().flatten().next()).copied()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn milliseconds(text: &str) -> Option<Duration> {
    seconds(text)
        .and_then(|thousandfold| Duration::try_from_secs_f64(thousandfold.as_secs_f64() / 1000.0).ok())
}

/// Google's `RetryInfo` (google.rpc, `retryDelay: "34s"`), or `resets_in_seconds`.
fn in_body(body: &Value) -> Option<Duration> {
    let body = body.get(0).unwrap_or(body);
    let error = body.get("error").unwrap_or(body);
    let retry_info = || {
        let details = error.get("details")?.as_array()?;
        details.iter().find_map(|detail| seconds(detail.get("retryDelay")?.as_str()?.trim()))
    };
    let resets_in = || {
        let number = error.get("resets_in_seconds").or_else(|| body.get("resets_in_seconds"))?;
        Duration::try_from_secs_f64(number.as_f64()?).ok()
    };
    retry_info().or_else(resets_in)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    /// 1994-11-06 08:49:37 UTC, the date of the RFC's example.
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
    }

    #[track_caller]
    fn check(headers: &[(&'static str, &str)], body: &str, expected: Option<f64>) {
        let map = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let body = serde_json::from_str(body).ok();
        let found = wait(&map, body.as_ref(), now()).map(|hint| hint.as_secs_f64());
        assert_eq!(found, expected, "{headers:?} {body:?}");
    }

    #[test]
    fn headers_are_read() {
        check(&[("retry-after", "2")], "", Some(2.0));
        check(&[("retry-after", " 1.5 ")], "", Some(1.5));
        check(&[("retry-after", "0")], "", Some(0.0));
        check(&[("retry-after", "1"), ("retry-after-ms", "0")], "", Some(1.0));
        check(&[("retry-after", "1"), ("retry-after-ms", "250")], "", Some(0.25));
        check(&[("retry-after", "6m0s")], "", Some(360.0));
        check(&[("retry-after", "12ms")], "", Some(0.012));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], "", Some(10.0));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], "", Some(0.0));
        check(&[("retry-after", "1555200")], "", Some(1_555_200.0));
        check(&[("retry-after", "1994-11-06T08:49:47Z")], "", Some(10.0));
        check(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "120ms")], "", None);
    }

    #[test]
    fn a_limit_that_is_used_up_ends_at_its_moment() {
        let requests = [
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:50:00Z"),
        ];
        let tokens = [
            ("anthropic-ratelimit-input-tokens-remaining", "1"),
            ("anthropic-ratelimit-input-tokens-reset", "1994-11-06T09:00:00Z"),
        ];
        check(&requests, "", Some(23.0));
        check(&tokens, "", None);
        check(&[requests, tokens].concat(), "", Some(23.0));
        check(&[&requests[..], &[("retry-after", "2")]].concat(), "", Some(2.0));
        check(&requests[1..], "", None);
        let over = [
            ("anthropic-ratelimit-tokens-remaining", "0"),
            ("anthropic-ratelimit-tokens-reset", "1994-11-06T08:50:30Z"),
        ];
        check(&[requests, over].concat(), "", Some(53.0));
    }

    #[test]
    fn bodies_are_read() {
        let info = r#"{"error":{"details":[{"links":[]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"45.5s"}]}}"#;
        check(&[], info, Some(45.5));
        check(&[], &format!("[{info}]"), Some(45.5));
        check(&[("retry-after", "3")], info, Some(3.0));
        check(&[], r#"{"error":{"type":"usage_limit_reached","resets_in_seconds":120}}"#, Some(120.0));
        check(&[], r#"{"resets_in_seconds":7.25}"#, Some(7.25));
        check(&[], r#"{"error":"text"}"#, None);
    }

    #[test]
    fn garbage_is_absent() {
        for value in
            ["", "soon", "-1", "1e9", "inf", "NaN", "1..2", "s", "5x", "1s2", "999999999999999999999999"]
        {
            check(&[("retry-after", value)], "", None);
        }
        check(&[], r#"{"error":{"details":[{"retryDelay":"-5s"}],"resets_in_seconds":-1}}"#, None);
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in ".*", spelled in "[0-9.]{0,25}(ms|s|m|h|d)?[0-9.]{0,25}(ms|s)?", body in ".*") {
            for text in [text, spelled] {
                if let Ok(value) = HeaderValue::from_str(&text) {
                    let mut headers = HeaderMap::new();
                    headers.insert("retry-after", value.clone());
                    headers.insert("retry-after-ms", value);
                    let body = serde_json::json!({ "error": { "details": [{ "retryDelay": text }] }, "x": body });
                    let _ = wait(&headers, Some(&body), now());
                }
            }
        }
    }
}
