//! Who may call: client keys by their hash, and the guards of a gateway without keys.

mod book;
mod caller;
mod carriers;
mod identity;
mod knocks;
mod watch;

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, header};
use lockgate_config::Config;
use lockgate_protocol::ir::{Fault, FaultKind};

use crate::{clock, cors::Cors, peer::Peer};

pub(crate) use book::{Book, BookError, Created, Found, Written};
pub(crate) use caller::{Caller, name as name_of_use};
pub(crate) use identity::{Identity, OF_CONFIG};
pub(crate) use knocks::{Knocker, Knocks, Patience};
pub(crate) use watch::watch;

/// Who is let in by one config.
pub(crate) struct Access {
    book: Arc<Book>,
    knocks: Arc<Knocks>,
    open: bool,
    /// Whether a key is needed even if there is none yet.
    needs_key: bool,
    cors: Option<Arc<Cors>>,
}

impl Access {
    /// `book` has the keys, `knocks` whoever showed wrong ones; `cors` says which web pages may call.
    pub(crate) fn new(
        config: &Config,
        book: Arc<Book>,
        knocks: Arc<Knocks>,
        cors: Option<Arc<Cors>>,
    ) -> Self {
        let access = &config.access;
        let is_exposed = config.server.listen.iter().any(|listener| listener.address.is_exposed());
        let needs_key = access.created_keys == Some(true) || (is_exposed && !access.open);
        Self { book, knocks, open: access.open, needs_key, cors }
    }

    /// Whether callers have to show a key.
    pub(crate) fn needs_key(&self) -> bool {
        self.needs_key || self.book.table().has_keys
    }

    /// Whether programs on this machine call without a key, and nobody else calls.
    pub(crate) fn is_at_home(&self) -> bool {
        !self.needs_key() && !self.open
    }

    /// The caller behind a request; `None` where no key is needed.
    pub(crate) fn identify(
        &self,
        peer: &Peer,
        headers: &HeaderMap,
        in_query: Option<Cow<'_, [u8]>>,
    ) -> Result<Option<Arc<Caller>>, Fault> {
        let table = self.book.table();
        if !table.has_keys && !self.needs_key {
            return if self.open {
                Ok(None)
            } else {
                guard_local(headers, self.cors.as_deref()).map(|()| None)
            };
        }
        let Some(shown) = carriers::shown(headers, in_query) else { return Err(no_key(table.has_keys)) };
        let found = table.find(&shown, clock::wall());
        let from = peer.knocker();
        if let Some(wait) = self.knocks.wait(from, clock::now())
            && !matches!(&found, Found::Good(caller) if self.knocks.is_known(from, caller.mark))
        {
            return Err(too_many(wait));
        }
        match found {
            Found::Good(caller) => {
                self.knocks.right(from, caller.mark);
                Ok(Some(caller))
            }
            Found::Over(fault) => Err(fault),
            Found::Unknown => {
                self.knocks.wrong(from, &shown, clock::now());
                Err(unknown(&shown))
            }
        }
    }
}

fn no_key(has_keys: bool) -> Fault {
    let how = match has_keys {
        true => "send your gateway key as `Authorization: Bearer KEY` or `x-api-key: KEY`",
        false => "the gateway has none yet: its operator creates one with `lockgate keys create NAME`",
    };
    Fault::new(FaultKind::Unauthorized, format!("no API key was sent: {how}"))
}

fn unknown(shown: &[u8]) -> Fault {
    let is_mistyped = std::str::from_utf8(shown).is_ok_and(lockgate_store::keys::is_mistyped);
    let text = match is_mistyped {
        true => "the API key is not known to this gateway: it is not whole, or a character of it is wrong",
        false => "the API key is not known to this gateway",
    };
    Fault::new(FaultKind::Unauthorized, text)
}

/// What is told an address that has to wait.
fn too_many(wait: std::time::Duration) -> Fault {
    let text = "too many wrong API keys were sent from this address: send the right one, a little later";
    let mut fault = Fault::new(FaultKind::RateLimited, text);
    fault.retry_after = Some(wait);
    fault
}

