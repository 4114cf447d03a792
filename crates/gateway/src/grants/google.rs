//! Google: a service account's key, a user's sign-in or the machine itself become a token.
//!
//! Where credentials are looked for and what their files look like: google-auth-library-python (`google/auth/_default.py`,
//! `oauth2/service_account.py`, `oauth2/credentials.py`, `compute_engine/_metadata.py`) and the Gemini CLI
//! (`packages/core/src/code_assist/oauth2.ts`).

mod code_assist;
mod endpoint;
mod file;
mod jwt;
mod metadata;
mod service_account;
mod user;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use http::HeaderName;
use indexmap::IndexMap;
use lockgate_config::{Auth, Secret};
use lockgate_protocol::forms;
use lockgate_provider::{Proof, Terms};

use super::{Grant, Granted, Host, Obtaining, Refusal, Wish};
use file::Identity;

/// What tokens are for unless `auth.scope` says otherwise: all of Google's cloud, as the account may use it.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The addresses that `auth.endpoints` may replace.
const ENDPOINTS: [&str; 3] = ["token", "metadata", "code_assist"];
/// Where the Gemini CLI keeps its sign-in.
const SIGN_IN: &str = "~/.gemini/oauth_creds.json";
/// Names the project whose quota counts, where that is not the one of the client that asks.
const QUOTA_PROJECT: HeaderName = HeaderName::from_static("x-goog-user-project");

/// An account at Google.
#[derive(Debug)]
struct Google {
    source: Source,
    /// Which API it is used at, if the operator says; else what its file is says so.
    api: Option<Api>,
    /// Whether requests cannot do without a project.
    needs_project: bool,
    settings: Settings,
    /// The token given out last, and the project that Code Assist named.
    held: Mutex<Held>,
}

/// Where the credential is.
#[derive(Debug)]
enum Source {
    /// In this file.
    File(String),
    /// Where Google's own libraries look: the file that GOOGLE_APPLICATION_CREDENTIALS names, gcloud's, the machine.
    Usual,
}

/// The API an account is used at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    /// The provider's own.
    Public,
    /// Code Assist, which the Gemini CLI's sign-in is for.
    CodeAssist,
}

/// What the operator wrote that counts for every kind of credential.
#[derive(Debug)]
struct Settings {
    scope: String,
    project: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    base_url: Option<String>,
    endpoints: IndexMap<String, String>,
}

#[derive(Default)]
struct Held {
    token: Option<String>,
    project: Option<String>,
}

/// A token and what is known of the account it is for.
struct Token {
    token: String,
    expires: Option<SystemTime>,
    /// The account's own project.
    project: Option<String>,
    /// The project whose quota counts.
    quota_project: Option<String>,
}

/// Accounts for the cloud; without a word of the operator's those that Google's own libraries would find.
pub(super) fn cloud(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    let usual = Auth::default();
    let auth = wish.auth.unwrap_or(&usual);
    let source = auth.file.clone().map_or(Source::Usual, Source::File);
    Some(match auth.api.as_deref() {
        None => made(wish, auth, source, Some(Api::Public), true),
        Some(_) => Err(format!("`auth.api` is not for kind `{}`, which has one API; take it out", wish.kind)),
    })
}

/// A sign-in; without a word about its file the Gemini CLI's.
pub(super) fn sign_in(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    let auth = wish.auth?;
    let source = Source::File(auth.file.clone().unwrap_or_else(|| SIGN_IN.to_owned()));
    let api = match auth.api.as_deref() {
        None => Ok(None),
        Some("public") => Ok(Some(Api::Public)),
        Some("code-assist") => Ok(Some(Api::CodeAssist)),
        Some(other) => Err(format!("`auth.api` is `{other}`; write `public` or `code-assist`")),
    };
    Some(api.and_then(|api| made(wish, auth, source, api, false)))
}

