//! The mock's service account: its key file, and the check of what that key signed (RFC 7523).

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;

/// Made for the mock alone: it opens nothing but the mock, so that it may be known to all.
const PRIVATE_KEY: &str = include_str!("service_account.pem");
/// The same key's public half, as PKCS #1 has it.
const PUBLIC_KEY: &[u8] = include_bytes!("service_account.der");
const KEY_ID: &str = "mock-key-1";
const EMAIL: &str = "mock@mock-project.iam.gserviceaccount.com";
/// The audience that Google's own libraries write.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
/// Longest life of an assertion, and how far clocks may be apart, in seconds.
const LIFE: u64 = 3600;
const SKEW: u64 = 60;

/// The key file of the mock's service account, as Google's console gives one out.
pub(crate) fn service_account() -> String {
    json!({
        "type": "service_account",
        "project_id": "mock-project",
        "private_key_id": KEY_ID,
        "private_key": PRIVATE_KEY,
        "client_email": EMAIL,
        "client_id": "100000000000000000001",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": AUDIENCE,
        "universe_domain": "googleapis.com",
    })
    .to_string()
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    iat: u64,
    exp: u64,
    #[serde(default)]
    scope: String,
}

/// The scope an assertion asks for.
///
/// # Errors
/// What is wrong with it, in Google's words.
pub(super) fn check(assertion: &str, now: SystemTime) -> Result<String, &'static str> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or("Invalid JWT: not three parts.")?;
    let (header, claims) = signed.split_once('.').ok_or("Invalid JWT: not three parts.")?;
    let decoded = |part: &str| BASE64.decode(part).map_err(|_| "Invalid JWT: not base64url.");
    let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| "Invalid JWT: no header.")?;
    if header.alg != "RS256" || header.kid.is_some_and(|kid| kid != KEY_ID) {
        return Err("Invalid JWT Signature.");
    }
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY);
    key.verify(signed.as_bytes(), &decoded(signature)?).map_err(|_| "Invalid JWT Signature.")?;
    let claims: Claims = serde_json::from_slice(&decoded(claims)?).map_err(|_| "Invalid JWT: no claims.")?;
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match () {
        () if claims.iss != EMAIL => Err("Invalid grant: account not found"),
        () if claims.aud != AUDIENCE => Err("Invalid JWT: Failed audience check."),
        () if claims.iat > now + SKEW || claims.exp < now || claims.exp > claims.iat.saturating_add(LIFE) => {
            Err(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and \
             exp values in the JWT claim.",
            )
        }
        () if claims.scope.is_empty() => Err("Invalid OAuth scope or ID token audience provided."),
        () => Ok(claims.scope),
    }
}