/// Without keys the gateway listens on loopback, where any web page in the user's browser could reach it: by a
/// cross-origin request, or by a name that was rebound to 127.0.0.1. Both are refused, but for pages that are listed.
fn guard_local(headers: &HeaderMap, cors: Option<&Cors>) -> Result<(), Fault> {
    let origin = headers.get(header::ORIGIN);
    if origin.is_some_and(|origin| !cors.is_some_and(|cors| cors.lists(origin))) {
        let why = "requests from web pages need a key, or their origin listed: configure `access.keys` or \
                   `server.cors`";
        return Err(Fault::new(FaultKind::Forbidden, why));
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if host.is_empty() || is_loopback(host) {
        return Ok(());
    }
    let why = "without keys only loopback names such as `localhost` are answered: configure `access.keys`";
    Err(Fault::new(FaultKind::Forbidden, why))
}

/// Whether a host, as `Host` names it, is this machine and no other.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use lockgate_config as config;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn access(yaml: &str) -> Access {
        let text = format!("providers: {{ p: {{ kind: vllm }} }}\naccess: {yaml}");
        let config = config::parse("test.yaml", &text, &|_| None).unwrap();
        let cors = config.server.cors.as_ref().map(|cors| Arc::new(Cors::new(cors)));
        let knocks = Arc::new(Knocks::new(Patience::CLIENTS));
        Access::new(&config, Arc::new(Book::new(&config).unwrap()), knocks, cors)
    }

    fn peer(address: &str) -> Peer {
        address.parse::<std::net::SocketAddr>().unwrap().into()
    }

    #[track_caller]
    fn check(access: &Access, pairs: &[(&'static str, &str)], expect: Result<Option<&str>, FaultKind>) {
        check_from("127.0.0.1:1", access, pairs, expect);
    }

    #[track_caller]
    fn check_from(
        from: &str,
        access: &Access,
        pairs: &[(&'static str, &str)],
        expect: Result<Option<&str>, FaultKind>,
    ) {
        let got = access.identify(&peer(from), &headers(pairs), None);
        let got = got
            .as_ref()
            .map(|caller| caller.as_ref().map(|caller| &*caller.name))
            .map_err(|fault| fault.kind);
        assert_eq!(got, expect);
    }

    #[test]
    fn a_key_is_a_key_in_every_carrier() {
        let access = access("{ keys: [{ name: alice, key: sk-alice-0123456789 }] }");
        assert!(access.needs_key());
        for (carrier, value) in [
            ("authorization", "Bearer sk-alice-0123456789"),
            ("authorization", "bearer  sk-alice-0123456789 "),
            ("x-api-key", "sk-alice-0123456789"),
            ("api-key", "sk-alice-0123456789"),
            ("x-goog-api-key", "sk-alice-0123456789"),
        ] {
            check(&access, &[(carrier, value)], Ok(Some("alice")));
            check(&access, &[(carrier, "sk-alice-012345678")], Err(FaultKind::Unauthorized));
        }
        check(&access, &[], Err(FaultKind::Unauthorized));
        check(&access, &[("authorization", "Bearer ")], Err(FaultKind::Unauthorized));
    }

    #[test]
    fn guessing_is_held_up_where_it_comes_from_and_nowhere_else() {
        let access = access(
            "{ keys: [{ name: alice, key: sk-alice-0123456789 }, { name: bob, key: sk-bob-0123456789 }] }",
        );
        let (alice, bob) = (("x-api-key", "sk-alice-0123456789"), ("x-api-key", "sk-bob-0123456789"));
        check(&access, &[alice], Ok(Some("alice")));
        for guess in 0..100 {
            check(&access, &[("x-api-key", &format!("guess-{guess}"))], Err(FaultKind::Unauthorized));
        }
        check(&access, &[("x-api-key", "guess")], Err(FaultKind::RateLimited));
        // Nor does a guess that would be right show that it is.
        check(&access, &[bob], Err(FaultKind::RateLimited));
        check(&access, &[alice], Ok(Some("alice")));
        check_from("127.0.0.2:1", &access, &[bob], Ok(Some("bob")));
    }

    #[test]
    fn without_keys_only_local_programs_are_answered() {
        let access = access("{}");
        assert!(!access.needs_key());
        check(&access, &[("host", "localhost:8317")], Ok(None));
        check(&access, &[("host", "127.0.0.1")], Ok(None));
        check(&access, &[("host", "[::1]:8317")], Ok(None));
        check(&access, &[("host", "evil.test:8317")], Err(FaultKind::Forbidden));
        check(&access, &[("host", "127.0.0.1.evil.test")], Err(FaultKind::Forbidden));
        check(&access, &[("host", "localhost"), ("origin", "https://evil.test")], Err(FaultKind::Forbidden));
    }

    #[test]
    fn where_keys_may_yet_be_created_for_others_nobody_is_let_in_without_one() {
        let here = [("host", "localhost")];
        check(&access("{ admin_key: admin-key-0123456789 }"), &here, Ok(None));
        check(&access("{ created_keys: true }"), &here, Err(FaultKind::Unauthorized));
        let exposed = "{ admin_key: admin-key-0123456789 }\nserver: { listen: ['127.0.0.1:1', '0.0.0.0:2'] }";
        check(&access(exposed), &here, Err(FaultKind::Unauthorized));
        check(&access(exposed), &[("x-api-key", "admin-key-0123456789")], Err(FaultKind::Unauthorized));
        let open = "{ admin_key: admin-key-0123456789, open: true }\nserver: { listen: '0.0.0.0:2' }";
        check(&access(open), &[("host", "gate.example")], Ok(None));
    }

    #[test]
    fn listed_pages_are_let_in_under_loopback_names() {
        let access = access("{}\nserver: { cors: { origins: ['https://app.example'] } }");
        check(&access, &[("host", "localhost"), ("origin", "https://app.example")], Ok(None));
        check(
            &access,
            &[("host", "evil.test"), ("origin", "https://app.example")],
            Err(FaultKind::Forbidden),
        );
        check(
            &access,
            &[("host", "localhost"), ("origin", "https://app.example.evil.test")],
            Err(FaultKind::Forbidden),
        );
        check(&access, &[("host", "localhost"), ("origin", "null")], Err(FaultKind::Forbidden));
    }
}
