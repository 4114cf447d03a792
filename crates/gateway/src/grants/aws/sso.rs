//! Sign-ins of `aws sso login`: the token that it keeps in a file becomes keys of a role, and is renewed where it may be
//! (docs.aws.amazon.com, IAM Identity Center portal API, `GetRoleCredentials`; OIDC API, `CreateToken`; the file as
//! botocore's `SSOTokenProvider` reads and writes it).

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use lockgate_provider::SigningKeys;
use ring::digest;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Ground, Host, Keys, Refusal, is_final, moment};
use crate::grants::oauth;

/// How long before its end a token is renewed.
const AHEAD: Duration = Duration::from_secs(300);

/// A sign-in, and what is asked for with it.
pub(super) struct SignIn<'a> {
    /// The profile that names it, for the log.
    pub(super) profile: String,
    /// The name of the session, or the address of the older form: what the file is named after.
    pub(super) name: &'a str,
    /// Where the sign-in is, which need not be where the models are.
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) role: &'a str,
}

/// The keys of the role.
pub(super) async fn keys(host: &Host, ground: &Ground, sign_in: &SignIn<'_>) -> Result<Keys, Refusal> {
    let path = host.path(&format!("~/.aws/sso/cache/{}.json", file_name(sign_in.name)));
    let kept = Kept::read(host, sign_in, path).await?;
    let token = kept.token(host, ground, sign_in).await?;
    let region = sign_in.region;
    let base = ground.endpoint("sso", || format!("https://portal.sso.{region}.amazonaws.com"));
    let query = oauth::form(&[("role_name", sign_in.role), ("account_id", sign_in.account)]);
    let request = Request::builder()
        .method(Method::GET)
        .uri(format!("{base}/federation/credentials?{query}"))
        .header("x-amz-sso_bearer_token", token)
        .body(Bytes::new())
        .map_err(|_| sign_in.lasting("its token or address cannot be sent"))?;
    let answer = host.send(request).await?;
    if answer.status == StatusCode::UNAUTHORIZED {
        return Err(sign_in.ended());
    }
    if !answer.status.is_success() {
        let why =
            format!("profile `{}`: the role was refused with {}", sign_in.profile, answer.status.as_u16());
        return Err(Refusal { is_final: is_final(answer.status), why });
    }
    let found: Found = serde_json::from_slice(&answer.body).map_err(|_| {
        Refusal::passing(format!("profile `{}`: the answer has no credentials in it", sign_in.profile))
    })?;
    Ok(found.role_credentials.keys())
}

/// The file that a token is kept in: SHA-1 of the name of the sign-in, as AWS's tools have it.
fn file_name(name: &str) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, name.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    role_credentials: RoleCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoleCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    /// In milliseconds since 1970.
    expiration: u64,
}

impl RoleCredentials {
    fn keys(self) -> Keys {
        Keys {
            signing: SigningKeys {
                id: self.access_key_id,
                secret: self.secret_access_key,
                session: Some(self.session_token),
            },
            expires: UNIX_EPOCH.checked_add(Duration::from_millis(self.expiration)),
        }
    }
}

impl SignIn<'_> {
    fn lasting(&self, why: &str) -> Refusal {
        Refusal::lasting(format!("profile `{}`: {why}", self.profile))
    }

    fn ended(&self) -> Refusal {
        self.lasting(&format!("the sign-in has ended; run `aws sso login --profile {}`", self.profile))
    }
}

/// What a file keeps: all its members, because it belongs to AWS's tools. Secret, so it has no `Debug`.
struct Kept {
    path: PathBuf,
    members: Map<String, Value>,
}

impl Kept {
    async fn read(host: &Host, sign_in: &SignIn<'_>, path: PathBuf) -> Result<Self, Refusal> {
        let bytes = host.read_if_there(&path).await?.ok_or_else(|| {
            sign_in.lasting(&format!(
                "there is no sign-in yet; run `aws sso login --profile {}`",
                sign_in.profile
            ))
        })?;
        let members = serde_json::from_slice(&bytes)
            .map_err(|_| sign_in.lasting(&format!("`{}` holds no sign-in", path.display())))?;
        Ok(Self { path, members })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    fn ends(&self) -> Option<SystemTime> {
        self.text("expiresAt").and_then(moment)
    }

    /// The token that counts: the one that is kept, or a new one in its place.
    async fn token(mut self, host: &Host, ground: &Ground, sign_in: &SignIn<'_>) -> Result<String, Refusal> {
        let now = host.now();
        let left = self.ends().and_then(|ends| ends.duration_since(now).ok()).unwrap_or_default();
        let kept = self.text("accessToken").filter(|_| !left.is_zero()).map(str::to_owned);
        if let Some(token) = kept.clone().filter(|_| left > AHEAD) {
            return Ok(token);
        }
        let renewed = self.renew(host, ground, sign_in, now).await;
        match (renewed, kept) {
            (Ok(token), _) => Ok(token),
            (Err(refusal), Some(kept)) => {
                tracing::warn!(profile = sign_in.profile, "the sign-in could not be renewed: {refusal}");
                Ok(kept)
            }
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// Asks for a new token and writes it to the file, in which everything else stays as it is.
    async fn renew(
        &mut self,
        host: &Host,
        ground: &Ground,
        sign_in: &SignIn<'_>,
        now: SystemTime,
    ) -> Result<String, Refusal> {
        let registered = self.text("registrationExpiresAt").and_then(moment);
        if registered.is_some_and(|until| until <= now) {
            return Err(sign_in.ended());
        }
        let member = |name| self.text(name).ok_or_else(|| sign_in.ended());
        let question = json!({
            "grantType": "refresh_token",
            "clientId": member("clientId")?,
            "clientSecret": member("clientSecret")?,
            "refreshToken": member("refreshToken")?,
        });
        let region = sign_in.region;
        let base = ground.endpoint("oidc", || format!("https://oidc.{region}.amazonaws.com"));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{base}/token"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(question.to_string()))
            .map_err(|_| sign_in.lasting(&format!("`{base}` is no address to ask at")))?;
        let answer = host.send(request).await?;
        if is_final(answer.status) {
            return Err(sign_in.ended());
        }
        let unclear = || Refusal::passing(format!("{base} answered {} to a renewal", answer.status.as_u16()));
        let Value::Object(new) = serde_json::from_slice(&answer.body).map_err(|_| unclear())? else {
            return Err(unclear());
        };
        let (Some(token), true) =
            (new.get("accessToken").and_then(Value::as_str), answer.status.is_success())
        else {
            return Err(unclear());
        };
        let token = token.to_owned();
        let seconds = new.get("expiresIn").and_then(Value::as_u64).unwrap_or_default();
        let ends = now.checked_add(Duration::from_secs(seconds)).unwrap_or(now);
        self.members.insert("accessToken".to_owned(), token.clone().into());
        self.members
            .insert("expiresAt".to_owned(), humantime::format_rfc3339_seconds(ends).to_string().into());
        if let Some(refresh) = new.get("refreshToken") {
            self.members.insert("refreshToken".to_owned(), refresh.clone());
        }
        self.write(host, &self.path).await;
        Ok(token)
    }

    /// A file that cannot be written costs the next start, not this request.
    async fn write(&self, host: &Host, path: &Path) {
        let contents = Value::Object(self.members.clone()).to_string().into_bytes();
        if let Err(error) = host.replace(path, contents).await {
            tracing::error!(
                "`{}` cannot be written, and the sign-in in it is used up: {error}",
                path.display()
            );
        }
    }
}
