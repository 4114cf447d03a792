//! Who may steer the gateway: whoever shows the admin key, or, where there are no keys at all, a program on this machine.

use std::fmt;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use lockgate_config::{Config, Secret};
use sha2::{Digest, Sha256};

use super::Refusal;
use crate::access::is_loopback;

/// The header for the admin key beside `Authorization`.
const CARRIER: &str = "x-admin-key";
/// How a browser says where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// The guard of the admin API. It holds the key's SHA-256, never the key.
pub(crate) struct Door {
    key: Option<[u8; 32]>,
    /// Whether programs on this machine need no key: nobody needs one here, and nobody else can reach the address.
    is_homely: bool,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("has_key", &self.key.is_some())
            .field("is_homely", &self.is_homely)
            .finish()
    }
}

impl Door {
    pub(crate) fn new(config: &Config) -> Self {
        // An empty key, as an unset variable leaves one, opens nothing.
        let key = config.access.admin_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
        Self {
            key: key.map(|key| Sha256::digest(key).into()),
            is_homely: config.access.admin_key.is_none()
                && config.access.keys.is_empty()
                && config.server.listen.ip().is_loopback(),
        }
    }

    /// Whether a request with these headers may come in. Told nothing that depends on what was wrong with a key.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.key {
            Some(key) if shown(headers).is_some_and(|shown| is_same(&Sha256::digest(shown).into(), key)) => {
                Ok(())
            }
            Some(_) => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                format!(
                    "the admin API needs the admin key: send it as `Authorization: Bearer KEY` or `{CARRIER}: KEY`"
                ),
            )),
            None if !self.is_homely => Err(forbidden("the admin API is closed: set `access.admin_key`")),
            None => guard(headers),
        }
    }
}

/// Without a key, web pages in a browser on this machine could reach the API: by a cross-origin request, or by a name that
/// was rebound to 127.0.0.1. Only what was sent to a loopback name and comes from no other page is let in.
fn guard(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |value: &HeaderValue| value.to_str().map(str::to_owned).unwrap_or_default();
    let host = headers.get(header::HOST).map(text).unwrap_or_default();
    if !is_loopback(&host) {
        return Err(forbidden(
            "without a key the admin API answers only at loopback names such as `localhost`: set `access.admin_key`",
        ));
    }
    let is_own = |origin: &HeaderValue| {
        text(origin).strip_prefix("http://").is_some_and(|place| place.eq_ignore_ascii_case(&host))
    };
    let site = headers.get(FETCH_SITE).map(text);
    let is_of_elsewhere = headers.get_all(header::ORIGIN).iter().any(|origin| !is_own(origin))
        || site.is_some_and(|site| !matches!(site.as_str(), "same-origin" | "none"));
    match is_of_elsewhere {
        true => Err(forbidden("requests of other web pages need a key: set `access.admin_key`")),
        false => Ok(()),
    }
}

/// The key that a request shows.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    if let Some(key) = headers.get(CARRIER) {
        return Some(key.as_bytes().trim_ascii());
    }
    let value = headers.get(header::AUTHORIZATION)?.as_bytes().trim_ascii();
    let is_bearer = value.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    is_bearer.then(|| value[7..].trim_ascii())
}

/// Compares all bytes whatever they are, so that the time tells nothing.
fn is_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

fn forbidden(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, "forbidden", message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "admin-key-0123456789";

    fn door(server: &str, access: &str) -> Door {
        let text = format!("server: {server}\nproviders: {{ p: {{ kind: vllm }} }}\naccess: {access}");
        Door::new(&lockgate_config::parse("test.yaml", &text, &|_| None).unwrap())
    }

    #[track_caller]
    fn check(door: &Door, pairs: &[(&'static str, &str)], expect: u16) {
        let headers = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap())
        });
        let got = door.admit(&headers.collect()).map_or_else(|refusal| refusal.status.as_u16(), |()| 200);
        assert_eq!(got, expect, "{door:?} {pairs:?}");
    }

    #[test]
    fn the_key_opens_from_anywhere_and_nothing_else_does() {
        for (server, access) in [
            ("{}", format!("{{ admin_key: {KEY} }}")),
            ("{ listen: \"0.0.0.0:1\" }", format!("{{ admin_key: {KEY}, open: true }}")),
            ("{}", format!("{{ admin_key: {KEY}, keys: [{{ name: a, key: client-key-0123456789 }}] }}")),
        ] {
            let door = door(server, &access);
            check(&door, &[("authorization", &format!("Bearer {KEY}"))], 200);
            check(&door, &[("authorization", &format!("bearer  {KEY} "))], 200);
            check(
                &door,
                &[("x-admin-key", KEY), ("host", "gate.example"), ("origin", "https://else.test")],
                200,
            );
            check(&door, &[("host", "localhost")], 401);
            check(&door, &[("authorization", KEY)], 401);
            check(&door, &[("authorization", &format!("Basic {KEY}"))], 401);
            check(&door, &[("x-api-key", KEY)], 401);
            check(&door, &[("x-admin-key", "admin-key-012345678")], 401);
            check(&door, &[("x-admin-key", ""), ("host", "localhost")], 401);
            check(&door, &[("authorization", "Bearer client-key-0123456789"), ("host", "localhost")], 401);
        }
    }

    #[test]
    fn without_an_admin_key_only_a_gateway_without_keys_on_loopback_answers() {
        let closed = [
            ("{}", "{ keys: [{ name: a, key: client-key-0123456789 }] }"),
            ("{ listen: \"0.0.0.0:1\" }", "{ open: true }"),
            ("{ listen: \"0.0.0.0:1\" }", "{ keys: [{ name: a, key: client-key-0123456789 }] }"),
        ];
        for (server, access) in closed {
            let door = door(server, access);
            check(&door, &[("host", "localhost")], 403);
            check(&door, &[("host", "localhost"), ("authorization", "Bearer client-key-0123456789")], 403);
        }
        for access in ["{}", "{ open: true }"] {
            let door = door("{}", access);
            check(&door, &[("host", "localhost:8317")], 200);
            check(&door, &[("host", "127.0.0.1:8317")], 200);
            check(&door, &[("host", "[::1]:8317")], 200);
        }
    }

    #[test]
    fn without_a_key_web_pages_are_kept_out() {
        let door = door("{}", "{}");
        let host = ("host", "localhost:8317");
        check(&door, &[], 403);
        check(&door, &[("host", "evil.test:8317")], 403);
        check(&door, &[("host", "127.0.0.1.evil.test")], 403);
        check(&door, &[host, ("origin", "http://localhost:8317")], 200);
        check(&door, &[host, ("origin", "http://localhost:3000")], 403);
        check(&door, &[host, ("origin", "https://localhost:8317")], 403);
        check(&door, &[host, ("origin", "https://evil.test")], 403);
        check(&door, &[host, ("origin", "null")], 403);
        check(&door, &[host, ("sec-fetch-site", "cross-site")], 403);
        check(&door, &[host, ("sec-fetch-site", "same-site")], 403);
        check(&door, &[host, ("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8317")], 200);
        check(&door, &[host, ("sec-fetch-site", "none")], 200);
    }
}
