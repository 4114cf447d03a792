//! The query of a request: where some clients show their key, and what of it travels.

use http::request::Parts;
use lockgate_protocol::dialect::Dialect;

/// The key in the query, in dialects whose clients may put it there.
pub(crate) fn key<'h>(dialect: &dyn Dialect, head: &'h Parts) -> Option<&'h str> {
    let name = dialect.key_in_query()?;
    pairs(head.uri.query()?)
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// The query without the client's key; `None` if nothing is left of it.
pub(crate) fn without_key(dialect: &dyn Dialect, head: &Parts) -> Option<String> {
    let query = head.uri.query()?;
    let Some(name) = dialect.key_in_query() else { return Some(query.to_owned()) };
    let kept: Vec<&str> = query.split('&').filter(|pair| pair.split('=').next() != Some(name)).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use lockgate_protocol::dialects;

    use super::*;

    #[track_caller]
    fn check(dialect: &str, query: &str, expect: (Option<&str>, Option<&str>)) {
        let dialect = dialects::find(dialect).unwrap();
        let (head, ()) = Request::get(format!("/x{query}")).body(()).unwrap().into_parts();
        let kept = without_key(dialect, &head);
        assert_eq!((key(dialect, &head), kept.as_deref()), expect);
    }

    #[test]
    fn a_key_is_read_and_taken_out() {
        check("gemini", "?alt=sse&key=secret", (Some("secret"), Some("alt=sse")));
        check("gemini", "?key=secret", (Some("secret"), None));
        check("gemini", "?alt=sse", (None, Some("alt=sse")));
        check("openai-chat", "?key=other", (None, Some("key=other")));
        check("openai-chat", "", (None, None));
    }
}
