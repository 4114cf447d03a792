//! Where clients of the various dialects carry their key, and which one counts.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;

/// The headers that carry a key, in the order in which they are looked at: the first that holds one counts, right or wrong.
const CARRIERS: &[&str] = &["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// The key that a request shows; `in_query` is the one in its query, which counts where no header holds one.
pub(super) fn shown<'h>(headers: &'h HeaderMap, in_query: Option<Cow<'h, [u8]>>) -> Option<Cow<'h, [u8]>> {
    let in_header = CARRIERS.iter().find_map(|carrier| {
        let value = headers.get(*carrier)?.as_bytes().trim_ascii();
        key(value).filter(|key| !key.is_empty())
    });
    in_header.or(in_query).filter(|key| !key.is_empty())
}

/// The key in a header's value, as it stands or behind the name of a scheme.
fn key(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let behind = |scheme: &[u8]| {
        let (front, rest) = value.split_at_checked(scheme.len())?;
        let is_behind = rest.first().is_none_or(u8::is_ascii_whitespace);
        (front.eq_ignore_ascii_case(scheme) && is_behind).then(|| rest.trim_ascii())
    };
    if let Some(key) = behind(b"bearer") {
        return Some(Cow::Borrowed(key));
    }
    if let Some(pair) = behind(b"basic") {
        // The password, or the name of who leaves that empty, as `curl -u KEY:` does.
        let mut pair = STANDARD.decode(pair).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let password = pair.split_off(colon + 1);
        pair.truncate(colon);
        return Some(Cow::Owned(if password.is_empty() { pair } else { password }));
    }
    // A signature proves a key without showing it; such a client shows its gateway key in another header.
    (!value.starts_with(b"AWS4-HMAC-SHA256")).then_some(Cow::Borrowed(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&'static str, &str)], in_query: Option<&str>, expect: Option<&str>) {
        let headers =
            pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        let headers: HeaderMap = headers.collect();
        let got = shown(&headers, in_query.map(|key| key.as_bytes().into()));
        assert_eq!(got.as_deref().map(|key| std::str::from_utf8(key).unwrap()), expect, "{pairs:?}");
    }

    #[test]
    fn a_key_is_read_wherever_it_is() {
        for carrier in ["authorization", "x-api-key", "api-key", "x-goog-api-key"] {
            for value in ["the-key", " the-key ", "Bearer the-key", "BEARER  the-key ", "bearer\tthe-key"] {
                check(&[(carrier, value)], None, Some("the-key"));
            }
        }
        check(&[("authorization", "Basic dXNlcjp0aGUta2V5")], None, Some("the-key"));
        check(&[("authorization", "basic dGhlLWtleTo=")], None, Some("the-key"));
        check(&[], Some("the-key"), Some("the-key"));
    }

    #[test]
    fn what_holds_no_key_is_passed_over() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic ",
            "Basic !!!",
            "Basic bm9jb2xvbg==",
            "AWS4-HMAC-SHA256 Credential=a",
        ] {
            check(&[("authorization", value)], None, None);
            check(&[("authorization", value), ("x-goog-api-key", "the-key")], None, Some("the-key"));
            check(&[("authorization", value)], Some("the-key"), Some("the-key"));
        }
        check(&[("x-api-key", "")], Some(""), None);
        // What only begins like a scheme is a key.
        check(&[("x-api-key", "bearer-of-news")], None, Some("bearer-of-news"));
    }

    #[test]
    fn the_first_of_two_counts() {
        check(&[("x-goog-api-key", "b"), ("x-api-key", "a")], Some("c"), Some("a"));
        check(&[("x-api-key", "b"), ("authorization", "Bearer a")], None, Some("a"));
        check(&[("x-goog-api-key", "a")], Some("b"), Some("a"));
    }
}
