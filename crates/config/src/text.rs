//! What names, URLs and keys may look like. Each function says what is wrong, or nothing.

use http::Uri;

/// A provider's name: it is in targets, URLs of the admin API, and metrics.
pub(crate) fn provider_name_fault(name: &str) -> Option<&'static str> {
    let good = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    (!good).then_some("must be 1 to 64 letters, digits, `.`, `_` or `-`")
}

/// A name for people, which also stands in records, on one line.
pub(crate) fn label_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.chars().count() > 128 {
        Some("is longer than 128 characters")
    } else if text.chars().any(char::is_control) {
        Some("has control characters")
    } else {
        None
    }
}

/// A model's name: it may stand in a URL path, so that nothing in it may read as another path or host.
pub(crate) fn model_name_fault(name: &str) -> Option<&'static str> {
    model_text_fault(name, b"")
}

/// A model's name in which `*` and `?` stand for others.
pub(crate) fn model_glob_fault(glob: &str) -> Option<&'static str> {
    model_text_fault(glob, b"*?")
}

fn model_text_fault(name: &str, also: &[u8]) -> Option<&'static str> {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@+-".contains(&byte) || also.contains(&byte);
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > 256 {
        Some("is longer than 256 characters")
    } else if !name.bytes().all(allowed) {
        Some("may only have letters, digits and `._:/@+-`")
    } else if name.contains("..") || name.contains("//") {
        Some("may not have `..` or `//`")
    } else {
        None
    }
}

/// Where a web page comes from, as a browser says it: scheme, host, perhaps a port, all in small letters (RFC 6454,
/// section 6.2).
pub(crate) fn origin_fault(origin: &str) -> Option<&'static str> {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return Some("is not an origin");
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || authority.is_empty() {
        Some("is not an origin")
    } else if authority.contains(['/', '?', '#', '@']) {
        Some("has more than a scheme, a host and a port")
    } else if authority.contains('*') {
        Some("stands for several: each origin is listed")
    } else if !origin.bytes().all(|byte| byte.is_ascii_graphic())
        || origin.bytes().any(|byte| byte.is_ascii_uppercase())
    {
        Some("has letters that browsers do not send")
    } else if (scheme == "https" && authority.ends_with(":443"))
        || (scheme == "http" && authority.ends_with(":80"))
    {
        Some("has a port that browsers leave out")
    } else {
        None
    }
}

/// Where a provider is: scheme, host, perhaps a port and a path.
pub(crate) fn base_url_fault(url: &str) -> Option<&'static str> {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return Some("must begin with `http://` or `https://`");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // An IPv6 host has colons of its own, and brackets around them.
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    if authority.contains('@') {
        Some("may not hold a user name or password: a key goes into `api_key` or `headers`")
    } else if rest.contains(['?', '#']) {
        Some("may not have a query (`?`) or fragment (`#`)")
    } else if host.is_empty() {
        Some("has no host")
    } else if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        Some("has a port that is not a number from 1 to 65535")
    } else if url.parse::<Uri>().is_err() {
        Some("is not a valid URL")
    } else {
        None
    }
}

/// Where a receiver of alerts is: a URL with whatever the receiver wants in it.
pub(crate) fn receiver_fault(url: &str) -> Option<&'static str> {
    let Some((_, rest)) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
    else {
        return Some("must begin with `http://` or `https://`");
    };
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest.contains('#') {
        return Some("may not have a fragment (`#`)");
    }
    match base_url_fault(&url[..url.len() - rest.len() + at]) {
        Some(_) if rest[..at].contains('@') => Some(
            "may not hold a user name or password: they go into an `authorization` header under `headers`",
        ),
        None if url.parse::<Uri>().is_err() => Some("is not a valid URL"),
        fault => fault,
    }
}

/// A mail server: a host, and a port where it is not the usual one.
pub(crate) fn mail_server_fault(place: &str) -> Option<&'static str> {
    if place.contains("://") || place.contains(['/', '@', ' ']) {
        return Some("must be a host and a port, such as `mail.example.com:587`");
    }
    base_url_fault(&format!("http://{place}"))
}

/// A key: it is sent, or received, as a header's value.
pub(crate) fn secret_fault(secret: &str) -> Option<&'static str> {
    if secret.is_empty() {
        Some("is empty")
    } else if secret.trim() != secret {
        Some("begins or ends with a space or line break")
    } else if !secret.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        Some("has characters that no header can carry")
    } else {
        None
    }
}

/// The `api-version` of a URL: nothing in it may end the parameter.
pub(crate) fn is_version(version: &str) -> bool {
    (1..=64).contains(&version.len())
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fault: Option<&str>, expected: Option<&str>) {
        match expected {
            None => assert_eq!(fault, None),
            Some(part) => {
                assert!(fault.is_some_and(|fault| fault.contains(part)), "{fault:?} is not about {part}")
            }
        }
    }

    #[test]
    fn base_urls() {
        check(base_url_fault("https://api.openai.com/v1"), None);
        check(base_url_fault("http://10.0.0.1:8000"), None);
        check(base_url_fault("http://[::1]:8000/v1/"), None);
        check(base_url_fault("ftp://host"), Some("begin with"));
        check(receiver_fault("https://h.example:1/hook?key=a&x=1"), None);
        check(receiver_fault("https://h.example?key=a"), None);
        check(receiver_fault("https://u:p@h.example/"), Some("under `headers`"));
        check(receiver_fault("https:///hook"), Some("no host"));
        check(receiver_fault("h.example/hook"), Some("begin with"));
        check(receiver_fault("https://h.example/#a"), Some("fragment"));
        check(receiver_fault("https://h.example/a b"), Some("not a valid URL"));
        check(mail_server_fault("mail.example.com"), None);
        check(mail_server_fault("[::1]:2525"), None);
        check(mail_server_fault("smtp://mail.example.com"), Some("a host and a port"));
        check(mail_server_fault("mail:none"), Some("port"));
        check(base_url_fault("host/v1"), Some("begin with"));
        check(base_url_fault("http://"), Some("no host"));
        check(base_url_fault("http://:80/v1"), Some("no host"));
        check(base_url_fault("http://[]/v1"), Some("no host"));
        check(base_url_fault("http:///v1"), Some("no host"));
        check(base_url_fault("http://u:p@host/v1"), Some("password"));
        check(base_url_fault("http://host?key=1"), Some("query"));
        check(base_url_fault("http://host/#a"), Some("fragment"));
        check(base_url_fault("http://host:99999"), Some("port"));
        check(base_url_fault("http://host:/v1"), Some("port"));
        check(base_url_fault("http://ho st/v1"), Some("valid"));
    }

    #[test]
    fn model_names() {
        check(model_name_fault("deepseek-ai/DeepSeek-R1:free@2+x_y.z"), None);
        check(model_name_fault(""), Some("empty"));
        check(model_name_fault("a b"), Some("letters"));
        check(model_name_fault("gpt-*"), Some("letters"));
        check(model_glob_fault("gpt-*"), None);
        check(model_name_fault("http://x"), Some("//"));
        check(model_name_fault("a/../b"), Some(".."));
        check(model_name_fault(&"x".repeat(257)), Some("256"));
    }

    #[test]
    fn secrets() {
        check(secret_fault("sk-proj_1"), None);
        check(secret_fault("sk\n"), Some("line break"));
        check(secret_fault("s\u{0}k"), Some("header"));
    }
}
