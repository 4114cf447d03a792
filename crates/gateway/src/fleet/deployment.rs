//! A target with one credential.

use std::sync::Arc;

use http::HeaderValue;

use super::provider::{NamedCredential, Provider};
use crate::upstream::Upstream;

/// A target with one credential: the unit of balancing.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// `provider/upstream-model#credential`.
    pub(crate) name: Arc<str>,
    /// The name as a header of the answer.
    pub(crate) header: HeaderValue,
    pub(crate) provider: Arc<Provider>,
    pub(crate) model: Arc<str>,
    pub(crate) credential: usize,
    /// The way out to it.
    pub(crate) upstream: Upstream,
}

impl Deployment {
    pub(super) fn new(provider: &Arc<Provider>, model: &str, credential: usize, upstream: Upstream) -> Self {
        let label = provider.credentials.get(credential).map_or("", |credential| &credential.name);
        let name = format!("{}/{model}#{label}", provider.name);
        Self {
            header: HeaderValue::from_str(&name).unwrap_or_else(|_| HeaderValue::from_static("unprintable")),
            name: name.into(),
            provider: Arc::clone(provider),
            model: model.into(),
            credential,
            upstream,
        }
    }

    /// Who asks.
    pub(crate) fn credential(&self) -> &NamedCredential {
        &self.provider.credentials[self.credential]
    }
}
