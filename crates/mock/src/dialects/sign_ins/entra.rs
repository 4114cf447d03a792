//! Entra: the client credentials flow.

use serde_json::{Value, json};

use super::{Call, Denied, LIFE, SHORT_LIFE, form};

/// A token for a client that shows its secret: `wrong` is not it, and one that begins with `short` soon ends.
pub(super) fn token(call: &Call<'_>) -> Result<Value, Denied> {
    let form = form(call);
    let field = |name: &str| form.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let missing = (400, "invalid_request", "AADSTS900144: The request body must contain all parameters.");
    if field("grant_type") != Some("client_credentials") {
        return Err((
            400,
            "unsupported_grant_type",
            "AADSTS70003: The app requested an unsupported grant type.",
        ));
    }
    // The older endpoint is told of a resource, the newer of scopes.
    let is_newer = call.path.ends_with("/v2.0/token");
    field(if is_newer { "scope" } else { "resource" }).ok_or(missing)?;
    let id = field("client_id").ok_or(missing)?;
    let secret = field("client_secret").ok_or(missing)?;
    if secret == "wrong" {
        return Err((401, "invalid_client", "AADSTS7000215: Invalid client secret provided."));
    }
    let life = if secret.starts_with("short") { SHORT_LIFE } else { LIFE };
    let token = format!("eyJ.{id}-{}", call.serial);
    // The older endpoint spells numbers as text.
    let life = if is_newer { json!(life) } else { json!(life.to_string()) };
    Ok(json!({ "token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token }))
}
