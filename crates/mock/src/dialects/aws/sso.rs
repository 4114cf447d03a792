//! IAM Identity Center: the portal that gives keys for a sign-in's token, and the service that renews the token.

use std::time::UNIX_EPOCH;

use http::Method;
use serde_json::{Value, json};

use super::{Call, Reply, field, header, keys::Temporary, said};
use crate::{clock, settings::AwsKey};

/// What tokens begin with, and what renews them.
const TOKEN: &str = "sso-token-";
const REFRESH: &str = "sso-refresh-";

pub(super) fn keys(call: &Call<'_>, key: &AwsKey) -> Reply {
    if !header(call, "x-amz-sso_bearer_token").starts_with(TOKEN) {
        return said(401, &json!({ "message": "Session token not found or invalid" }));
    }
    if field(call.query, "role_name").is_empty() || field(call.query, "account_id").len() != 12 {
        return said(400, &json!({ "message": "Invalid request" }));
    }
    let keys = Temporary::new(key, call.serial, clock::wall());
    let ends = keys.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
    said(
        200,
        &json!({ "roleCredentials": {
            "accessKeyId": keys.id,
            "secretAccessKey": keys.secret,
            "sessionToken": keys.session,
            "expiration": u64::try_from(ends.as_millis()).unwrap_or(u64::MAX),
        } }),
    )
}

pub(super) fn token(call: &Call<'_>) -> Reply {
    let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let is_known = !text("clientId").is_empty() && !text("clientSecret").is_empty();
    let is_asked = call.method == Method::POST && text("grantType") == "refresh_token";
    if !is_known || !is_asked || !text("refreshToken").starts_with(REFRESH) {
        return said(
            400,
            &json!({ "error": "invalid_grant", "error_description": "Invalid refresh token provided" }),
        );
    }
    said(
        200,
        &json!({
            "accessToken": format!("{TOKEN}{}", call.serial),
            "expiresIn": 3600,
            "refreshToken": format!("{REFRESH}{}", call.serial),
            "tokenType": "Bearer",
        }),
    )
}
