//! Who may call: client keys by their hash, and the guards of a gateway without keys.

mod caller;

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, header};
use lockgate_config as config;
use lockgate_protocol::ir::{Fault, FaultKind};
use sha2::{Digest, Sha256};

use crate::{clock, cors::Cors};

pub(crate) use caller::Caller;

/// The headers in which clients of the various dialects carry their key.
const CARRIERS: &[&str] = &["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// All keys. A key is found by its SHA-256: no comparison of secrets, no table of secrets.
pub(crate) struct Access {
    keys: HashMap<[u8; 32], Arc<Caller>>,
    open: bool,
    cors: Option<Arc<Cors>>,
}

impl Access {
    /// `cors` says which web pages may call.
    pub(crate) fn new(access: &config::Access, cors: Option<Arc<Cors>>) -> Self {
        let row =
            |key: &config::ClientKey| (Sha256::digest(key.key.expose()).into(), Arc::new(Caller::new(key)));
        Self { keys: access.keys.iter().map(row).collect(), open: access.open, cors }
    }

    /// The key of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Caller>> {
        self.keys.values().find(|caller| *caller.name == *name)
    }

    /// Whether programs on this machine call without a key, and nobody else calls.
    pub(crate) fn is_at_home(&self) -> bool {
        self.keys.is_empty() && !self.open
    }

    /// The caller behind a request; `None` where no keys are configured.
    pub(crate) fn identify(
        &self,
        headers: &HeaderMap,
        in_query: Option<&str>,
    ) -> Result<Option<Arc<Caller>>, Fault> {
        if self.keys.is_empty() {
            return if self.open {
                Ok(None)
            } else {
                guard_local(headers, self.cors.as_deref()).map(|()| None)
            };
        }
        let shown = presented(headers).or(in_query.map(str::as_bytes)).ok_or_else(|| {
            let how = "send your gateway key as `Authorization: Bearer KEY` or `x-api-key: KEY`";
            Fault::new(FaultKind::Unauthorized, format!("no API key was sent: {how}"))
        })?;
        let digest: [u8; 32] = Sha256::digest(shown).into();
        let unknown = || Fault::new(FaultKind::Unauthorized, "the API key is not known to this gateway");
        let caller = self.keys.get(&digest).ok_or_else(unknown)?;
        caller.in_time(clock::wall())?;
        Ok(Some(Arc::clone(caller)))
    }
}

/// The key a request shows, in whichever header.
fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    CARRIERS.iter().find_map(|carrier| {
        let value = headers.get(*carrier)?.as_bytes().trim_ascii();
        // A signature proves a key without showing it; such a client shows its gateway key in another header.
        if value.starts_with(b"AWS4-HMAC-SHA256") {
            return None;
        }
        let bearer = value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
        let key = if bearer.is_some() { value[7..].trim_ascii() } else { value };
        (!key.is_empty()).then_some(key)
    })
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
        Access::new(&config.access, cors)
    }

    #[track_caller]
    fn check(access: &Access, pairs: &[(&'static str, &str)], expect: Result<Option<&str>, FaultKind>) {
        let got = access.identify(&headers(pairs), None);
        let got = got
            .as_ref()
            .map(|caller| caller.as_ref().map(|caller| &*caller.name))
            .map_err(|fault| fault.kind);
        assert_eq!(got, expect);
    }

    #[test]
    fn a_key_is_a_key_in_every_carrier() {
        let access = access("{ keys: [{ name: alice, key: sk-alice-0123456789 }] }");
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
    fn without_keys_only_local_programs_are_answered() {
        let access = access("{}");
        check(&access, &[("host", "localhost:8317")], Ok(None));
        check(&access, &[("host", "127.0.0.1")], Ok(None));
        check(&access, &[("host", "[::1]:8317")], Ok(None));
        check(&access, &[("host", "evil.test:8317")], Err(FaultKind::Forbidden));
        check(&access, &[("host", "127.0.0.1.evil.test")], Err(FaultKind::Forbidden));
        check(&access, &[("host", "localhost"), ("origin", "https://evil.test")], Err(FaultKind::Forbidden));
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
