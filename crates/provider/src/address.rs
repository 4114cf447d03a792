//! Where a provider lives: the base URL an operator wrote, checked and normalised.

use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};

use crate::path;

/// Why a configured provider or credential cannot be used.
///
/// The texts never hold a key, nor the parts of a URL that may hold one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// No provider and no preset has that name.
    #[error("unknown provider kind `{0}`")]
    UnknownKind(String),
    /// The kind has no usual address.
    #[error("`base_url` is missing: kind `{0}` has no usual address")]
    BaseUrlMissing(&'static str),
    /// The base URL cannot be meant.
    #[error("`base_url` {shown}: {why}")]
    BaseUrl {
        /// What was written, without user names, passwords and query.
        shown: String,
        /// What is wrong and how to put it right.
        why: &'static str,
    },
    /// The kind is asked in a region, and none is named.
    #[error("`region` is missing: kind `{0}` is asked in one, such as `us-east-1`; or write a `base_url`")]
    RegionMissing(&'static str),
    /// The region cannot be meant.
    #[error("`region` `{0}`: write it as the provider does, such as `us-east-1`")]
    Region(String),
    /// The API version cannot be meant.
    #[error("`api_version` `{written}`: {why}")]
    ApiVersion {
        /// What was written.
        written: String,
        /// What is wrong and how to put it right.
        why: &'static str,
    },
    /// A header of the operator's cannot be sent.
    #[error("header `{name}` {why}")]
    Header {
        /// The header's name as written.
        name: String,
        /// What is wrong and how to put it right.
        why: &'static str,
    },
    /// The provider answers nobody without a key.
    #[error("`api_key` is missing: kind `{kind}` needs one{}", .env.map(|name| format!(", usually ${{{name}}}")).unwrap_or_default())]
    KeyMissing {
        /// The kind that needs it.
        kind: &'static str,
        /// The variable that usually holds it.
        env: Option<&'static str>,
    },
    /// No header can carry the key.
    #[error(
        "`api_key` has a character that no header can carry; look for a line break or a blank at its ends"
    )]
    KeyUnfit,
    /// No header can carry what requests are signed with.
    #[error(
        "the access key or its session token has a character that no header can carry; look for a line break or a blank at its ends"
    )]
    SigningKeysUnfit,
}

/// Scheme, host and path prefix of a provider.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or starts with a slash and ends without one.
    pub(crate) path: String,
}

/// What people paste although it is not part of a base URL, longest first.
const ENDPOINTS: &[&str] = &["/chat/completions", "/completions", "/responses", "/embeddings"];

impl Address {
    /// Reads a base URL; pasted endpoints, doubled version segments and trailing slashes are understood.
    pub(crate) fn parse(written: &str) -> Result<Self, SiteError> {
        let refuse = |why| SiteError::BaseUrl { shown: shown(written), why };
        let text = written.trim();
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::HTTPS, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::HTTP, rest),
            _ => return Err(refuse("write it with `https://` or `http://` in front")),
        };
        let (host, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
        if host.contains('@') {
            return Err(refuse("take the user name and password out; a key goes into `api_key`"));
        }
        if path.contains('?') {
            return Err(refuse("take out the part from `?` on; an API version goes into `api_version`"));
        }
        if path.contains('#') {
            return Err(refuse("take out the part from `#` on"));
        }
        let authority: Authority = host.parse().map_err(|_| refuse("there is no valid host in it"))?;
        if authority.host().is_empty() {
            return Err(refuse("there is no host in it"));
        }
        // A port that is written but is no number of a port would be dropped in silence further down.
        if authority.as_str().len() != authority.host().len() && authority.port_u16().is_none() {
            return Err(refuse("the port is not a number from 0 to 65535"));
        }
        let path = normal(path);
        let mut checked = String::new();
        if !path.is_empty() {
            path::push_tail(&mut checked, &path).map_err(refuse)?;
        }
        Ok(Self { scheme, authority, path: checked })
    }

    /// The host, without port.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// Whether some segment of the path looks like a version, as in `/v1` or `/api/paas/v4`.
    pub(crate) fn has_version(&self) -> bool {
        self.path.split('/').any(is_version)
    }

    /// The address of `path_and_query`, or `None` when it cannot be one (too long).
    pub(crate) fn uri(&self, path_and_query: String) -> Option<Uri> {
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(Bytes::from(path_and_query)).ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// A path without trailing slashes, pasted endpoint and doubled version segment.
fn normal(path: &str) -> String {
    let mut path = path.trim_end_matches('/');
    for endpoint in ENDPOINTS {
        path = path.strip_suffix(endpoint).unwrap_or(path).trim_end_matches('/');
    }
    while let Some((before, last)) = path.rsplit_once('/') {
        let doubled = is_version(last) && before.rsplit('/').next() == Some(last);
        if !doubled {
            break;
        }
        path = before;
    }
    path.to_owned()
}

/// `v1`, `v4`, `v1beta`, ...
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// What was written, as far as it can hold no secret: no query, no fragment, no user name, no password.
fn shown(written: &str) -> String {
    let text = written.trim();
    let text = &text[..text.find(['?', '#']).unwrap_or(text.len())];
    // Whatever stands before an at sign may be a password, wherever a broken URL has it.
    let text = text.rsplit_once('@').map_or(text, |(_, after)| after);
    let short: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    format!("`{short}`")
}
