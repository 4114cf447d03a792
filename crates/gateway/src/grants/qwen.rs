//! Qwen: the sign-in that Qwen Code keeps in a file becomes a token, and what a refresh changed is written back.
//!
//! The file, the endpoint, the client and the meaning of `resource_url` are Qwen Code's (QwenLM/qwen-code,
//! `packages/core/src/qwen/qwenOAuth2.ts` and `qwenContentGenerator.ts`).

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderName, Uri};
use lockgate_config::{Auth, Secret};
use lockgate_provider::{Proof, Terms};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Grant, Granted, Host, Obtaining, Refusal, Wish, kept, oauth};

/// Where Qwen Code keeps its sign-in.
pub(crate) const SIGN_IN: &str = "~/.qwen/oauth_creds.json";
/// Where tokens are asked for, unless `auth.endpoints.token` says otherwise.
pub(crate) const TOKEN: &str = "https://chat.qwen.ai/api/v1/oauth2/token";
/// The client that Qwen Code signs in with; it has no secret (`QWEN_OAUTH_CLIENT_ID`).
pub(crate) const CLIENT: &str = "f0304373b74a44d2b584a3fb70ca9e56";
/// The hosts that a sign-in may name: Qwen's own with all below it, and DashScope's (`DASHSCOPE_REGIONAL_HOSTS`). Others
/// of the same company are its customers'.
const HOSTS: &[&str] =
    &["qwen.ai", "dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"];
/// Says what kind of token it is.
const AUTH_TYPE: (HeaderName, &str) = (HeaderName::from_static("x-dashscope-authtype"), "qwen-oauth");

/// A sign-in of Qwen Code.
#[derive(Debug)]
struct SignIn {
    file: String,
    client_id: String,
    token_url: String,
    /// Whether the sign-in says where it is served; else the operator does.
    names_place: bool,
    last: kept::Last,
}

/// What the file says.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    access_token: Option<Secret>,
    #[serde(default)]
    refresh_token: Option<Secret>,
    /// When the token stops counting, in milliseconds since 1970.
    #[serde(default)]
    expiry_date: Option<f64>,
    /// Where the account is served.
    #[serde(default)]
    resource_url: Option<String>,
}

/// A sign-in; without a word about its file Qwen Code's own.
pub(super) fn make(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    let usual = Auth::default();
    let auth = wish.auth.unwrap_or(&usual);
    Some(wish.takes_only(&["file", "client_id", "endpoints"]).map(|()| sign_in(wish, auth)))
}

fn sign_in(wish: &Wish<'_>, auth: &Auth) -> Arc<dyn Grant> {
    Arc::new(SignIn {
        file: auth.file.clone().unwrap_or_else(|| SIGN_IN.to_owned()),
        client_id: auth.client_id.clone().unwrap_or_else(|| CLIENT.to_owned()),
        token_url: auth.endpoints.get("token").cloned().unwrap_or_else(|| TOKEN.to_owned()),
        names_place: wish.base_url.is_none(),
        last: kept::Last::default(),
    })
}

impl Grant for SignIn {
    fn obtain<'a>(&'a self, host: &'a Host, stale: bool) -> Obtaining<'a> {
        Box::pin(async move {
            let path = host.path(&self.file);
            let kept: Kept = kept::read(host, &path, "a sign-in of Qwen Code").await?;
            let now = host.now();
            if let (Some(token), Some(expires)) = (&kept.access_token, kept.expires())
                && self.last.counts(token.expose(), expires, now, stale)
            {
                let token = token.expose().to_owned();
                return self.granted(token, kept.resource_url.as_deref(), Some(expires));
            }
            self.refreshed(host, &path, &kept, now).await
        })
    }
}

