//! AWS Signature Version 4: a request proves that its sender has a key, without showing it (docs.aws.amazon.com, IAM user
//! guide, "Create a signed AWS API request").

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt::Write,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use ring::{digest, hmac};

use crate::{
    address::SiteError,
    exchange::Outbound,
    pass::{SigningKeys, secret_value},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// The last moment that the date format can say, in seconds since 1970.
const LAST_SECOND: u64 = 253_402_300_799;

/// What a path must have escaped, also where it is an escape already: AWS does so for every service but S3.
const IN_PATH: &AsciiSet = &IN_QUERY.remove(b'/');
/// What the names and values of a query must have escaped: all but RFC 3986's unreserved characters.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// For which place a signature counts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// The name the service signs under, such as `bedrock` or `sts`.
    pub service: &'a str,
}

/// Signs a request that is ready to leave. The host is written into it, because it is signed; of the other headers only
/// those count that nobody on the way may change: the content's type and AWS's own.
///
/// # Errors
/// [`SiteError::SigningKeysUnfit`] when no header can carry the keys' name or session token.
pub fn sign(
    request: &mut Outbound<'_>,
    keys: &SigningKeys,
    scope: Scope<'_>,
    now: SystemTime,
) -> Result<(), SiteError> {
    let unfit = |_| SiteError::SigningKeysUnfit;
    let stamp = stamp(now);
    let headers = &mut *request.headers;
    if let Some(host) = host(request.uri) {
        headers.insert(HOST, host);
    }
    headers.insert(DATE, HeaderValue::from_str(&stamp).map_err(|_| SiteError::SigningKeysUnfit)?);
    headers.remove(SECURITY_TOKEN);
    if let Some(session) = &keys.session {
        headers.insert(SECURITY_TOKEN, secret_value(session).map_err(unfit)?);
    }
    let signed = Signed {
        method: request.method.as_str(),
        path: request.uri.path(),
        query: request.uri.query().unwrap_or_default(),
        headers: chosen(headers, is_signed),
        hash: hash(request.body.iter().map(|piece| &piece[..])),
    };
    let place = place(&stamp, scope);
    let signature = signature(&keys.secret, &stamp, scope, &signed.to_sign(&stamp, &place));
    let words = format!(
        "{ALGORITHM} Credential={}/{place}, SignedHeaders={}, Signature={signature}",
        keys.id,
        signed.names()
    );
    headers.insert(AUTHORIZATION, secret_value(&words).map_err(unfit)?);
    Ok(())
}

/// Whether a header is signed.
fn is_signed(name: &HeaderName) -> bool {
    *name == HOST || *name == CONTENT_TYPE || name.as_str().starts_with("x-amz-")
}

/// The host as it is sent: without the port that the scheme stands for anyway.
fn host(uri: &Uri) -> Option<HeaderValue> {
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    let host = match uri.port_u16() {
        Some(port) if port != usual => format!("{}:{port}", uri.host()?),
        _ => uri.host()?.to_owned(),
    };
    HeaderValue::from_str(&host).ok()
}

/// `20150830T123600Z`. A clock that is out of its mind makes a signature that is refused, not a panic.
fn stamp(now: SystemTime) -> String {
    let last = UNIX_EPOCH + Duration::from_secs(LAST_SECOND);
    let text = humantime::format_rfc3339_seconds(now.clamp(UNIX_EPOCH, last)).to_string();
    text.replace(['-', ':'], "")
}

/// The headers that count, by name, values as AWS compares them.
fn chosen(headers: &HeaderMap, counts: fn(&HeaderName) -> bool) -> BTreeMap<&str, Vec<u8>> {
    let mut chosen: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| counts(name)) {
        let joined = chosen.entry(name.as_str()).or_default();
        if !joined.is_empty() {
            joined.push(b',');
        }
        let words = value.as_bytes().split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            joined.extend_from_slice(if at > 0 { b" " } else { b"" });
            joined.extend_from_slice(word);
        }
    }
    chosen
}

/// The body's hash. The pieces are not joined for it.
fn hash<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    pieces.for_each(|piece| context.update(piece));
    hexadecimal(context.finish().as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What of a request is signed.
struct Signed<'a> {
    method: &'a str,
    /// As it is sent, escapes and all.
    path: &'a str,
    /// As it is sent, without its question mark.
    query: &'a str,
    headers: BTreeMap<&'a str, Vec<u8>>,
    /// Of the body.
    hash: String,
}

impl Signed<'_> {
    /// The request in the one spelling that both sides come to.
    fn canonical(&self) -> Vec<u8> {
        let path = percent_encode(self.path.as_bytes(), IN_PATH);
        let mut text = format!("{}\n{path}\n{}\n", self.method, canonical_query(self.query)).into_bytes();
        for (name, value) in &self.headers {
            text.extend_from_slice(name.as_bytes());
            text.push(b':');
            text.extend_from_slice(value);
            text.push(b'\n');
        }
        text.extend_from_slice(format!("\n{}\n{}", self.names(), self.hash).as_bytes());
        text
    }

    /// The names of the headers that are signed.
    fn names(&self) -> String {
        self.headers.keys().copied().collect::<Vec<_>>().join(";")
    }

    fn to_sign(&self, stamp: &str, place: &str) -> String {
        let hash = hash(std::iter::once(&self.canonical()[..]));
        format!("{ALGORITHM}\n{stamp}\n{place}\n{hash}")
    }
}

/// Names and values escaped alike and in order. A plus stands for itself.
fn canonical_query(query: &str) -> String {
    let alike = |text: &str| {
        let plain: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&plain, IN_QUERY).to_string()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (alike(name), alike(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The day, region and service that a signature counts for.
fn place(stamp: &str, scope: Scope<'_>) -> String {
    format!("{}/{}/{}/aws4_request", day(stamp), scope.region, scope.service)
}

fn day(stamp: &str) -> &str {
    stamp.split('T').next().unwrap_or_default()
}

/// Signs with a key that is made for that day and place alone.
fn signature(secret: &str, stamp: &str, scope: Scope<'_>, to_sign: &str) -> String {
    let mac = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let first = mac(format!("AWS4{secret}").as_bytes(), day(stamp));
    let key = [scope.region, scope.service, "aws4_request"]
        .into_iter()
        .fold(first, |key, part| mac(key.as_ref(), part));
    hexadecimal(mac(key.as_ref(), to_sign).as_ref())
}
