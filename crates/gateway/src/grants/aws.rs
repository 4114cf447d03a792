//! AWS: keys, roles, sign-ins and machine identities become keys that requests are signed with. What the operator's words
//! mean is here; each way to come by keys is a file under `aws/`.

mod chain;
mod ini;
mod metadata;
mod profile;
mod sso;
mod sts;
#[cfg(test)]
mod tests;

use std::{future::Future, pin::Pin, sync::Arc, time::SystemTime};

use http::StatusCode;
use lockgate_config::Auth;
use lockgate_provider::{Proof, SigningKeys, Terms};
use serde::Deserialize;

use super::{Grant, Granted, Host, Obtaining, Refusal, Wish};
use profile::Profiles;
use sts::Identity;

/// What may be asked elsewhere, as `auth.endpoints` names it.
const ENDPOINTS: &[&str] = &["sts", "imds", "sso", "oidc"];

/// What the operator's words mean.
#[derive(Debug)]
struct Aws {
    source: Source,
    /// A role that is taken on with the source's keys.
    role: Option<String>,
    ground: Ground,
}

/// Where keys come from.
#[derive(Debug)]
enum Source {
    /// The operator wrote them down.
    Written(SigningKeys),
    /// A profile of the shared files.
    Profile(String),
    /// A token in a file that stands for a machine or a pod.
    Identity(Identity),
    /// The usual places, as AWS's own SDKs look at them.
    Usual,
}

/// What all ways to keys share.
#[derive(Debug)]
struct Ground {
    region: String,
    /// Addresses in place of AWS's own, by the names of [`ENDPOINTS`].
    endpoints: Vec<(String, String)>,
    /// The variable with a key that is shown as it is, where the service takes one.
    bearer: Option<&'static str>,
}

/// Keys, and until when they count.
struct Keys {
    signing: SigningKeys,
    expires: Option<SystemTime>,
}

/// Keys, when they are there.
type Coming<'a> = Pin<Box<dyn Future<Output = Result<Keys, Refusal>> + Send + 'a>>;

/// Keys of a place that may have none.
type Perhaps<'a> = Pin<Box<dyn Future<Output = Result<Option<Keys>, Refusal>> + Send + 'a>>;

/// The grant that the words mean; without any, the usual places of AWS's own SDKs.
pub(super) fn make(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    Some(aws(wish).map(|aws| Arc::new(aws) as Arc<dyn Grant>))
}

/// The region that the machine's profile names, for a provider that nobody wrote one for. Read once, at the start.
pub(super) fn region(auth: Option<&Auth>, host: &Host) -> Option<String> {
    let named = auth.and_then(|auth| auth.profile.clone());
    let profiles = Profiles::read_at_start(host).ok()?;
    profiles.region(&named.unwrap_or_else(|| profile::usual_name(host)))
}

fn aws(wish: &Wish<'_>) -> Result<Aws, String> {
    let none = Auth::default();
    let auth = wish.auth.unwrap_or(&none);
    only_ours(auth)?;
    let source = source(auth)?;
    // The role belongs to the identity, or is taken on with the keys of another source.
    let is_identity = matches!(source, Source::Identity(_));
    let region = wish.region.ok_or(
        "`region` is missing: requests are signed for one, such as `us-east-1`; write it, or set AWS_REGION",
    )?;
    let kind = lockgate_provider::find(wish.kind);
    let trimmed = |(name, url): (&String, &String)| (name.clone(), url.trim_end_matches('/').to_owned());
    Ok(Aws {
        source,
        role: auth.role_arn.clone().filter(|_| !is_identity),
        ground: Ground {
            region: region.to_owned(),
            endpoints: auth.endpoints.iter().map(trimmed).collect(),
            bearer: kind.and_then(|kind| kind.key_variable()),
        },
    })
}

/// Refuses words that mean something to other kinds only.
fn only_ours(auth: &Auth) -> Result<(), String> {
    let others = [
        ("file", auth.file.is_some()),
        ("client_id", auth.client_id.is_some()),
        ("client_secret", auth.client_secret.is_some()),
        ("tenant_id", auth.tenant_id.is_some()),
        ("scope", auth.scope.is_some()),
    ];
    if let Some((name, _)) = others.iter().find(|(_, is_written)| *is_written) {
        return Err(format!("`auth.{name}` means nothing to AWS; take it out"));
    }
    match auth.endpoints.keys().find(|name| !ENDPOINTS.contains(&name.as_str())) {
        Some(name) => Err(format!("`auth.endpoints.{name}` is not known; AWS has {}", ENDPOINTS.join(", "))),
        None => Ok(()),
    }
}

