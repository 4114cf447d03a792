//! What OAuth token endpoints take and answer (RFC 6749, sections 4 to 6): a form goes in, a token or a reason comes out.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Deserializer};

use super::{
    Refusal,
    host::{Answer, Host},
};

/// What stays as it is in a form.
const IN_FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');
/// Longest part of an endpoint's words that a log gets.
const LONGEST: usize = 200;

/// A token as an endpoint gives it out. Its `Debug` would show it, so it has none.
#[derive(Deserialize)]
pub(crate) struct Token {
    pub(crate) access_token: String,
    /// Seconds it counts from now on.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) expires_in: Option<f64>,
    /// A new one, where the endpoint changes it with each use.
    #[serde(default)]
    pub(crate) refresh_token: Option<String>,
    /// What says who signed in, and what the token is for, as credential files repeat it (Google).
    #[serde(default)]
    pub(super) id_token: Option<String>,
    #[serde(default)]
    pub(super) scope: Option<String>,
    #[serde(default)]
    pub(crate) token_type: Option<String>,
    /// Where the account is served (Qwen).
    #[serde(default)]
    pub(crate) resource_url: Option<String>,
}

/// Why an endpoint gives out none (RFC 6749, section 5.2).
#[derive(Deserialize)]
pub(crate) struct Denial {
    pub(crate) error: String,
    #[serde(default)]
    error_description: String,
}

/// Asks the token endpoint at `url` with a form.
pub(crate) async fn token(host: &Host, url: &str, fields: &[(&str, &str)]) -> Result<Token, Refusal> {
    read(url, &ask(host, url, fields).await?)
}

/// Asks an endpoint at `url` with a form and reads its answer, whatever its status.
pub(crate) async fn ask(host: &Host, url: &str, fields: &[(&str, &str)]) -> Result<Answer, Refusal> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .body(Bytes::from(form(fields)))
        .map_err(|_| Refusal::lasting(format!("`{url}` is no address to ask for tokens at")))?;
    host.send(request).await
}

/// Seconds, which Entra's older endpoint spells as text.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelled {
        Number(f64),
        Text(String),
    }
    Ok(match Option::<Spelled>::deserialize(deserializer)? {
        Some(Spelled::Number(seconds)) => Some(seconds),
        Some(Spelled::Text(text)) => text.trim().parse().ok(),
        None => None,
    })
}

/// Names and values as a form has them.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, IN_FORM).to_string();
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// What an endpoint's answer says.
pub(crate) fn read(url: &str, answer: &Answer) -> Result<Token, Refusal> {
    if answer.status.is_success() {
        return serde_json::from_slice(&answer.body)
            .map_err(|_| Refusal::passing(format!("{url} answered with something that is no token")));
    }
    Err(denied(url, answer))
}

/// Why an endpoint gives out no token, in its own words.
pub(crate) fn denied(url: &str, answer: &Answer) -> Refusal {
    let status = answer.status.as_u16();
    let words = match serde_json::from_slice::<Denial>(&answer.body) {
        Ok(denial) => format!("{url} answered {status} {}: {}", denial.error, denial.error_description),
        Err(_) => format!("{url} answered {status}"),
    };
    // Endpoints repeat in their words what they were sent, so only the beginning is kept and no secret begins there.
    let why: String = lockgate_provider::redact(&words).chars().take(LONGEST).collect();
    let is_final = answer.status.is_client_error() && status != 408 && status != 429;
    Refusal { is_final, why }
}

/// When a token that counts for so many seconds stops counting.
pub(crate) fn expiry(now: SystemTime, seconds: Option<f64>) -> Option<SystemTime> {
    let seconds = Duration::try_from_secs_f64(seconds?.max(0.0)).ok()?;
    now.checked_add(seconds)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, expected: Result<&str, (bool, &str)>) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
        match (read("http://t/token", &answer), expected) {
            (Ok(token), Ok(expected)) => assert_eq!(token.access_token, expected),
            (Err(refusal), Err((is_final, why))) => {
                assert_eq!((refusal.is_final, refusal.why.as_str()), (is_final, why));
            }
            (Ok(_), Err(_)) => panic!("a token was read: {body}"),
            (Err(refusal), Ok(_)) => panic!("{refusal}"),
        }
    }

    #[test]
    fn an_endpoint_says_yes_no_or_later() {
        check(200, r#"{"access_token":"t","expires_in":3599.5,"token_type":"Bearer"}"#, Ok("t"));
        check(200, r#"{"access_token":"t","expires_in":"3599","resource":"r"}"#, Ok("t"));
        check(200, "<html>", Err((false, "http://t/token answered with something that is no token")));
        check(
            400,
            r#"{"error":"invalid_grant","error_description":"revoked"}"#,
            Err((true, "http://t/token answered 400 invalid_grant: revoked")),
        );
        check(429, "", Err((false, "http://t/token answered 429")));
        check(503, "busy", Err((false, "http://t/token answered 503")));
    }
}