impl SignIn {
    /// Asks for a new token and writes down what changed.
    async fn refreshed(
        &self,
        host: &Host,
        path: &Path,
        kept: &Kept,
        now: SystemTime,
    ) -> Result<Granted, Refusal> {
        let refresh = kept.refresh_token.as_ref().ok_or_else(|| {
            Refusal::lasting(format!(
                "`{}` has no `refresh_token`; sign in again with `lockgate login qwen`",
                path.display()
            ))
        })?;
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh.expose()),
            ("client_id", &self.client_id),
        ];
        let new = oauth::token(host, &self.token_url, &fields).await?;
        let expires = oauth::expiry(now, new.expires_in);
        let place = new.resource_url.or_else(|| kept.resource_url.clone());
        let mut changes: Vec<(&str, Value)> = vec![("access_token", new.access_token.clone().into())];
        changes.extend(expires.and_then(millis).map(|millis| ("expiry_date", json!(millis))));
        let told = [
            ("refresh_token", new.refresh_token),
            ("token_type", new.token_type),
            ("resource_url", place.clone().filter(|place| kept.resource_url.as_ref() != Some(place))),
        ];
        changes.extend(told.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
        kept::write_back(host, path, &changes).await;
        self.granted(new.access_token, place.as_deref(), expires)
    }

    fn granted(
        &self,
        token: String,
        place: Option<&str>,
        expires: Option<SystemTime>,
    ) -> Result<Granted, Refusal> {
        self.last.given(&token);
        let base_url =
            place.filter(|place| self.names_place && !place.is_empty()).map(base_url).transpose()?;
        let (name, value) = AUTH_TYPE;
        let terms = Terms { base_url, headers: vec![(name, value.to_owned())], ..Terms::default() };
        Ok(Granted { proof: Proof::Token(token), terms, expires })
    }
}

impl Kept {
    fn expires(&self) -> Option<SystemTime> {
        let since = Duration::try_from_secs_f64(self.expiry_date? / 1000.0).ok()?;
        UNIX_EPOCH.checked_add(since)
    }
}

/// A moment as the file has it.
pub(crate) fn millis(moment: SystemTime) -> Option<u64> {
    u64::try_from(moment.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Where a sign-in says it is served: a host, with or without scheme and path. An answer to a refresh must not choose
/// where keys go, so only Qwen's own hosts are believed.
fn base_url(written: &str) -> Result<String, Refusal> {
    let has_scheme = written.contains("://");
    let url = if has_scheme { written.to_owned() } else { format!("https://{written}") };
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_ascii_lowercase();
    let is_known = HOSTS.iter().any(|known| host == *known) || host.ends_with(".qwen.ai");
    let is_bare =
        uri.as_ref().and_then(Uri::authority).is_some_and(|place| place.as_str().len() == host.len());
    if !is_known || !is_bare || uri.as_ref().and_then(Uri::scheme_str) != Some("https") {
        let shown: String = host.chars().take(80).collect();
        return Err(Refusal::lasting(format!(
            "the sign-in wants its token shown to `{shown}`, which is not known as Qwen's; if that is meant, write it as `base_url`"
        )));
    }
    let url = url.trim_end_matches('/');
    Ok(if url.ends_with("/v1") { url.to_owned() } else { format!("{url}/v1") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Option<&str>) {
        assert_eq!(base_url(written).ok().as_deref(), expected, "{written}");
    }

    #[test]
    fn only_qwens_own_hosts_are_believed() {
        check("portal.qwen.ai", Some("https://portal.qwen.ai/v1"));
        check("https://portal.qwen.ai/v1/", Some("https://portal.qwen.ai/v1"));
        let dashscope = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1";
        check(dashscope, Some(dashscope));
        for stranger in [
            "evil.example",
            "http://portal.qwen.ai",
            "portal.qwen.ai.evil.example",
            "evilqwen.ai",
            "bucket.oss-cn-hangzhou.aliyuncs.com",
            "https://me@portal.qwen.ai/v1",
            "portal.qwen.ai:8443",
            "portal.qwen.ai@evil.example",
            "/etc",
            "",
        ] {
            check(stranger, None);
        }
    }
}
