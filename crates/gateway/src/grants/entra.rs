//! Microsoft Entra: a registered client and its secret become a token (the client credentials flow of the v2 endpoint,
//! learn.microsoft.com, "Microsoft identity platform and the OAuth 2.0 client credentials flow"; the older one, which some
//! sovereign clouds have alone, is told of a resource instead of a scope).

use std::sync::Arc;

use lockgate_config::{Auth, Secret};
use lockgate_provider::{Proof, Terms};

use super::{Grant, Granted, Host, Obtaining, Wish, oauth};

/// Where tokens are asked for, unless `auth.endpoints.token` says otherwise.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// What tokens are for, unless `auth.scope` says otherwise: Azure OpenAI and Foundry.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";

#[derive(Debug)]
struct Entra {
    url: String,
    client_id: String,
    client_secret: Secret,
    scope: String,
}

/// A client and its directory, where the operator names them.
pub(super) fn make(wish: &Wish<'_>) -> Option<Result<Arc<dyn Grant>, String>> {
    Some(client(wish.auth?).map(|client| Arc::new(client) as Arc<dyn Grant>))
}

fn client(auth: &Auth) -> Result<Entra, String> {
    let missing = |name: &str| {
        format!("`auth.{name}` is missing: Entra wants `tenant_id`, `client_id` and `client_secret`")
    };
    let tenant = auth.tenant_id.as_deref().ok_or_else(|| missing("tenant_id"))?;
    if !tenant.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
        return Err("`auth.tenant_id` is neither an id nor a domain".to_owned());
    }
    Ok(Entra {
        url: match auth.endpoints.get("token") {
            Some(url) => url.clone(),
            None => format!("{AUTHORITY}/{tenant}/oauth2/v2.0/token"),
        },
        client_id: auth.client_id.clone().ok_or_else(|| missing("client_id"))?,
        client_secret: auth.client_secret.clone().ok_or_else(|| missing("client_secret"))?,
        scope: auth.scope.clone().unwrap_or_else(|| SCOPE.to_owned()),
    })
}

impl Entra {
    /// What the token is for, as the endpoint's version wants it said.
    fn purpose(&self) -> (&'static str, &str) {
        match self.url.trim_end_matches('/').ends_with("/v2.0/token") {
            true => ("scope", &self.scope),
            false => ("resource", self.scope.strip_suffix("/.default").unwrap_or(&self.scope)),
        }
    }
}

impl Grant for Entra {
    fn obtain<'a>(&'a self, host: &'a Host, _stale: bool) -> Obtaining<'a> {
        Box::pin(async {
            let fields = [
                ("grant_type", "client_credentials"),
                ("client_id", &self.client_id),
                ("client_secret", self.client_secret.expose()),
                self.purpose(),
            ];
            let token = oauth::token(host, &self.url, &fields).await?;
            let expires = oauth::expiry(host.now(), token.expires_in);
            Ok(Granted { proof: Proof::Token(token.access_token), terms: Terms::default(), expires })
        })
    }
}
