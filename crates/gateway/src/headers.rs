//! Which headers travel: an allow-list each way, so that nothing does by accident.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use lockgate_protocol::dialect::Dialect;

/// Travels to every provider, once: of a header that was sent twice the first counts, since some clients name two
/// programs.
const TO_PROVIDER: &[HeaderName] = &[header::ACCEPT, header::CONTENT_TYPE, header::USER_AGENT];
/// Travels to every provider too, as often as it was sent: what ties requests to a session (opencode, OpenRouter's own
/// clients), and what makes a repeated request known as one. What ties them to a trace is `telemetry`'s.
const TIES: &[&str] = &["idempotency-key", "x-session-affinity", "x-session-id"];
/// Of these, what says which program asks, on which machine, from which page: kept back by a cloak. What is in no list
/// travels for nobody.
const IDENTIFYING: &[&str] = &[
    "user-agent",
    "http-referer",
    "origin",
    "referer",
    "sec-*",
    "x-app",
    "x-client-*",
    "x-codex-*",
    "x-stainless-*",
    "x-title",
];
/// Of these, the ids of sessions and of users: under a cloak they become of them what becomes of users' ids.
const IDS: &[&str] = &[
    "conversation_id",
    "session-id",
    "session_id",
    "thread-id",
    "x-claude-code-session-id",
    "x-session-affinity",
    "x-session-id",
];
/// Travels to every client.
const TO_CLIENT: &[HeaderName] =
    &[header::CONTENT_TYPE, header::CONTENT_DISPOSITION, header::CONTENT_LANGUAGE, header::RETRY_AFTER];

/// What a provider sees where the client named no program.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("lockgate/", env!("CARGO_PKG_VERSION")));

/// Adds the client's headers that belong to the request; what is there already (the operator's) wins. The client's
/// credentials, cookies and addresses are in none of the lists.
pub(crate) fn to_provider(dialect: &dyn Dialect, client: &HeaderMap, out: &mut HeaderMap) {
    let fits = |name: &HeaderName| {
        let fits = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, name));
        fits(dialect.request_headers()) && !fits(dialect.withheld_headers())
    };
    take(client, &|name| is_named(dialect, name) || fits(name), out);
}

/// Whether a header is one that travels by its whole name.
fn is_named(dialect: &dyn Dialect, name: &HeaderName) -> bool {
    TIES.iter().chain(dialect.request_headers()).any(|named| name.as_str() == *named)
}

