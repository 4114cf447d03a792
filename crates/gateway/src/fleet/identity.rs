//! What makes a credential this one and no other, whatever it is called and wherever it stands in its list.

use indexmap::IndexMap;
use lockgate_config::{self as config, Secret};
use sha2::{Digest, Sha256};

/// Where a credential asks and what it shows there, as a SHA-256: equal ones are the same account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity([u8; 32]);

impl Identity {
    /// Of that row of `provider`.
    pub(super) fn of(provider: &config::Provider, row: &config::Credential) -> Self {
        let mut digest = Parts(Sha256::new());
        digest.text(Some(&provider.kind));
        let places = [&provider.base_url, &provider.api_version, &provider.region, &provider.project];
        for place in places {
            digest.text(place.as_deref());
        }
        digest.headers(&provider.headers);
        digest.headers(&row.headers);
        digest.text(row.api_key.as_ref().map(Secret::expose));
        if let Some(auth) = &row.auth {
            digest.auth(auth);
        }
        Self(digest.0.finalize().into())
    }
}

/// Texts one after the other, each with its length, so that no two lists of them look the same.
struct Parts(Sha256);

impl Parts {
    fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                self.0.update([1]);
                self.0.update((text.len() as u64).to_be_bytes());
                self.0.update(text);
            }
            None => self.0.update([0]),
        }
    }

    fn headers(&mut self, headers: &IndexMap<String, Secret>) {
        self.0.update((headers.len() as u64).to_be_bytes());
        for (name, value) in headers {
            self.text(Some(name));
            self.text(Some(value.expose()));
        }
    }

    fn auth(&mut self, auth: &config::Auth) {
        // Every field by its name, so that a new one cannot be forgotten here.
        let config::Auth {
            file,
            client_id,
            client_secret,
            tenant_id,
            project,
            api,
            scope,
            access_key_id,
            secret_access_key,
            session_token,
            profile,
            role_arn,
            web_identity_token_file,
            endpoints,
        } = auth;
        let plain = [
            file,
            client_id,
            tenant_id,
            project,
            api,
            scope,
            access_key_id,
            profile,
            role_arn,
            web_identity_token_file,
        ];
        for text in plain {
            self.text(text.as_deref());
        }
        for secret in [client_secret, secret_access_key, session_token] {
            self.text(secret.as_ref().map(Secret::expose));
        }
        self.0.update((endpoints.len() as u64).to_be_bytes());
        for (name, address) in endpoints {
            self.text(Some(name));
            self.text(Some(address));
        }
    }
}
