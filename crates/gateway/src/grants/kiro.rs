//! Kiro: the token that its IDE keeps in a file is shown, and renewed by either of its two sign-ins.
//!
//! The file, its neighbour, the endpoints and their JSON are those of the public gateways justlovemaki/AIClient-2-API
//! (`src/providers/claude/claude-kiro.js`), caidaoli/kiro2api (`auth/refresh.go`) and router-for-me/CLIProxyAPIPlus
//! (`internal/auth/kiro`); `CreateToken` of AWS's OIDC API is documented at docs.aws.amazon.com.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, header};
use lockgate_config::{Auth, Secret};
use lockgate_provider::{Proof, Terms, is_aws_region};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Grant, Granted, Host, Obtaining, Refusal, Wish, kept, oauth};

/// Where the IDE keeps its token.
const SIGN_IN: &str = "~/.aws/sso/cache/kiro-auth-token.json";
/// Where accounts are, unless the file says something else.
const USUAL_REGION: &str = "us-east-1";
/// How long a new token counts that does not say so.
const UNSAID: Duration = Duration::from_secs(3600);

/// An account at Kiro.
#[derive(Debug)]
struct Account {
    file: String,
    /// Where tokens are asked for, if the operator says.
    token_url: Option<String>,
    /// The profile that is used, if the operator says.
    profile: Option<String>,
    /// Whether the account says where it is served; else the operator does.
    names_place: bool,
    last: kept::Last,
}

/// What the file says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Kept {
    access_token: Option<Secret>,
    refresh_token: Option<Secret>,
    /// As RFC 3339 has it.
    expires_at: Option<String>,
    /// `social`, `IdC`, `builder-id`.
    auth_method: Option<String>,
    /// Who signed the user in: `Google`, `Github`, `BuilderId`, `Enterprise`.
    provider: Option<String>,
    profile_arn: Option<String>,
    /// The name of the file beside this one that has the client.
    client_id_hash: Option<String>,
    #[serde(flatten)]
    client: Client,
    /// Where the sign-in is, which need not be where the models are.
    region: Option<String>,
}

/// The client that the sign-in was made with.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Client {
    client_id: Option<String>,
    client_secret: Option<Secret>,
}

/// What either endpoint gives out. Its `Debug` would show it, so it has none.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct New {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    /// Seconds it counts from now on.
    #[serde(default)]
    expires_in: Option<f64>,
    #[serde(default)]
    profile_arn: Option<String>,
}

/// An account; without a word about its file the IDE's own.
pub(super) fn make(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    let usual = Auth::default();
    let auth = wish.auth.unwrap_or(&usual);
    Some(wish.takes_only(&["file", "project", "endpoints"]).map(|()| account(wish, auth)))
}

fn account(wish: &Wish<'_>, auth: &Auth) -> Arc<dyn Grant> {
    Arc::new(Account {
        file: auth.file.clone().unwrap_or_else(|| SIGN_IN.to_owned()),
        token_url: auth.endpoints.get("token").cloned(),
        profile: auth.project.clone().or_else(|| wish.project.map(str::to_owned)),
        names_place: wish.base_url.is_none() && wish.region.is_none(),
        last: kept::Last::default(),
    })
}

impl Grant for Account {
    fn obtain<'a>(&'a self, host: &'a Host, stale: bool) -> Obtaining<'a> {
        Box::pin(async move {
            let path = host.path(&self.file);
            let kept: Kept = kept::read(host, &path, "a token of Kiro").await?;
            let now = host.now();
            let expires = kept.expires_at.as_deref().and_then(moment);
            let profile = self.profile.clone().or_else(|| kept.profile());
            if let (Some(token), Some(expires)) = (&kept.access_token, expires)
                && self.last.counts(token.expose(), expires, now, stale)
            {
                return Ok(self.granted(token.expose().to_owned(), profile, expires));
            }
            let new = self.new_token(host, &path, &kept).await?;
            let life = new.expires_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let expires = now.checked_add(life.unwrap_or(UNSAID)).unwrap_or(now);
            let date = humantime::format_rfc3339_millis(expires).to_string();
            let mut changes: Vec<(&str, Value)> =
                vec![("accessToken", new.access_token.clone().into()), ("expiresAt", date.into())];
            let told = [("refreshToken", new.refresh_token), ("profileArn", new.profile_arn.clone())];
            changes.extend(told.into_iter().filter_map(|(name, value)| Some((name, value?.into()))));
            kept::write_back(host, &path, &changes).await;
            let profile = self.profile.clone().or(new.profile_arn).or(profile);
            Ok(self.granted(new.access_token, profile, expires))
        })
    }
}

