//! What the token endpoint changes for what: assertions, refresh tokens and codes for tokens.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use percent_encoding::percent_decode_str;
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{super::Call, JSON, assertion};
use crate::{clock, reply::Reply};

/// Seconds a token counts, as Google has it.
const LIFE: u64 = 3599;
const ASSERTION: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a code stands for; it is the code, so that nothing has to be remembered.
#[derive(Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) client: String,
    pub(super) redirect: String,
    pub(super) challenge: String,
    pub(super) scope: String,
}

/// Why there is no token: status, error, description.
type Denied = (u16, &'static str, &'static str);

pub(super) fn answer(call: &Call<'_>) -> Reply {
    match issued(call, &form(&String::from_utf8_lossy(call.body))) {
        Ok(body) => Reply::whole(200, JSON, body.to_string()),
        Err((status, error, description)) => denied(status, error, description),
    }
}

pub(super) fn denied(status: u16, error: &str, description: &str) -> Reply {
    Reply::whole(status, JSON, json!({ "error": error, "error_description": description }).to_string())
}

fn issued(call: &Call<'_>, form: &HashMap<String, String>) -> Result<Value, Denied> {
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let missing = (400, "invalid_request", "Missing required parameter.");
    let grant = field("grant_type").ok_or(missing)?;
    if grant == ASSERTION {
        let scope = assertion::check(field("assertion").ok_or(missing)?, clock::wall());
        let scope = scope.map_err(|why| (400, "invalid_grant", why))?;
        return Ok(token("mock", call.serial, &scope));
    }
    let client = field("client_id").ok_or((401, "invalid_client", "The OAuth client was not found."))?;
    if field("client_secret").is_none_or(|secret| secret == "wrong") {
        return Err((401, "invalid_client", "Unauthorized"));
    }
    match grant {
        "refresh_token" => {
            let account = field("refresh_token").ok_or(missing)?.strip_prefix("1//");
            let account = account.filter(|account| account.starts_with("mock"));
            let account = account.ok_or((400, "invalid_grant", "Token has been expired or revoked."))?;
            Ok(token(account, call.serial, "https://www.googleapis.com/auth/cloud-platform"))
        }
        "authorization_code" => {
            let bad = (400, "invalid_grant", "Malformed auth code.");
            let code = BASE64.decode(field("code").ok_or(missing)?).map_err(|_| bad)?;
            let code: Code = serde_json::from_slice(&code).map_err(|_| bad)?;
            let verifier = field("code_verifier").ok_or((400, "invalid_grant", "Missing code verifier."))?;
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            if BASE64.encode(hash) != code.challenge {
                return Err((400, "invalid_grant", "Invalid code verifier."));
            }
            if field("redirect_uri") != Some(&code.redirect) {
                return Err((400, "redirect_uri_mismatch", "Bad Request"));
            }
            if client != code.client {
                return Err((401, "unauthorized_client", "Unauthorized"));
            }
            let mut body = token("mock", call.serial, &code.scope);
            body["refresh_token"] = format!("1//mock-{}", call.serial).into();
            Ok(body)
        }
        _ => Err((400, "unsupported_grant_type", "Invalid grant_type.")),
    }
}

/// A token; its account is a part of it, for the services that are asked with it.
pub(super) fn token(account: &str, serial: u64, scope: &str) -> Value {
    json!({
        "access_token": format!("ya29.{account}-{serial}"),
        "expires_in": LIFE,
        "scope": scope,
        "token_type": "Bearer",
    })
}

/// A form or a query.
pub(super) fn form(text: &str) -> HashMap<String, String> {
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
