//! A user who signed in: the refresh token in a file becomes a token, and what changed is written back.

use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lockgate_config::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refusal, Settings, Token, endpoint};
use crate::grants::{Host, kept, oauth};

/// A token in a file counts if it is good for longer than this: as long as tokens are renewed ahead.
const FRESH: Duration = Duration::from_secs(300);

/// The client that the Gemini CLI signs in with, for its files, which do not name it. Public: the CLI's source has it
/// (`packages/core/src/code_assist/oauth2.ts`) and says that the secret of an installed application is none
/// (developers.google.com/identity/protocols/oauth2#installed). A refresh token counts only with the client it was made for.
const CLI_CLIENT: (&str, &str) = (
    "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
    "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",
);

/// A user's file: gcloud's (`application_default_credentials.json`) or the Gemini CLI's (`oauth_creds.json`).
#[derive(Deserialize)]
pub(super) struct User {
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_secret: Option<Secret>,
    #[serde(default)]
    refresh_token: Option<Secret>,
    #[serde(default)]
    access_token: Option<Secret>,
    /// When the token stops counting, in milliseconds since 1970.
    #[serde(default)]
    expiry_date: Option<f64>,
    #[serde(default)]
    quota_project_id: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
}

impl User {
    /// A token. `kept` is there for files that keep tokens: the one in the file counts unless it is the refused one, and a
    /// new one is written back.
    pub(super) async fn token(
        self,
        host: &Host,
        settings: &Settings,
        path: &Path,
        kept: Option<Option<&str>>,
    ) -> Result<Token, Refusal> {
        let now = host.now();
        if let (Some(refused), Some(token)) = (kept, &self.access_token) {
            let expires = self.expiry();
            // Another process may have been quicker: its token is as good as one of our own.
            let is_fresh = expires.is_some_and(|expires| expires > now + FRESH);
            if is_fresh && refused != Some(token.expose()) {
                let token = token.expose().to_owned();
                return Ok(self.with(token, expires));
            }
        }
        let shown = path.display();
        let Some(refresh) = &self.refresh_token else {
            return Err(Refusal::lasting(format!("`{shown}` has no `refresh_token`; sign in again")));
        };
        let (id, secret) = self.client(host, settings, kept.is_some()).ok_or_else(|| {
            Refusal::lasting(format!(
                "`{shown}` names no client; write `auth.client_id` and `auth.client_secret`"
            ))
        })?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", id.as_str()),
            ("client_secret", secret.expose()),
            ("refresh_token", refresh.expose()),
        ];
        let url = endpoint::token(settings, None)?;
        let new = oauth::token(host, url, &fields).await?;
        let expires = oauth::expiry(now, new.expires_in);
        let mut changes: Vec<(&str, Value)> = Vec::new();
        if kept.is_some() {
            changes.push(("access_token", new.access_token.clone().into()));
            let millis =
                expires.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_millis());
            changes.extend(
                millis.and_then(|millis| u64::try_from(millis).ok()).map(|ms| ("expiry_date", json!(ms))),
            );
            let told = [("id_token", new.id_token), ("scope", new.scope), ("token_type", new.token_type)];
            changes.extend(told.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
        }
        changes.extend(new.refresh_token.map(|token| ("refresh_token", token.into())));
        kept::write_back(host, path, &changes).await;
        Ok(self.with(new.access_token, expires))
    }

    /// The client that the sign-in was made with: the file's, the operator's, the environment's, the Gemini CLI's.
    fn client(&self, host: &Host, settings: &Settings, is_cli: bool) -> Option<(String, Secret)> {
        let pair = |id: Option<String>, secret: Option<Secret>| Some((id?, secret?));
        pair(self.client_id.clone(), self.client_secret.clone())
            .or_else(|| pair(settings.client_id.clone(), settings.client_secret.clone()))
            .or_else(|| {
                let secret = host.variable("GOOGLE_OAUTH_CLIENT_SECRET").map(Secret::new);
                pair(host.variable("GOOGLE_OAUTH_CLIENT_ID"), secret)
            })
            .or_else(|| is_cli.then(|| (CLI_CLIENT.0.to_owned(), Secret::new(CLI_CLIENT.1))))
    }

    fn expiry(&self) -> Option<SystemTime> {
        let seconds = Duration::try_from_secs_f64(self.expiry_date? / 1000.0).ok()?;
        UNIX_EPOCH.checked_add(seconds)
    }

    fn with(self, token: String, expires: Option<SystemTime>) -> Token {
        Token { token, expires, project: self.project_id, quota_project: self.quota_project_id }
    }
}
