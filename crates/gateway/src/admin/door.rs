//! Who may steer the gateway: whoever shows the admin key. Without one there is nothing to steer it by.

use std::fmt;

use http::{HeaderMap, StatusCode, header};
use lockgate_config::{Config, Secret};
use sha2::{Digest, Sha256};

use super::Refusal;

/// The header for the admin key beside `Authorization`.
const CARRIER: &str = "x-admin-key";
/// The code of the answer where there is no admin API.
pub const ADMIN_OFF: &str = "admin_off";

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
            // Not open to whoever finds it: web pages in a browser on the same machine do.
            None => Err(Refusal::new(
                StatusCode::NOT_FOUND,
                ADMIN_OFF,
                "the admin API is off: set `access.admin_key`".to_owned(),
            )),
        }
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
    fn without_an_admin_key_there_is_no_admin_api() {
        for (server, access) in [
            ("{}", "{}"),
            ("{}", "{ open: true }"),
            ("{}", "{ keys: [{ name: a, key: client-key-0123456789 }] }"),
            ("{ listen: \"0.0.0.0:1\" }", "{ open: true }"),
        ] {
            let door = door(server, access);
            check(&door, &[("host", "localhost:8317")], 404);
            check(&door, &[("host", "127.0.0.1:8317"), ("x-admin-key", "")], 404);
            check(&door, &[("host", "localhost"), ("authorization", "Bearer client-key-0123456789")], 404);
        }
    }
}
