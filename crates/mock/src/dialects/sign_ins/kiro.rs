//! Kiro: its own endpoint for those who signed in with Google and the like, and AWS's for everybody else.

use serde_json::{Value, json};

use super::{Call, Denied, LIFE};

const REVOKED: Denied = (401, "invalid_grant", "Invalid refresh token provided");
/// The profile of everybody who signed in with Google and the like.
const PROFILE: &str = "arn:aws:codewhisperer:us-east-1:123456789012:profile/MOCK";

/// A token for a refresh token that begins with `mock`.
pub(super) fn social(call: &Call<'_>) -> Result<Value, Denied> {
    let body = body(call)?;
    if body.as_object().is_none_or(|members| members.len() != 1) {
        return Err((400, "invalid_request", "The body has one member."));
    }
    Ok(token(call, account(&body)?, "social", Some(PROFILE)))
}

/// The same for a registered client; the secret `wrong` is not it.
pub(super) fn idc(call: &Call<'_>) -> Result<Value, Denied> {
    let body = body(call)?;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    if text("grantType") != "refresh_token" {
        return Err((400, "unsupported_grant_type", "Unknown grantType."));
    }
    if text("clientId").is_empty() || matches!(text("clientSecret"), "" | "wrong") {
        return Err((401, "invalid_client", "Unknown client."));
    }
    Ok(token(call, account(&body)?, "builder", None))
}

fn body(call: &Call<'_>) -> Result<Value, Denied> {
    serde_json::from_slice(call.body).map_err(|_| (400, "invalid_request", "The body is not JSON."))
}

fn account(body: &Value) -> Result<&str, Denied> {
    body["refreshToken"].as_str().filter(|token| token.starts_with("mock")).ok_or(REVOKED)
}

fn token(call: &Call<'_>, account: &str, kind: &str, profile: Option<&str>) -> Value {
    let mut body = json!({
        "accessToken": format!("aoa-{kind}-{account}-{}", call.serial),
        "refreshToken": format!("mock-{}", call.serial),
        "expiresIn": LIFE,
        "tokenType": "Bearer",
    });
    if let Some(profile) = profile {
        body["profileArn"] = profile.into();
    }
    body
}