fn source(auth: &Auth) -> Result<Source, String> {
    let session = auth.session_token.as_ref();
    let keys = match (&auth.access_key_id, &auth.secret_access_key) {
        (Some(id), Some(secret)) => Some(SigningKeys {
            id: id.clone(),
            secret: secret.expose().to_owned(),
            session: session.map(|token| token.expose().to_owned()),
        }),
        (None, None) if session.is_none() => None,
        (None, _) => return Err("`auth.access_key_id` is missing: it names the secret key".to_owned()),
        (Some(_), None) => {
            return Err(
                "`auth.secret_access_key` is missing: it is what `auth.access_key_id` names".to_owned()
            );
        }
    };
    match (keys, &auth.profile, &auth.web_identity_token_file) {
        (Some(keys), None, None) => Ok(Source::Written(keys)),
        (None, Some(profile), None) => Ok(Source::Profile(profile.clone())),
        (None, None, Some(file)) => {
            let role = auth.role_arn.clone().ok_or(
                "`auth.role_arn` is missing: `auth.web_identity_token_file` proves who takes on a role",
            )?;
            Ok(Source::Identity(Identity { role, file: file.clone(), session: None }))
        }
        (None, None, None) => Ok(Source::Usual),
        _ => Err(
            "`auth` has more than one of `access_key_id`, `profile` and `web_identity_token_file`; keep one"
                .to_owned(),
        ),
    }
}

// === impl Aws ===

impl Grant for Aws {
    fn obtain<'a>(&'a self, host: &'a Host, _stale: bool) -> Obtaining<'a> {
        Box::pin(async move {
            let terms = Terms::default();
            if let (Source::Usual, None, Some(key)) = (&self.source, &self.role, self.bearer(host)) {
                return Ok(Granted { proof: Proof::Key(key), terms, expires: None });
            }
            let keys = self.keys(host).await?;
            Ok(Granted { proof: Proof::Keys(keys.signing), terms, expires: keys.expires })
        })
    }
}

impl Aws {
    /// A key in the environment that is shown as it is; AWS's SDKs prefer it to keys that sign.
    fn bearer(&self, host: &Host) -> Option<String> {
        self.ground.bearer.and_then(|name| host.variable(name))
    }

    async fn keys(&self, host: &Host) -> Result<Keys, Refusal> {
        let ground = &self.ground;
        let keys = match &self.source {
            Source::Written(keys) => Keys { signing: keys.clone(), expires: None },
            Source::Profile(name) => profile::keys(host, ground, name).await?,
            Source::Identity(identity) => sts::with_identity(host, ground, identity).await?,
            Source::Usual => chain::keys(host, ground).await?,
        };
        match &self.role {
            Some(role) => sts::assume(host, ground, &sts::Role::of(role), &keys.signing).await,
            None => Ok(keys),
        }
    }
}

// === impl Ground ===

impl Ground {
    /// Where a service is asked: the operator's address, or `usual`.
    fn endpoint(&self, name: &str, usual: impl FnOnce() -> String) -> String {
        let written = self.endpoints.iter().find(|(known, _)| known == name);
        written.map_or_else(usual, |(_, url)| url.clone())
    }
}

/// Keys as the machine's and the container's endpoints give them out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    expiration: Option<String>,
}

impl Given {
    fn keys(self) -> Keys {
        let (id, secret, session) = (self.access_key_id, self.secret_access_key, self.token);
        let expires = self.expiration.as_deref().and_then(moment);
        Keys { signing: SigningKeys { id, secret, session }, expires }
    }
}

/// A moment as AWS writes it: `2026-11-21T14:00:00Z`, and in older files of sign-ins `UTC` for the `Z`.
fn moment(text: &str) -> Option<SystemTime> {
    let bare = ["Z", "UTC", "+00:00"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    humantime::parse_rfc3339(&format!("{bare}Z")).ok()
}

/// Whether asking again cannot change an answer with this status.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && status != StatusCode::REQUEST_TIMEOUT
        && status != StatusCode::TOO_MANY_REQUESTS
}
