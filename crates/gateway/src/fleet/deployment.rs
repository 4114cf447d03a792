//! A target with one credential.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue};
use lockgate_prices::Price;
use lockgate_protocol::dialect::{Dialect, Operation};
use lockgate_routing::Health;

use super::{Cloak, Limits, credential::NamedCredential, provider::Provider};
use crate::{
    metrics::{DeploymentMeter, Metrics},
    upstream::Upstream,
};

/// A target with one credential: the unit of balancing.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    /// `provider/upstream-model#credential`.
    pub(crate) name: Arc<str>,
    /// The name as a header of the answer.
    pub(crate) header: HeaderValue,
    pub(crate) provider: Arc<Provider>,
    pub(crate) model: Arc<str>,
    pub(crate) credential: usize,
    /// What is known of it.
    pub(crate) health: Arc<Health>,
    /// What tells it from others on every node and after every reload.
    pub(crate) identity: u64,
    /// The way out to it.
    pub(crate) upstream: Upstream,
    /// How long a streamed answer's head may take.
    pub(crate) first_byte: Duration,
    /// How long a streamed answer may be silent.
    pub(crate) stall: Duration,
    /// Whether its model is known to think for minutes in silence.
    pub(crate) is_slow: bool,
    /// What its calls cost, where that is known.
    pub(crate) price: Option<Arc<Price>>,
    /// What it is counted by.
    pub(crate) meter: Arc<DeploymentMeter>,
}

/// Who has named a deployment's model: names of clients' are all counted together.
#[derive(Debug, Clone, Copy)]
pub(super) enum Named {
    /// The config.
    ByOperator,
    /// A request.
    ByClient,
}

/// What a deployment is made on.
pub(super) struct Terms<'t> {
    pub(super) limits: &'t Limits,
    /// What its calls cost, where that is known.
    pub(super) price: Option<Arc<Price>>,
    /// Where its calls are counted.
    pub(super) metrics: &'t Metrics,
    pub(super) named: Named,
}

impl Terms<'_> {
    fn meter(&self, name: &str, provider: &Provider) -> Arc<DeploymentMeter> {
        let kind = provider.site.kind().trace_name();
        match self.named {
            Named::ByOperator => self.metrics.deployments.deployment(name, kind),
            Named::ByClient => self.metrics.deployments.of_client(name, kind),
        }
    }
}

impl Deployment {
    /// `health` is asked for what is known of a deployment by its name, its target and its credential.
    pub(super) fn new(
        provider: &Arc<Provider>,
        model: &str,
        credential: usize,
        upstream: Upstream,
        terms: Terms<'_>,
        health: impl FnOnce(&str, &str, &NamedCredential) -> Arc<Health>,
    ) -> Self {
        let row = &provider.credentials[credential];
        let target = format!("{}/{model}", provider.name);
        let name = format!("{target}#{}", row.name);
        let mut identity = DefaultHasher::new();
        identity.write(name.as_bytes());
        Self {
            health: health(&name, &target, row),
            identity: identity.finish(),
            meter: terms.meter(&name, provider),
            header: HeaderValue::from_str(&name).unwrap_or_else(|_| HeaderValue::from_static("unprintable")),
            name: name.into(),
            provider: Arc::clone(provider),
            model: model.into(),
            credential,
            upstream,
            first_byte: row.timeouts.first_byte.unwrap_or(terms.limits.first_byte),
            stall: row.timeouts.stall.unwrap_or(terms.limits.stall),
            is_slow: lockgate_provider::thinks_long(model),
            price: terms.price,
        }
    }

    /// The same with another model of the provider's, for checks: what is learned is learned of this one.
    pub(crate) fn by_model(&self, model: &str) -> Self {
        Self { model: model.into(), ..self.clone() }
    }

    /// Who asks.
    pub(crate) fn credential(&self) -> &NamedCredential {
        &self.provider.credentials[self.credential]
    }

    /// Whether `other` is the same account at the same provider, of this config or of one before.
    pub(crate) fn shares_account(&self, other: &Self) -> bool {
        self.provider.name == other.provider.name && self.credential().identity == other.credential().identity
    }

    /// How the request of a client that sends `headers` is made uniform, if it is.
    pub(crate) fn cloak_for(&self, headers: &HeaderMap) -> Option<&Cloak> {
        self.credential().cloak.as_deref().filter(|cloak| cloak.is_for(headers))
    }

    /// The dialect to ask it for `operation` in on behalf of a client of `client`: the same if it can, else the first that
    /// has a translation.
    pub(crate) fn dialect_for(
        &self,
        client: &'static dyn Dialect,
        operation: Operation,
    ) -> &'static dyn Dialect {
        self.provider.dialect_for(self.credential, &self.model, client, operation)
    }
}
