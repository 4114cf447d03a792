//! The query of a request: where some clients show their key, and what of it travels.

use std::borrow::Cow;

use http::request::Parts;
use percent_encoding::percent_decode_str;

/// The parameter in which clients may show their key. It is the gateway's own, whatever is asked: it never travels.
const KEY: &str = "key";

/// The key in the query.
pub(crate) fn key(head: &Parts) -> Option<Cow<'_, [u8]>> {
    let (_, value) =
        head.uri.query()?.split('&').map(pair).find(|(name, value)| is_key(name) && !value.is_empty())?;
    Some(percent_decode_str(value).into())
}

/// The query without the client's key; `None` if nothing is left of it.
pub(crate) fn without_key(head: &Parts) -> Option<String> {
    let query = head.uri.query()?;
    let kept: Vec<&str> = query.split('&').filter(|text| !is_key(pair(text).0)).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn pair(text: &str) -> (&str, &str) {
    text.split_once('=').unwrap_or((text, ""))
}

/// Whether a parameter is the key's, however its name is spelled.
fn is_key(name: &str) -> bool {
    percent_decode_str(name).eq(KEY.bytes())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[track_caller]
    fn check(query: &str, expect: (Option<&str>, Option<&str>)) {
        let (head, ()) = Request::get(format!("/x{query}")).body(()).unwrap().into_parts();
        let (key, kept) = (key(&head), without_key(&head));
        let key = key.as_deref().map(|key| std::str::from_utf8(key).unwrap());
        assert_eq!((key, kept.as_deref()), expect);
    }

    #[test]
    fn a_key_is_read_and_taken_out() {
        check("?alt=sse&key=secret", (Some("secret"), Some("alt=sse")));
        check("?key=secret", (Some("secret"), None));
        check("?key=a%2Bb%20c", (Some("a+b c"), None));
        check("?%6Bey=secret&alt=sse", (Some("secret"), Some("alt=sse")));
        check("?key=&key=secret&key=third", (Some("secret"), None));
        check("?key", (None, None));
        check("?alt=sse&keys=1", (None, Some("alt=sse&keys=1")));
        check("", (None, None));
    }
}
