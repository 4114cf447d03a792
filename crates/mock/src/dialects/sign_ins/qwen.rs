//! Qwen: refresh tokens and the codes of devices (QwenLM/qwen-code, `packages/core/src/qwen/qwenOAuth2.ts`).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::digest;
use serde_json::{Value, json};

use super::{Call, Denied, LIFE, form};

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CLIENT: (u16, &str, &str) = (400, "invalid_client", "Unknown client.");

/// A token for a refresh token that begins with `mock`, or for the code of a device.
pub(super) fn token(call: &Call<'_>) -> Result<Value, Denied> {
    let form = form(call);
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    field("client_id").ok_or(CLIENT)?;
    let revoked = (400, "invalid_grant", "Refresh token expired or invalid.");
    let account = match field("grant_type") {
        Some("refresh_token") => {
            field("refresh_token").filter(|token| token.starts_with("mock")).ok_or(revoked)?
        }
        Some(DEVICE) => {
            let expired = (400, "expired_token", "The code has ended.");
            // The code is its own memory: what was shown, and when.
            let (challenge, serial) =
                field("device_code").and_then(|code| code.split_once('.')).ok_or(expired)?;
            let verifier = field("code_verifier").ok_or((400, "invalid_request", "No code_verifier."))?;
            let hash = digest::digest(&digest::SHA256, verifier.as_bytes());
            if BASE64.encode(hash) != challenge {
                return Err((400, "invalid_grant", "The code_verifier does not fit."));
            }
            match call.serial.saturating_sub(serial.parse().unwrap_or(0)) {
                1 => return Err((400, "authorization_pending", "The user has not agreed yet.")),
                _ => "mock",
            }
        }
        _ => return Err((400, "unsupported_grant_type", "Unknown grant_type.")),
    };
    let mut body = json!({
        "status": "success",
        "access_token": format!("qwen-{account}-{}", call.serial),
        "refresh_token": format!("mock-{}", call.serial),
        "token_type": "Bearer",
        "expires_in": LIFE,
        "resource_url": "portal.qwen.ai",
    });
    if account.contains("stranger") {
        body["resource_url"] = "evil.example".into();
    }
    Ok(body)
}

/// A code for a device, whose owner agrees after the first question.
pub(super) fn device(call: &Call<'_>) -> Result<Value, Denied> {
    let form = form(call);
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    field("client_id").ok_or(CLIENT)?;
    let missing = (400, "invalid_request", "code_challenge and its method S256 are required.");
    let challenge = field("code_challenge").ok_or(missing)?;
    if field("code_challenge_method") != Some("S256") || field("scope").is_none() {
        return Err(missing);
    }
    Ok(json!({
        "device_code": format!("{challenge}.{}", call.serial),
        "user_code": "MOCK-1",
        "verification_uri": "https://chat.qwen.ai/authorize",
        "verification_uri_complete": "https://chat.qwen.ai/authorize?user_code=MOCK-1&client=qwen-code",
        "expires_in": 900,
        "interval": 0.05,
    }))
}
