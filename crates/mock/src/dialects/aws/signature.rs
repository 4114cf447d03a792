//! Checks a signature (AWS Signature Version 4) as AWS does: known key, right place, right time, nothing changed.
//!
//! Written from AWS's description alone and shares nothing with what signs, so that the two can find each other out.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use http::header::AUTHORIZATION;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};

use super::{Call, header, keys::Temporary};
use crate::settings::AwsKey;

/// How far the clocks may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// All but RFC 3986's unreserved characters are escaped.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a signature is not believed, in AWS's words.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) message: Cow<'static, str>,
}

/// The parts of `AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...`.
struct Shown<'a> {
    id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    headers: Vec<&'a str>,
    signature: &'a str,
}

/// Believes the request's signature, or says why not.
pub(crate) fn check(call: &Call<'_>, key: &AwsKey, service: &str, now: SystemTime) -> Result<(), Denied> {
    let words = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let shown = Shown::parse(words).ok_or_else(|| {
        denied(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.",
        )
    })?;
    let secret = secret(call, key, shown.id, now)?;
    let stamp = header(call, "x-amz-date");
    in_time(stamp, now)?;
    if stamp.split('T').next() != Some(shown.day) {
        return Err(mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{stamp}'.",
            shown.day
        )));
    }
    if shown.region != key.region {
        return Err(mismatch("Credential should be scoped to a valid region."));
    }
    if shown.service != service {
        return Err(mismatch(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    let must = |name: &str| name == "host" || name.starts_with("x-amz-");
    let mut present = call.headers.keys().map(http::HeaderName::as_str).chain(["host"]);
    if let Some(unsigned) = present.find(|name| must(name) && !shown.headers.contains(name)) {
        return Err(mismatch(format!("'{unsigned}' must be a 'SignedHeader' in the AWS Authorization.")));
    }
    if !shown.headers.is_sorted() {
        return Err(mismatch("Signed headers must be sorted."));
    }
    let scope = format!("{}/{}/{}/aws4_request", shown.day, shown.region, shown.service);
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", sha256(canonical(call, &shown)?.as_bytes()));
    let mut derived = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        derived = mac(&derived, part);
    }
    if hexadecimal(&mac(&derived, &to_sign)) != shown.signature {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ));
    }
    Ok(())
}

/// The secret of the key that is named, if it is known, counts, and comes with what it has to.
fn secret(call: &Call<'_>, key: &AwsKey, id: &str, now: SystemTime) -> Result<String, Denied> {
    let unknown =
        || denied("UnrecognizedClientException", "The security token included in the request is invalid.");
    let session = header(call, "x-amz-security-token");
    if id == key.id {
        return if session.is_empty() { Ok(key.secret.clone()) } else { Err(unknown()) };
    }
    let keys = Temporary::named(key, id).filter(|keys| keys.session == session).ok_or_else(unknown)?;
    if keys.expires <= now {
        return Err(denied("ExpiredTokenException", "The security token included in the request is expired"));
    }
    Ok(keys.secret)
}

/// Whether a date in AWS's form, `20261121T140000Z`, is about now.
fn in_time(stamp: &str, now: SystemTime) -> Result<(), Denied> {
    let spelled = match (stamp.len(), stamp.is_ascii()) {
        (16, true) => {
            format!("{}-{}-{}:{}:{}", &stamp[..4], &stamp[4..6], &stamp[6..11], &stamp[11..13], &stamp[13..])
        }
        _ => String::new(),
    };
    let date = humantime::parse_rfc3339(&spelled)
        .map_err(|_| mismatch("Date must be in ISO-8601 'basic format'."))?;
    if date + SKEW < now {
        return Err(mismatch(format!("Signature expired: {stamp} is now earlier than 5 min. ago")));
    }
    if date > now + SKEW {
        return Err(mismatch(format!("Signature not yet current: {stamp} is still later than in 5 min.")));
    }
    Ok(())
}

/// The request in the spelling that is signed.
fn canonical(call: &Call<'_>, shown: &Shown<'_>) -> Result<String, Denied> {
    // Escapes are escaped once more: the rule of every service but S3.
    let path: Vec<String> = call.path.split('/').map(escaped).collect();
    let mut query: Vec<(String, String)> = call
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (escaped(&unescaped(name)), escaped(&unescaped(value))))
        .collect();
    query.sort();
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut headers = String::new();
    for name in &shown.headers {
        let values: Vec<String> = call
            .headers
            .get_all(*name)
            .iter()
            .map(|value| {
                String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        headers += &format!("{name}:{}\n", values.join(","));
    }
    let hash = sha256(call.body);
    let stated = header(call, "x-amz-content-sha256");
    if !stated.is_empty() && stated != hash {
        return Err(mismatch("The value passed in for x-amz-content-sha256 does not match the body."));
    }
    let (path, query, names) = (path.join("/"), query.join("&"), shown.headers.join(";"));
    Ok(format!("{}\n{path}\n{query}\n{headers}\n{names}\n{hash}", call.method))
}

impl<'a> Shown<'a> {
    fn parse(words: &'a str) -> Option<Self> {
        let mut parts = words.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',').map(str::trim);
        let credential = parts.next()?.strip_prefix("Credential=")?;
        let headers = parts.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parts.next()?.strip_prefix("Signature=")?;
        let [id, day, region, service, "aws4_request"] = credential.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        let headers = headers.split(';').collect();
        Some(Self { id, day, region, service, headers, signature })
    }
}

fn unescaped(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn sha256(bytes: &[u8]) -> String {
    hexadecimal(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn denied(kind: &'static str, message: impl Into<Cow<'static, str>>) -> Denied {
    Denied { status: 403, kind, message: message.into() }
}

fn mismatch(message: impl Into<Cow<'static, str>>) -> Denied {
    denied("InvalidSignatureException", message)
}
