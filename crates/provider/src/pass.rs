//! What a request shows to be let in: the proof of who asks, put where its provider looks for it.

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use lockgate_protocol::{
    forms::Form,
    ir::{Complaint, Fault},
};

use crate::address::{Address, SiteError};

/// Shorter values of an operator's headers are words, which may be in any text.
const SHORTEST_SECRET: usize = 8;

/// What proves who asks, as the operator wrote it down or as a grant gave it out. Its `Debug` shows no secret.
#[derive(Clone)]
pub enum Proof {
    /// Nothing does: a server of one's own, or the operator's own headers.
    Nothing,
    /// An API key, shown in the header the provider has for it.
    Key(String),
    /// A token that counts for a while, shown as `Authorization: Bearer`.
    Token(String),
    /// Keys that each request is signed with.
    Keys(SigningKeys),
}

/// Keys that requests are signed with. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct SigningKeys {
    /// The name of the keys, which is sent.
    pub id: String,
    /// The key itself, which is not.
    pub secret: String,
    /// What has to be sent along with keys that count for a while.
    pub session: Option<String>,
}

/// What a grant says beside its proof.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Where the account is served, if not where the provider usually is.
    pub base_url: Option<String>,
    /// The project or profile the account is billed to.
    pub project: Option<String>,
    /// The form in which the account's API takes bodies, if that is not the provider's usual one.
    pub form: Option<&'static dyn Form>,
    /// Headers that go with the proof, such as one that names the project whose quota counts.
    pub headers: Vec<(HeaderName, String)>,
}

/// What every request with one credential carries while its proof counts. Has no serialiser, and its `Debug` shows no
/// secret: header values are marked sensitive.
#[derive(Debug, Clone)]
pub struct Pass {
    pub(crate) headers: HeaderMap,
    pub(crate) copied: Vec<(HeaderName, HeaderName)>,
    pub(crate) keys: Option<SigningKeys>,
    pub(crate) address: Option<Address>,
    pub(crate) project: Option<String>,
    pub(crate) form: Option<&'static dyn Form>,
}

impl Pass {
    /// Takes every secret of the pass out of a fault's texts: a provider may repeat the key it refuses, in whatever form
    /// its keys have. A body with one in it is not passed on at all.
    pub fn conceal(&self, fault: &mut Fault) {
        let shown = self.headers.values().filter(|value| value.is_sensitive());
        let shown =
            shown.filter_map(|value| value.to_str().ok()).map(|text| text.rsplit(' ').next().unwrap_or(text));
        let signing = self.keys.iter().flat_map(|keys| [Some(&keys.secret), keys.session.as_ref()]).flatten();
        for secret in
            shown.chain(signing.map(String::as_str)).filter(|secret| secret.len() >= SHORTEST_SECRET)
        {
            let hide = |text: &mut String| {
                if text.contains(secret) {
                    *text = text.replace(secret, "[redacted]");
                }
            };
            hide(&mut fault.public);
            hide(&mut fault.detail);
            if let Some(complaint) = &mut fault.complaint {
                let Complaint { kind, code, param, message } = &mut **complaint;
                [kind, code, param, message].into_iter().flatten().for_each(hide);
            }
            fault.body.take_if(|body| body.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }

    /// Keys that each request is signed with.
    pub fn keys(&self) -> Option<&SigningKeys> {
        self.keys.as_ref()
    }

    /// Headers that take the value of one of the client's, where it sent that: the name there, the name here.
    pub fn copied(&self) -> &[(HeaderName, HeaderName)] {
        &self.copied
    }

    /// The project or profile the account is billed to.
    pub fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// The form in which the account's API takes bodies, if that is not the provider's usual one.
    pub fn form(&self) -> Option<&'static dyn Form> {
        self.form
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "Nothing",
            Self::Key(_) => "Key(<redacted>)",
            Self::Token(_) => "Token(<redacted>)",
            Self::Keys(_) => "Keys(<redacted>)",
        })
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(<redacted>)")
    }
}

/// A header value that logs do not show.
pub(crate) fn secret_value(text: &str) -> Result<HeaderValue, SiteError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| SiteError::KeyUnfit)?;
    value.set_sensitive(true);
    Ok(value)
}