/// Adds those that travel to every provider, and those for which `travels`.
fn take(client: &HeaderMap, travels: &dyn Fn(&HeaderName) -> bool, out: &mut HeaderMap) {
    for name in client.keys() {
        let is_once = TO_PROVIDER.contains(name);
        if !is_once && !travels(name) || out.contains_key(name) {
            continue;
        }
        for value in client.get_all(name).iter().take(if is_once { 1 } else { usize::MAX }) {
            out.append(name, value.clone());
        }
    }
    if !out.contains_key(header::USER_AGENT) {
        out.insert(header::USER_AGENT, USER_AGENT);
    }
    // Answers are read on their way, so they must come as they are.
    out.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Adds the operator's headers in place of the client's; what is there already stays.
pub(crate) fn operators(headers: &HeaderMap, out: &mut HeaderMap) {
    for (name, value) in headers {
        out.entry(name).or_insert_with(|| value.clone());
    }
}

/// Adds the client's headers that belong to the request and do not say who asks; `named` gives what takes the place of an
/// id, if anything does.
pub(crate) fn cloaked(
    dialect: &dyn Dialect,
    client: &HeaderMap,
    named: &dyn Fn(&str) -> Option<String>,
    out: &mut HeaderMap,
) {
    let mut plain = HeaderMap::with_capacity(client.len());
    for (name, value) in client {
        if IDENTIFYING.iter().any(|pattern| matches(pattern, name)) {
            continue;
        }
        let value = match IDS.contains(&name.as_str()) {
            true => value.to_str().ok().and_then(named).and_then(|id| HeaderValue::from_str(&id).ok()),
            false => Some(value.clone()),
        };
        plain.extend(value.map(|value| (name.clone(), value)));
    }
    // What a header says that nobody knows here nobody can tell.
    take(&plain, &|name| is_named(dialect, name), out);
}

/// Adds what the operator has taken from the client's headers, names there and here; a header that the operator wrote
/// out or that holds the credential stays.
pub(crate) fn copied(rows: &[(HeaderName, HeaderName)], client: &HeaderMap, out: &mut HeaderMap) {
    for (there, here) in rows {
        if let Some(value) = client.get(here).filter(|_| !out.contains_key(there)) {
            let mut value = value.clone();
            value.set_sensitive(true);
            out.insert(there.clone(), value);
        }
    }
}

/// A translated request is the gateway's own: nothing of the client's dialect belongs in its head.
pub(crate) fn translated(out: &mut HeaderMap) {
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.entry(header::USER_AGENT).or_insert(USER_AGENT);
    out.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Adds what every request to the provider carries, unless it is there already.
pub(crate) fn usual(rows: &[(&'static str, &'static str)], out: &mut HeaderMap) {
    for (name, value) in rows {
        out.entry(*name).or_insert(HeaderValue::from_static(value));
    }
}

/// The provider's headers that belong to the answer.
pub(crate) fn to_client(dialect: &dyn Dialect, provider: &HeaderMap) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(16);
    for (name, value) in provider {
        let travels =
            TO_CLIENT.contains(name) || dialect.answer_headers().iter().any(|pattern| matches(pattern, name));
        if travels {
            out.append(name, value.clone());
        }
    }
    out
}

fn matches(pattern: &str, name: &HeaderName) -> bool {
    match pattern.as_bytes() {
        [prefix @ .., b'*'] => name.as_str().as_bytes().starts_with(prefix),
        whole => name.as_str().as_bytes() == whole,
    }
}

#[cfg(test)]
mod tests {
    use lockgate_protocol::dialects::DEFAULT;

    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn credentials_and_addresses_stay_here() {
        let client = map(&[
            ("authorization", "Bearer client"),
            ("x-api-key", "client"),
            ("cookie", "a=b"),
            ("x-forwarded-for", "10.0.0.1"),
            ("openai-organization", "theirs"),
            ("openai-project", "theirs"),
            ("host", "gateway"),
            ("accept-encoding", "gzip"),
            ("content-type", "application/json"),
            ("openai-beta", "x"),
            ("openai-beta", "y"),
            ("openai-safety-identifier", "z"),
            ("openaix", "no"),
            ("x-session-id", "s"),
            ("user-agent", "first"),
            ("user-agent", "second"),
        ]);
        let mut out = map(&[("authorization", "Bearer ours")]);
        to_provider(DEFAULT, &client, &mut out);
        let expect = map(&[
            ("authorization", "Bearer ours"),
            ("content-type", "application/json"),
            ("openai-beta", "x"),
            ("openai-beta", "y"),
            ("openai-safety-identifier", "z"),
            ("x-session-id", "s"),
            ("user-agent", "first"),
            ("accept-encoding", "identity"),
        ]);
        assert_eq!(out, expect);
    }

    #[test]
    fn a_cloak_keeps_back_who_asks() {
        let client = map(&[
            ("user-agent", "client/1"),
            ("content-type", "application/json"),
            ("x-client-request-id", "1"),
            ("x-codex-window-id", "1"),
            ("x-stainless-os", "Linux"),
            ("openai-beta", "x"),
            ("openai-new", "who knows"),
            ("session_id", "s"),
            ("x-session-id", "s"),
        ]);
        let responses = lockgate_protocol::dialects::WIRE_APIS[1].1;
        let seen = |named: &dyn Fn(&str) -> Option<String>| {
            let mut out = HeaderMap::new();
            operators(&map(&[("user-agent", "ours/1"), ("x-title", "ours")]), &mut out);
            cloaked(responses, &client, named, &mut out);
            out
        };
        let both = [
            ("user-agent", "ours/1"),
            ("x-title", "ours"),
            ("content-type", "application/json"),
            ("openai-beta", "x"),
            ("accept-encoding", "identity"),
        ];
        assert_eq!(seen(&|_| None), map(&both));
        let named = seen(&|id| Some(format!("not-{id}")));
        assert_eq!(named, map(&[&both[..], &[("session_id", "not-s"), ("x-session-id", "not-s")]].concat()));
    }

    #[test]
    fn every_header_that_says_who_asks_is_known_to_a_cloak() {
        for dialect in lockgate_protocol::dialects::DIALECTS {
            for name in TIES.iter().chain(dialect.request_headers()) {
                let is_id = ["session", "thread", "conversation"].iter().any(|part| name.contains(part));
                assert_eq!(IDS.contains(name), is_id, "{name}");
            }
        }
    }

    #[test]
    fn the_operator_may_have_a_header_copied_but_not_over_one_of_his_own() {
        let rows: Vec<_> =
            [("x-team", "x-client-team"), ("x-gone", "x-absent"), ("x-api-key", "x-client-team")]
                .map(|(there, here)| (HeaderName::from_static(there), HeaderName::from_static(here)))
                .into();
        let mut out = map(&[("x-api-key", "ours")]);
        copied(&rows, &map(&[("x-client-team", "blue"), ("x-team", "red")]), &mut out);
        assert_eq!(out, map(&[("x-api-key", "ours"), ("x-team", "blue")]));
    }

    #[test]
    fn what_the_operator_wrote_stands_under_a_pattern_too() {
        let mut out = map(&[("openai-organization", "ours"), ("openai-new", "ours")]);
        let client = map(&[("openai-organization", "theirs"), ("openai-new", "theirs")]);
        to_provider(DEFAULT, &client, &mut out);
        assert_eq!(
            (out["openai-organization"].as_bytes(), out["openai-new"].as_bytes()),
            (&b"ours"[..], &b"ours"[..])
        );
        assert_eq!(out.get_all("openai-new").iter().count(), 1);
    }

    #[test]
    fn the_providers_machinery_stays_hidden() {
        let provider = map(&[
            ("content-type", "application/json"),
            ("content-length", "3"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "__cf=1"),
            ("server", "cloudflare"),
            ("openai-organization", "ours"),
            ("x-ratelimit-remaining-requests", "9"),
            ("openai-processing-ms", "12"),
        ]);
        let expect = map(&[
            ("content-type", "application/json"),
            ("x-ratelimit-remaining-requests", "9"),
            ("openai-processing-ms", "12"),
        ]);
        assert_eq!(to_client(DEFAULT, &provider), expect);
    }
}
