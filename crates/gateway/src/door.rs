//! Who may steer the gateway: whoever shows the admin key. Without one there is nothing to steer it by.

use std::fmt;

use http::{HeaderMap, header};
use lockgate_config::{Config, Secret};
use sha2::{Digest, Sha256};

/// The header for the admin key beside `Authorization`.
pub(crate) const CARRIER: &str = "x-admin-key";

/// The guard of the admin API. It holds the key's SHA-256, never the key.
pub(crate) struct Door {
    key: Option<[u8; 32]>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("has_key", &self.key.is_some()).finish()
    }
}

impl Door {
    pub(crate) fn new(config: &Config) -> Self {
        // An empty key, as an unset variable leaves one, opens nothing.
        let key = config.access.admin_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
        Self { key: key.map(|key| Sha256::digest(key).into()) }
    }

    /// Whether a request with these headers may come in. Told nothing that depends on what was wrong with a key.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Shut> {
        match &self.key {
            Some(key) if shown(headers).is_some_and(|shown| is_same(&Sha256::digest(shown).into(), key)) => {
                Ok(())
            }
            Some(_) => Err(Shut::NoKey),
            // Not open to whoever finds it: web pages in a browser on the same machine do.
            None => Err(Shut::Off),
        }
    }
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// There is no key, and nothing to come in to.
    Off,
    /// The key was not shown.
    NoKey,
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const KEY: &str = "admin-key-0123456789";

    fn door(server: &str, access: &str) -> Door {
        let text = format!("server: {server}\nproviders: {{ p: {{ kind: vllm }} }}\naccess: {access}");
        Door::new(&lockgate_config::parse("test.yaml", &text, &|_| None).unwrap())
    }

    #[track_caller]
    fn check(door: &Door, pairs: &[(&'static str, &str)], expect: Result<(), Shut>) {
        let headers = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap())
        });
        assert_eq!(door.admit(&headers.collect()), expect, "{door:?} {pairs:?}");
    }

    #[test]
    fn the_key_opens_from_anywhere_and_nothing_else_does() {
        for (server, access) in [
            ("{}", format!("{{ admin_key: {KEY} }}")),
            ("{ listen: \"0.0.0.0:1\" }", format!("{{ admin_key: {KEY}, open: true }}")),
            ("{}", format!("{{ admin_key: {KEY}, keys: [{{ name: a, key: client-key-0123456789 }}] }}")),
        ] {
            let door = door(server, &access);
            check(&door, &[("authorization", &format!("Bearer {KEY}"))], Ok(()));
            check(&door, &[("authorization", &format!("bearer  {KEY} "))], Ok(()));
            check(
                &door,
                &[("x-admin-key", KEY), ("host", "gate.example"), ("origin", "https://else.test")],
                Ok(()),
            );
            check(&door, &[("host", "localhost")], Err(Shut::NoKey));
            check(&door, &[("authorization", KEY)], Err(Shut::NoKey));
            check(&door, &[("authorization", &format!("Basic {KEY}"))], Err(Shut::NoKey));
            check(&door, &[("x-api-key", KEY)], Err(Shut::NoKey));
            check(&door, &[("x-admin-key", "admin-key-012345678")], Err(Shut::NoKey));
            check(&door, &[("x-admin-key", ""), ("host", "localhost")], Err(Shut::NoKey));
            check(
                &door,
                &[("authorization", "Bearer client-key-0123456789"), ("host", "localhost")],
                Err(Shut::NoKey),
            );
        }
    }

    #[test]
    fn without_an_admin_key_there_is_no_admin_api() {
        for (server, access) in [
            ("{}", "{}"),
            ("{}", "{ open: true }"),
            ("{}", "{ keys: [{ name: a, key: client-key-0123456789 }] }"),
            ("{ listen: \"0.0.0.0:1\" }", "{ open: true }"),
        ] {
            let door = door(server, access);
            check(&door, &[("host", "localhost:8317")], Err(Shut::Off));
            check(&door, &[("host", "127.0.0.1:8317"), ("x-admin-key", "")], Err(Shut::Off));
            check(
                &door,
                &[("host", "localhost"), ("authorization", "Bearer client-key-0123456789")],
                Err(Shut::Off),
            );
        }
    }
}
