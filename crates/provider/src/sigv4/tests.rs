//! The signer against AWS's own vectors and against botocore's signatures for Bedrock's paths.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Vectors {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    method: String,
    path: String,
    #[serde(default)]
    query: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    session: Option<String>,
    /// Whether the body's hash is a header too.
    #[serde(default)]
    states_hash: bool,
    #[serde(default = "usual_date")]
    date: String,
    #[serde(default = "usual_region")]
    region: String,
    #[serde(default = "usual_service")]
    service: String,
    canonical: String,
    to_sign: String,
    signature: String,
}

fn usual_date() -> String {
    "2015-08-30T12:36:00Z".to_owned()
}

fn usual_region() -> String {
    "us-east-1".to_owned()
}

fn usual_service() -> String {
    "service".to_owned()
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn keys(session: Option<&str>) -> SigningKeys {
    SigningKeys {
        id: "AKIDEXAMPLE".to_owned(),
        secret: SECRET.to_owned(),
        session: session.map(str::to_owned),
    }
}

#[track_caller]
fn check(case: &Case) {
    let now = humantime::parse_rfc3339(&case.date).expect("a date");
    let hash = hash(case.body.as_bytes().chunks(3));
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let stamp = stamp(now);
    let mut add = |name: &'static str, value: &str| {
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    };
    add("x-amz-date", &stamp);
    if case.states_hash {
        add("x-amz-content-sha256", &hash);
    }
    if let Some(session) = &case.session {
        add("x-amz-security-token", session);
    }
    let signed = Signed {
        method: &case.method,
        path: &case.path,
        query: &case.query,
        headers: chosen(&headers, |_| true),
        hash,
    };
    let name = &case.name;
    assert_eq!(String::from_utf8_lossy(&signed.canonical()), case.canonical, "{name}");
    let scope = Scope { region: &case.region, service: &case.service };
    let to_sign = signed.to_sign(&stamp, &place(&stamp, scope));
    assert_eq!(to_sign, case.to_sign, "{name}");
    assert_eq!(signature(SECRET, &stamp, scope, &to_sign), case.signature, "{name}");
}

#[test]
fn signatures_are_those_of_the_published_vectors() {
    let vectors: Vectors = toml::from_str(include_str!("vectors.toml")).expect("vectors");
    assert_eq!(vectors.case.len(), 35);
    vectors.case.iter().for_each(check);
}

/// The whole request, with headers that are not signed and a body in pieces, comes to botocore's signature.
#[test]
fn a_request_is_signed_as_botocore_signs_it() {
    let vectors: Vectors = toml::from_str(include_str!("vectors.toml")).expect("vectors");
    for case in vectors.case.iter().filter(|case| case.name.starts_with("botocore-")) {
        let host = &case.headers[0].1;
        let scheme = if host.contains(':') { "http" } else { "https" };
        let separator = if case.query.is_empty() { "" } else { "?" };
        let uri: Uri =
            format!("{scheme}://{host}{}{separator}{}", case.path, case.query).parse().expect("an address");
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("user-agent", HeaderValue::from_static("some program"));
        headers.insert("authorization", HeaderValue::from_static("from elsewhere"));
        let body: Vec<Bytes> = case.body.as_bytes().chunks(5).map(Bytes::copy_from_slice).collect();
        let method: Method = case.method.parse().expect("a method");
        let mut request = Outbound { method: &method, uri: &uri, headers: &mut headers, body: &body };
        let now = humantime::parse_rfc3339(&case.date).expect("a date");
        let scope = Scope { region: &case.region, service: &case.service };
        sign(&mut request, &keys(case.session.as_deref()), scope, now).expect("signed");
        let words = headers["authorization"].to_str().expect("text");
        assert!(words.ends_with(&format!("Signature={}", case.signature)), "{}: {words}", case.name);
        assert!(headers["authorization"].is_sensitive());
        assert_eq!(headers["host"], host.as_str());
        assert_eq!(headers.get("x-amz-security-token").is_some(), case.session.is_some());
        assert!(headers.get("x-amz-security-token").is_none_or(HeaderValue::is_sensitive));
    }
}

#[test]
fn what_a_query_is_compared_as() {
    assert_eq!(canonical_query("c+d"), "c%2Bd=");
    assert_eq!(canonical_query("b=2&a=%7E&a=%2f&&b=1"), "a=%2F&a=~&b=1&b=2");
}

#[test]
fn the_host_is_signed_as_it_is_sent() {
    let host = |uri: &str| host(&uri.parse().expect("an address")).expect("a host");
    assert_eq!(host("https://h.example:443/x"), "h.example");
    assert_eq!(host("http://h.example:80/x"), "h.example");
    assert_eq!(host("http://h.example:443/x"), "h.example:443");
    assert_eq!(host("http://[::1]:8080/x"), "[::1]:8080");
}

#[test]
fn keys_that_no_header_can_carry_and_clocks_that_are_wrong_do_no_harm() {
    let uri: Uri = "https://h.example/x".parse().expect("an address");
    let sent = |keys: &SigningKeys, now| {
        let mut headers = HeaderMap::new();
        let mut request = Outbound { method: &Method::GET, uri: &uri, headers: &mut headers, body: &[] };
        sign(&mut request, keys, Scope { region: "r", service: "s" }, now)
    };
    assert_eq!(sent(&keys(Some("a\nb")), UNIX_EPOCH), Err(SiteError::SigningKeysUnfit));
    let named = SigningKeys { id: "a\nb".to_owned(), ..keys(None) };
    assert_eq!(sent(&named, UNIX_EPOCH), Err(SiteError::SigningKeysUnfit));
    assert_eq!(sent(&keys(None), UNIX_EPOCH - Duration::from_secs(9)), Ok(()));
    assert_eq!(sent(&keys(None), UNIX_EPOCH + Duration::from_secs(LAST_SECOND + 9)), Ok(()));
}
