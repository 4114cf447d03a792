//! What a `proxy` setting means: no proxy, or one at an address, perhaps with a user name and a password.

use std::fmt;

use http::uri::Authority;
use percent_encoding::percent_decode_str;

/// What a `proxy` setting means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// No proxy, whatever is written further up.
    Direct,
    /// This proxy.
    Through(Proxy),
}

/// A proxy. Its `Debug` and `Display` show neither user name nor password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// How it is spoken to.
    pub scheme: Scheme,
    /// Host and port.
    pub authority: String,
    /// User name and password, percent-decoded.
    pub user: Option<(String, String)>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP: `CONNECT` for TLS, whole addresses for plain HTTP.
    Http,
    /// The same inside TLS.
    Https,
    /// SOCKS 5 with addresses: names are resolved here, as in curl.
    Socks5,
    /// SOCKS 5 with names, which the proxy resolves.
    Socks5h,
}

/// The most bytes that SOCKS 5 has for a user name, and for a password (RFC 1929).
const MAX_USER: usize = 255;

/// Name in a URL, scheme, the port where none is written.
const SCHEMES: [(&str, Scheme, u16); 4] = [
    ("http", Scheme::Http, 80),
    ("https", Scheme::Https, 443),
    ("socks5", Scheme::Socks5, 1080),
    ("socks5h", Scheme::Socks5h, 1080),
];

// === impl Route ===

impl Route {
    /// Reads a `proxy` setting: `direct`, nothing, or a URL.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence; it never repeats what was written.
    pub fn parse(written: &str) -> Result<Self, &'static str> {
        match written.trim() {
            "" | "direct" => Ok(Self::Direct),
            url => Proxy::parse(url).map(Self::Through),
        }
    }
}

// === impl Proxy ===

impl Proxy {
    /// Reads the URL of a proxy.
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence; it never repeats what was written.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let schemed = url.split_once("://").and_then(|(scheme, rest)| {
            SCHEMES.iter().find(|(name, ..)| name.eq_ignore_ascii_case(scheme)).map(|row| (row, rest))
        });
        let Some(((_, scheme, usual_port), rest)) = schemed else {
            return Err("must be `direct` or begin with `http://`, `https://`, `socks5://` or `socks5h://`");
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // The last at sign: a password may have one that was not encoded.
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        if place.contains(['/', '?', '#', '\\']) {
            return Err("may have nothing behind host and port: in a password write `/`, `?` and `#` \
                        as `%2F`, `%3F` and `%23`");
        }
        let authority: Authority = place.parse().map_err(|_| "has no valid host")?;
        if authority.host().is_empty() {
            return Err("has no host");
        }
        let port = match authority.port_u16() {
            Some(port) if port > 0 => port,
            None if authority.as_str().len() == authority.host().len() => *usual_port,
            _ => return Err("has a port that is not a number from 1 to 65535"),
        };
        let user = user.map(user_of).transpose()?;
        Ok(Self { scheme: *scheme, authority: format!("{}:{port}", authority.host()), user })
    }

    /// Whether it speaks HTTP, inside TLS or not.
    pub fn is_http(&self) -> bool {
        matches!(self.scheme, Scheme::Http | Scheme::Https)
    }
}

fn user_of(written: &str) -> Result<(String, String), &'static str> {
    let (name, password) = written.split_once(':').unwrap_or((written, ""));
    let decode = |text| match percent_decode_str(text).decode_utf8() {
        Ok(text) if text.len() > MAX_USER => Err("has a user name or password longer than 255 bytes"),
        Ok(text) if text.contains(char::is_control) => {
            Err("has a control character in its user name or password")
        }
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("has a user name or password that is not UTF-8"),
    };
    Ok((decode(name)?, decode(password)?))
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SCHEMES.iter().find(|row| row.1 == self.scheme).map_or("", |row| row.0);
        write!(f, "{name}://{}", self.authority)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Result<&str, &str>) {
        let shown = Route::parse(written).map(|route| match route {
            Route::Direct => "direct".to_owned(),
            Route::Through(proxy) => {
                format!("{proxy} {:?}", proxy.user.as_ref().map(|(name, password)| (&**name, &**password)))
            }
        });
        match expected {
            Ok(expected) => assert_eq!(shown.as_deref(), Ok(expected)),
            Err(part) => {
                let why = shown.expect_err("it is wrong");
                assert!(why.contains(part), "{why:?} is not about {part:?}");
            }
        }
    }

    #[test]
    fn settings_are_read() {
        check("direct", Ok("direct"));
        check("", Ok("direct"));
        check("http://proxy", Ok("http://proxy:80 None"));
        check("HTTPS://proxy/", Ok("https://proxy:443 None"));
        check("socks5h://[::1]:9050", Ok("socks5h://[::1]:9050 None"));
        check("socks5://me:a%40b%3A@10.0.0.1", Ok(r#"socks5://10.0.0.1:1080 Some(("me", "a@b:"))"#));
        check("http://me:p@ss@proxy:3128", Ok(r#"http://proxy:3128 Some(("me", "p@ss"))"#));
        check("http://me@proxy:3128", Ok(r#"http://proxy:3128 Some(("me", ""))"#));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_a_word_of_it() {
        check("proxy:3128", Err("begin with"));
        check("socks4://proxy", Err("begin with"));
        check("http://", Err("host"));
        check("http://:3128", Err("host"));
        check("http://pro xy", Err("host"));
        check("http://proxy:0", Err("port"));
        check("http://proxy:99999", Err("port"));
        check("http://proxy:", Err("port"));
        check("http://proxy/path", Err("nothing behind"));
        check("http://me:pass/word@proxy:1", Ok(r#"http://proxy:1 Some(("me", "pass/word"))"#));
        check(&format!("socks5://{}:x@proxy", "n".repeat(256)), Err("255"));
        check("http://me:%0d%0a@proxy", Err("control"));
        check("http://me:%ff@proxy", Err("UTF-8"));
    }

    #[test]
    fn no_password_is_shown() {
        let Ok(Route::Through(proxy)) = Route::parse("http://me:hush@proxy") else { panic!("a proxy") };
        assert_eq!(format!("{proxy:?} {proxy}"), "http://proxy:80 http://proxy:80");
    }
}