fn made(
    wish: &Wish<'_>,
    auth: &Auth,
    source: Source,
    api: Option<Api>,
    needs_project: bool,
) -> Result<Arc<dyn Grant>, String> {
    if let Some(name) = auth.endpoints.keys().find(|name| !ENDPOINTS.contains(&name.as_str())) {
        let known = ENDPOINTS.map(|name| format!("`{name}`")).join(", ");
        return Err(format!("`auth.endpoints.{name}` is none of Google's; they are {known}"));
    }
    let settings = Settings {
        scope: auth.scope.clone().unwrap_or_else(|| SCOPE.to_owned()),
        project: auth.project.clone().or_else(|| wish.project.map(str::to_owned)),
        client_id: auth.client_id.clone(),
        client_secret: auth.client_secret.clone(),
        base_url: wish.base_url.map(str::to_owned),
        endpoints: auth.endpoints.clone(),
    };
    Ok(Arc::new(Google { source, api, needs_project, settings, held: Mutex::default() }))
}

impl Grant for Google {
    fn obtain<'a>(&'a self, host: &'a Host, stale: bool) -> Obtaining<'a> {
        Box::pin(async move {
            let found = match &self.source {
                Source::File(path) => Some(host.path(path)),
                Source::Usual => usual_file(host).await?,
            };
            let Some(path) = found else {
                let token = metadata::token(host, &self.settings, self.needs_project).await?;
                return self.granted(host, token, Api::Public).await;
            };
            let identity = Identity::read(&host.read(&path).await?, &path)?;
            let api = self.api.unwrap_or(match identity {
                Identity::SignIn(_) => Api::CodeAssist,
                Identity::ServiceAccount(_) | Identity::User(_) => Api::Public,
            });
            let refused = if stale { self.held().token.clone() } else { None };
            let token = match identity {
                Identity::ServiceAccount(account) => account.token(host, &self.settings).await,
                Identity::User(user) => user.token(host, &self.settings, &path, None).await,
                Identity::SignIn(user) => {
                    user.token(host, &self.settings, &path, Some(refused.as_deref())).await
                }
            }?;
            self.granted(host, token, api).await
        })
    }
}

impl Google {
    /// The token with what has to be known to use it.
    async fn granted(&self, host: &Host, token: Token, api: Api) -> Result<Granted, Refusal> {
        let written = self.settings.project.clone().or_else(|| {
            let set = ["GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID"];
            set.iter().find_map(|name| host.variable(name))
        });
        let mut terms = Terms::default();
        let quota_project = host.variable("GOOGLE_CLOUD_QUOTA_PROJECT").or(token.quota_project);
        match api {
            Api::CodeAssist => {
                let base_url = self.settings.endpoint("code_assist").or(self.settings.base_url.as_deref());
                let base_url = base_url.unwrap_or(code_assist::BASE_URL);
                let known = written.or_else(|| self.held().project.clone());
                let project = match known {
                    Some(project) => project,
                    None => code_assist::project(host, base_url, &token.token).await?,
                };
                self.held().project = Some(project.clone());
                terms.project = Some(project);
                terms.base_url = Some(base_url.to_owned());
                terms.form = Some(forms::CODE_ASSIST);
            }
            Api::Public if self.needs_project => {
                let known = written.or(token.project).or_else(|| quota_project.clone());
                terms.project = Some(known.ok_or_else(|| {
                    Refusal::lasting(
                        "no project is known to bill: write `project`, or set GOOGLE_CLOUD_PROJECT",
                    )
                })?);
                terms.headers.extend(quota_project.map(|project| (QUOTA_PROJECT, project)));
            }
            Api::Public => {
                let project = self.settings.project.clone().or(quota_project);
                terms.headers.extend(project.map(|project| (QUOTA_PROJECT, project)));
            }
        }
        self.held().token = Some(token.token.clone());
        Ok(Granted { proof: Proof::Token(token.token), terms, expires: token.expires })
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held(<redacted>)")
    }
}

impl Settings {
    /// An address that the operator wrote in place of Google's.
    fn endpoint(&self, name: &str) -> Option<&str> {
        self.endpoints.get(name).map(String::as_str)
    }
}

/// The file that Google's own libraries would take; `None` if there is none, so that the machine is asked.
async fn usual_file(host: &Host) -> Result<Option<PathBuf>, Refusal> {
    if let Some(named) = host.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        return Ok(Some(host.path(&named)));
    }
    let folder = host.variable("CLOUDSDK_CONFIG").unwrap_or_else(|| "~/.config/gcloud".to_owned());
    let path = host.path(&folder).join("application_default_credentials.json");
    Ok(host.read_if_there(&path).await?.map(|_| path))
}
