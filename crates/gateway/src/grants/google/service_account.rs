//! A service account: its key signs an assertion, which the token endpoint changes for a token.

use std::time::UNIX_EPOCH;

use lockgate_config::Secret;
use serde::Deserialize;
use serde_json::json;

use super::{Refusal, Settings, Token, endpoint, jwt};
use crate::grants::{Host, oauth};

/// How long an assertion counts, in seconds: the most Google takes.
const LIFE: u64 = 3600;
/// The grant of RFC 7523.
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A service account's key file, as the cloud console gives it out.
#[derive(Deserialize)]
pub(super) struct ServiceAccount {
    client_email: String,
    private_key: Secret,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

impl ServiceAccount {
    pub(super) async fn token(self, host: &Host, settings: &Settings) -> Result<Token, Refusal> {
        let url = endpoint::token(settings, self.token_uri.as_deref())?;
        let now = host.now();
        let issued = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // Google's own libraries write the same audience, whichever endpoint the file names.
        let claims = json!({
            "iss": self.client_email,
            "scope": settings.scope,
            "aud": endpoint::TOKEN,
            "iat": issued,
            "exp": issued + LIFE,
        });
        let assertion = jwt::signed(self.private_key.expose(), self.private_key_id.as_deref(), &claims);
        let assertion = assertion.ok_or_else(|| {
            Refusal::lasting(
                "the service account's `private_key` is not an RSA key of 2048 bits or more in PEM",
            )
        })?;
        let fields = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let token = oauth::token(host, url, &fields).await?;
        let expires = oauth::expiry(now, token.expires_in);
        Ok(Token { token: token.access_token, expires, project: self.project_id, quota_project: None })
    }
}
