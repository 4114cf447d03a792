//! Who may steer the gateway: whoever shows the admin key, and where the config says so programs on the same machine.

use std::fmt;

use http::{HeaderMap, header, request::Parts, uri::Authority};
use lockgate_config::{AdminFor, Config, Secret};
use sha2::{Digest, Sha256};

use crate::{access::is_loopback, peer::Peer};

/// The header for the admin key beside `Authorization`.
pub(crate) const CARRIER: &str = "x-admin-key";

/// What a proxy says of whom it asks for: who says so asks for somebody else.
const OF_PROXIES: &[&str] = &["forwarded", "x-forwarded-for", "x-real-ip", "via"];
/// Where browsers say whose page asks.
const FETCH_SITE: &str = "sec-fetch-site";

/// The guard of the admin API. It holds the key's SHA-256, never the key.
pub(crate) struct Door {
    key: Option<[u8; 32]>,
    /// Whether programs on this machine need no key.
    is_open_here: bool,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Door");
        shown.field("has_key", &self.key.is_some()).field("is_open_here", &self.is_open_here).finish()
    }
}

impl Door {
    pub(crate) fn new(config: &Config) -> Self {
        // An empty key, as an unset variable leaves one, opens nothing.
        let key = config.access.admin_key.as_ref().map(Secret::expose).filter(|key| !key.is_empty());
        let is_open_here = config.access.admin == AdminFor::Loopback;
        Self { key: key.map(|key| Sha256::digest(key).into()), is_open_here }
    }

    /// The key that a request shows, if there is one to be compared with.
    pub(crate) fn shown<'h>(&self, headers: &'h HeaderMap) -> Option<&'h [u8]> {
        shown(headers).filter(|shown| self.key.is_some() && !shown.is_empty())
    }

    /// Whether a request with this head may come in that `peer` sends. Told nothing that depends on what was wrong with a
    /// key.
    pub(crate) fn admit(&self, head: &Parts, peer: &Peer) -> Result<(), Shut> {
        let shown = shown(&head.headers);
        if let (Some(key), Some(shown)) = (&self.key, shown)
            && is_same(&Sha256::digest(shown).into(), key)
        {
            return Ok(());
        }
        // Who shows a key wants to come in by it, and learns that it is wrong.
        let is_shut = self.key.is_some() && shown.is_some();
        if self.is_open_here && peer.is_local() && !is_shut {
            return guard(head);
        }
        // Not open to whoever finds it: web pages in a browser on the same machine do.
        Err(if self.key.is_some() { Shut::NoKey } else { Shut::Off })
    }
}

/// Whether a request with this head that `peer` sends is of a program on this machine that asks for itself.
pub(crate) fn is_of_neighbour(head: &Parts, peer: &Peer) -> bool {
    peer.is_local() && guard(head).is_ok()
}

/// A program on this machine may be a browser with anybody's page in it, which asks across origins or by a name that was
/// rebound to 127.0.0.1, or a proxy with anybody behind it.
fn guard(head: &Parts) -> Result<(), Shut> {
    let text = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if OF_PROXIES.iter().any(|name| head.headers.contains_key(*name)) {
        return Err(Shut::ForAnother);
    }
    let host = text("host").or_else(|| head.uri.authority().map(Authority::as_str)).unwrap_or_default();
    if !host.is_empty() && !is_loopback(host) {
        return Err(Shut::ByName);
    }
    let is_of_page = |origin: &str| {
        let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !host.is_empty() && place.is_some_and(|place| place.eq_ignore_ascii_case(host))
    };
    if text("origin").is_some_and(|origin| !is_of_page(origin))
        || text(FETCH_SITE).is_some_and(|site| !matches!(site, "same-origin" | "none"))
    {
        return Err(Shut::ForPage);
    }
    Ok(())
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// There is no key, and nothing to come in to.
    Off,
    /// The key was not shown.
    NoKey,
    /// A program on this machine, without the key: a proxy, which asks for another.
    ForAnother,
    /// The same, by a name that is not this machine's own.
    ByName,
    /// The same, for a web page of elsewhere.
    ForPage,
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
    use super::*;

    const KEY: &str = "admin-key-0123456789";

    fn door(server: &str, access: &str) -> Door {
        let text = format!("server: {server}\nproviders: {{ p: {{ kind: vllm }} }}\naccess: {access}");
        Door::new(&lockgate_config::parse("test.yaml", &text, &|_| None).unwrap())
    }

    #[track_caller]
    fn check(door: &Door, pairs: &[(&'static str, &str)], expect: Result<(), Shut>) {
        check_from("127.0.0.1:1", door, pairs, expect);
    }

    #[track_caller]
    fn check_from(peer: &str, door: &Door, pairs: &[(&'static str, &str)], expect: Result<(), Shut>) {
        let peer = peer.parse::<std::net::SocketAddr>().unwrap().into();
        let (mut head, ()) = http::Request::get("/admin/v1/gateway").body(()).unwrap().into_parts();
        for (name, value) in pairs {
            head.headers.insert(*name, value.parse().unwrap());
        }
        assert_eq!(door.admit(&head, &peer), expect, "{door:?} {peer} {pairs:?}");
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

    #[test]
    fn programs_on_this_machine_need_no_key_where_the_config_says_so() {
        for access in ["{ admin: loopback }".to_owned(), format!("{{ admin: loopback, admin_key: {KEY} }}")] {
            let door = door("{}", &access);
            let shut = if door.key.is_some() { Shut::NoKey } else { Shut::Off };
            check(&door, &[("host", "localhost:8317")], Ok(()));
            check(&door, &[("host", "[::1]:8317")], Ok(()));
            check(&door, &[], Ok(()));
            check_from("10.0.0.1:1", &door, &[("host", "localhost:8317")], Err(shut));
            // A name that was rebound, a page of elsewhere, a page of this gateway, and a proxy.
            check(&door, &[("host", "evil.test:8317")], Err(Shut::ByName));
            check(&door, &[("host", "localhost:1"), ("origin", "https://evil.test")], Err(Shut::ForPage));
            check(&door, &[("host", "localhost:1"), ("origin", "null")], Err(Shut::ForPage));
            check(&door, &[("host", "localhost:1"), ("origin", "http://localhost:2")], Err(Shut::ForPage));
            check(&door, &[("origin", "http://")], Err(Shut::ForPage));
            check(&door, &[("host", "localhost:1"), ("sec-fetch-site", "cross-site")], Err(Shut::ForPage));
            check(&door, &[("host", "localhost:1"), ("origin", "http://localhost:1")], Ok(()));
            check(&door, &[("host", "localhost"), ("x-forwarded-for", "9.9.9.9")], Err(Shut::ForAnother));
            check(&door, &[("host", "localhost"), ("via", "1.1 proxy")], Err(Shut::ForAnother));
        }
        let door = door("{}", &format!("{{ admin: loopback, admin_key: {KEY} }}"));
        check(&door, &[("host", "localhost"), ("x-admin-key", "another")], Err(Shut::NoKey));
        check_from("10.0.0.1:1", &door, &[("x-admin-key", KEY), ("x-forwarded-for", "9.9.9.9")], Ok(()));
    }
}