impl Account {
    /// Asks for a token where the sign-in was made.
    async fn new_token(&self, host: &Host, path: &Path, kept: &Kept) -> Result<New, Refusal> {
        let shown = path.display();
        let refresh = kept.refresh_token.as_ref().ok_or_else(|| {
            Refusal::lasting(format!("`{shown}` has no `refreshToken`; sign in to Kiro again"))
        })?;
        let region = kept.region.as_deref().unwrap_or(USUAL_REGION);
        if !is_aws_region(region) {
            return Err(Refusal::lasting(format!("`{shown}` has a `region` that is none of AWS's")));
        }
        let (url, question) = if kept.is_social() {
            let url = format!("https://prod.{region}.auth.desktop.kiro.dev/refreshToken");
            (url, json!({ "refreshToken": refresh.expose() }))
        } else {
            let client = kept.client(host, path).await?;
            let url = format!("https://oidc.{region}.amazonaws.com/token");
            let question = json!({
                "clientId": client.0,
                "clientSecret": client.1.expose(),
                "grantType": "refresh_token",
                "refreshToken": refresh.expose(),
            });
            (url, question)
        };
        let url = self.token_url.as_ref().unwrap_or(&url);
        let request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .body(Bytes::from(question.to_string()))
            .map_err(|_| Refusal::lasting(format!("`{url}` is no address to ask for tokens at")))?;
        let answer = host.send(request).await?;
        if !answer.status.is_success() {
            return Err(oauth::denied(url, &answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| Refusal::passing(format!("{url} answered with something that is no token")))
    }

    fn granted(&self, token: String, profile: Option<String>, expires: SystemTime) -> Granted {
        self.last.given(&token);
        // `arn:aws:codewhisperer:{region}:{account}:profile/{id}`: AWS's own client goes where the profile is.
        let region =
            profile.as_deref().and_then(|arn| arn.split(':').nth(3)).filter(|name| is_aws_region(name));
        let base_url =
            region.filter(|_| self.names_place).map(|region| format!("https://q.{region}.amazonaws.com"));
        let terms = Terms { base_url, project: profile, ..Terms::default() };
        Granted { proof: Proof::Token(token), terms, expires: Some(expires) }
    }
}

impl Kept {
    /// Whether Google, GitHub and the like signed the user in. Files of older versions do not say.
    fn is_social(&self) -> bool {
        match self.auth_method.as_deref() {
            Some(method) => method.eq_ignore_ascii_case("social"),
            None => self.client_id_hash.is_none() && self.client.client_id.is_none(),
        }
    }

    /// The profile to name in requests. A Builder ID has none, and is refused with one (CLIProxyAPIPlus).
    fn profile(&self) -> Option<String> {
        let words = [&self.provider, &self.auth_method].into_iter().flatten();
        let is_builder =
            words.map(|word| word.replace('-', "")).any(|word| word.eq_ignore_ascii_case("builderid"));
        self.profile_arn.clone().filter(|profile| !is_builder && !profile.is_empty())
    }

    /// The client of the sign-in: in the file itself, or in the one beside it that it names.
    async fn client(&self, host: &Host, path: &Path) -> Result<(String, Secret), Refusal> {
        let pair = |client: Client| Some((client.client_id?, client.client_secret?));
        let own = Client {
            client_id: self.client.client_id.clone(),
            client_secret: self.client.client_secret.clone(),
        };
        if let Some(own) = pair(own) {
            return Ok(own);
        }
        let shown = path.display();
        let hash = self.client_id_hash.as_deref().filter(|hash| hash.bytes().all(|b| b.is_ascii_hexdigit()));
        let hash = hash.filter(|hash| !hash.is_empty()).ok_or_else(|| {
            Refusal::lasting(format!("`{shown}` names no client (`clientIdHash`); sign in to Kiro again"))
        })?;
        let beside = path.with_file_name(format!("{hash}.json"));
        let read: Client = kept::read(host, &beside, "a client of a sign-in").await?;
        pair(read).ok_or_else(|| {
            Refusal::lasting(format!("`{}` has no `clientId` and `clientSecret`", beside.display()))
        })
    }
}

/// A moment as the file has it; what cannot be read counts as past.
fn moment(text: &str) -> Option<SystemTime> {
    let bare = ["Z", "+00:00"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    humantime::parse_rfc3339(&format!("{bare}Z")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, is_social: bool, profile: Option<&str>) {
        let kept: Kept = serde_json::from_str(file).expect("a file");
        assert_eq!((kept.is_social(), kept.profile().as_deref()), (is_social, profile), "{file}");
    }

    #[test]
    fn a_file_tells_how_the_user_signed_in() {
        check(r#"{"authMethod":"social","provider":"Google","profileArn":"arn:1"}"#, true, Some("arn:1"));
        check(r#"{"authMethod":"IdC","provider":"Enterprise","profileArn":"arn:1"}"#, false, Some("arn:1"));
        check(r#"{"authMethod":"IdC","provider":"BuilderId","profileArn":"arn:1"}"#, false, None);
        check(r#"{"authMethod":"builder-id","profileArn":"arn:1","clientId":"c"}"#, false, None);
        check(r#"{"profileArn":"arn:1"}"#, true, Some("arn:1"));
        check(r#"{"clientIdHash":"ab12"}"#, false, None);
    }

    #[test]
    fn moments_are_read_in_the_spellings_of_the_files() {
        for text in ["2025-10-01T12:00:00.000Z", "2025-10-01T12:00:00Z", "2025-10-01T12:00:00+00:00"] {
            let read = moment(text).map(|at| humantime::format_rfc3339_seconds(at).to_string());
            assert_eq!(read.as_deref(), Some("2025-10-01T12:00:00Z"), "{text}");
        }
        assert_eq!(moment("soon"), None);
    }
}
