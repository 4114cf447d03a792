//! Through which proxy a host is asked: the one the operator wrote, else what the environment says.

use std::{net::IpAddr, sync::Arc};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use lockgate_config::{Proxy, Route};

/// How the hosts of one way out are reached.
#[derive(Clone, Debug)]
pub(super) enum Routes {
    /// All in the same way, as the operator wrote it.
    Written(Route),
    /// By what the environment says about each.
    Environment(Arc<Environment>),
}

/// What the environment says about proxies, in the variables that curl reads.
#[derive(Debug, Default)]
pub(super) struct Environment {
    http: Option<Proxy>,
    https: Option<Proxy>,
    /// Whether a host is in `NO_PROXY`: then it does not intercept. Absent without that variable.
    others: Option<Matcher>,
}

/// A machine's metadata service has a link-local address, or this name for it at Google: no proxy can know whose is meant.
const METADATA: &str = "metadata.google.internal";

impl Routes {
    /// The proxy to ask `uri` through, if any.
    pub(super) fn to(&self, uri: &Uri) -> Option<&Proxy> {
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
        if is_link_local(host) {
            return None;
        }
        match self {
            Self::Written(Route::Direct) => None,
            Self::Written(Route::Through(proxy)) => Some(proxy),
            Self::Environment(environment) => environment.to(uri, host),
        }
    }
}

impl Environment {
    /// Reads the variables; names in lower case count before those in upper case.
    ///
    /// # Errors
    /// A variable that names no proxy; its value is not repeated.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let either = |name: &str| {
            let lower = name.to_ascii_lowercase();
            let value = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
            value(&lower)
                .map(|value| (lower.clone(), value))
                .or_else(|| Some((name.to_owned(), value(name)?)))
        };
        let proxy = |name: &str| -> Result<Option<Proxy>, String> {
            let Some((name, value)) = either(name) else { return Ok(None) };
            let value = value.trim();
            // A host alone is the most common form, and means HTTP.
            let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
            let why = |why| format!("the environment variable `{name}` {why}; or write `proxy: direct`");
            Proxy::parse(&url).map(Some).map_err(why)
        };
        let all = proxy("ALL_PROXY")?;
        Ok(Self {
            http: proxy("HTTP_PROXY")?.or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY")?.or(all),
            others: either("NO_PROXY")
                .map(|(_, hosts)| Matcher::builder().all("http://any.invalid").no(hosts).build()),
        })
    }

    fn to(&self, uri: &Uri, host: &str) -> Option<&Proxy> {
        let proxy = if uri.scheme_str() == Some("https") { &self.https } else { &self.http };
        let is_listed = self.others.as_ref().is_some_and(|others| others.intercept(uri).is_none());
        proxy.as_ref().filter(|_| !is_listed && !is_loopback(host))
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn is_link_local(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case(METADATA)
        || host.parse::<IpAddr>().is_ok_and(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.is_link_local(),
            // Amazon's metadata service has one of the local addresses of its own.
            IpAddr::V6(address) => {
                address.is_unicast_link_local() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], url: &str, expected: &str) {
        let routes = Routes::Environment(Arc::new(environment(variables).expect("they are good")));
        let url = url.parse().expect("a URL");
        assert_eq!(routes.to(&url).map_or("direct".to_owned(), ToString::to_string), expected);
    }

    #[test]
    fn the_environment_counts_as_it_does_for_curl() {
        check(&[], "https://api.example/v1", "direct");
        let both = [("HTTPS_PROXY", "http://one:1"), ("http_proxy", "two:2"), ("NO_PROXY", "")];
        check(&both, "https://api.example/v1", "http://one:1");
        check(&both, "http://api.example/v1", "http://two:2");
        check(&[("https_proxy", "http://low:1"), ("HTTPS_PROXY", "x")], "https://a.b", "http://low:1");
        let all = [("ALL_PROXY", "socks5h://u:p@s"), ("NO_PROXY", "example.com, 10.0.0.0/8,.internal")];
        check(&all, "https://api.other", "socks5h://s:1080");
        check(&all, "http://api.other", "socks5h://s:1080");
        for direct in ["https://api.example.com", "http://10.1.2.3:8000", "http://vllm.internal"] {
            check(&all, direct, "direct");
        }
        check(&[("HTTPS_PROXY", "http://one:1"), ("NO_PROXY", "*")], "https://api.example", "direct");
    }

    #[test]
    fn loopback_is_never_asked_through_a_proxy_of_the_environment() {
        for host in
            ["localhost", "a.localhost", "127.0.0.1", "127.8.8.8:80", "[::1]:80", "[::ffff:127.0.0.1]"]
        {
            check(&[("ALL_PROXY", "http://one:1")], &format!("http://{host}/v1"), "direct");
        }
        check(&[("ALL_PROXY", "http://one:1")], "http://localhost.example/v1", "http://one:1");
    }

    #[test]
    fn the_machines_own_services_are_asked_directly_whatever_is_written() {
        let written = Routes::Written(Route::parse("http://one:1").expect("a proxy"));
        let through = |url: &str| written.to(&url.parse().expect("a URL")).is_some();
        for url in [
            "http://169.254.169.254/latest",
            "http://[fd00:ec2::254]/latest",
            "http://metadata.google.internal/computeMetadata",
            "http://[fe80::1]/",
        ] {
            assert!(!through(url), "{url}");
        }
        assert!(through("http://127.0.0.1:8000/v1"), "what is written counts for loopback too");
    }

    #[test]
    fn a_variable_that_cannot_be_meant_is_said() {
        let error = environment(&[("HTTPS_PROXY", "socks4://me:hush@old")]).expect_err("it is wrong");
        assert!(error.contains("`HTTPS_PROXY`") && !error.contains("hush"), "{error}");
    }
}
