//! One configured provider: its site, its credentials, the dialects it speaks.

use std::sync::Arc;

use lockgate_config as config;
use lockgate_protocol::{
    dialect::{Dialect, Endpoint, Operation},
    dialects,
    ir::Fault,
};
use lockgate_provider::{Site, Wish};

use super::{
    ProviderError,
    credential::{NamedCredential, Setting, named_dialects, pairs},
};
use crate::{
    discovery::{self, Discovery, Source},
    grants::{self, Host},
    upstream::{Exit, Upstream},
};

/// One configured provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) site: Site,
    pub(crate) credentials: Vec<NamedCredential>,
    /// The dialects it speaks, the one to translate to first.
    speaks: Vec<&'static dyn Dialect>,
    /// Whether the operator wrote them down, so that no model's own count.
    is_written: bool,
    discovery: Discovery,
}

impl Provider {
    pub(super) fn new(
        name: &str,
        provider: &config::Provider,
        setting: &mut Setting<'_, '_>,
    ) -> Result<Self, ProviderError> {
        let usual_region = match provider.region {
            Some(_) => None,
            None => usual_region(provider, setting)?,
        };
        let wish = Wish {
            base_url: provider.base_url.as_deref(),
            api_version: provider.api_version.as_deref(),
            region: provider.region.as_deref(),
            usual_region: usual_region.as_deref(),
            project: provider.project.as_deref(),
            ..Wish::default()
        };
        let site = Site::new(&provider.kind, wish, &pairs(&provider.headers))?;
        // A provider without a list has one credential, written beside the rest.
        let only = config::Credential {
            api_key: provider.api_key.clone(),
            auth: provider.auth.clone(),
            ..config::Credential::default()
        };
        let rows =
            if provider.credentials.is_empty() { std::slice::from_ref(&only) } else { &provider.credentials };
        let mut credentials = Vec::new();
        for numbered in rows.iter().enumerate().filter(|(_, row)| !row.disabled) {
            credentials.push(NamedCredential::new((name, provider), numbered, &site, setting)?);
        }
        let mut speaks = named_dialects(&provider.speaks, provider.wire_api);
        if speaks.is_empty() {
            speaks = site.kind().speaks().into_iter().filter_map(dialects::find).collect();
        }
        let tail = speaks.first().and_then(|dialect| list_tail(*dialect));
        let older = setting.heritage.provider(name);
        let asks_like = |older: &&Self| {
            lister(&older.credentials).map(|row| row.identity) == lister(&credentials).map(|row| row.identity)
        };
        let asked = older.filter(asks_like).map(|older| &older.discovery);
        Ok(Self {
            name: name.to_owned(),
            discovery: Discovery::new(tail, setting.tasks, asked),
            speaks,
            is_written: !provider.speaks.is_empty() || provider.wire_api.is_some(),
            site,
            credentials,
        })
    }

    /// See [`Deployment::dialect_for`](super::Deployment::dialect_for).
    pub(super) fn dialect_for(
        &self,
        credential: usize,
        model: &str,
        client: &'static dyn Dialect,
        operation: Operation,
    ) -> &'static dyn Dialect {
        let own = self.credentials.get(credential).map(|row| &row.speaks).filter(|own| !own.is_empty());
        let is_written = self.is_written || own.is_some();
        // Of a cloud that has models of several makers each is spoken to in its maker's dialect.
        let of_model = self.site.kind().speaks_for(model).filter(|_| !is_written);
        let fits = |dialect: &&dyn Dialect| of_model.is_none_or(|names| names.contains(&dialect.name()));
        let speaks = || own.unwrap_or(&self.speaks).iter().copied().filter(fits);
        let same = speaks().find(|dialect| dialect.name() == client.name());
        let able = || speaks().find(|dialect| dialect.takes(operation));
        same.or_else(able).or_else(|| speaks().next()).unwrap_or(dialects::DEFAULT)
    }

    /// The names of the models it lists itself, where nobody wrote down what it serves.
    pub(super) async fn listed(&self) -> Arc<[String]> {
        match lister(&self.credentials) {
            Some(first) => self.discovery.names(self.source(first)).await,
            None => Arc::default(),
        }
    }

    /// Asks for that list in the background.
    pub(super) fn discover(&self) {
        if let Some(first) = lister(&self.credentials) {
            self.discovery.renew(self.source(first));
        }
    }

    /// Its kind, as the config has it.
    pub(crate) fn kind(&self) -> &'static str {
        self.site.kind().name()
    }

    /// Whether its dialect has a list of models.
    pub(crate) fn has_list(&self) -> bool {
        self.discovery.tail().is_some()
    }

    /// Asks for that list on behalf of one of its credentials, by its own way out; `None` if the provider's dialect has no
    /// such list. Fails like any request.
    pub(crate) fn list<'a>(
        &'a self,
        credential: &'a NamedCredential,
        upstream: &'a Upstream,
    ) -> Option<impl Future<Output = Result<Vec<String>, Fault>> + 'a> {
        let source = Source { site: &self.site, passes: &credential.passes, upstream };
        self.discovery.tail().map(|tail| discovery::list(tail, source))
    }

    fn source<'a>(&'a self, credential: &'a NamedCredential) -> Source<'a> {
        Source { site: &self.site, passes: &credential.passes, upstream: &credential.upstream }
    }
}

/// The credential that a provider is asked for its list by: the first of which nobody wrote down what it serves.
fn lister(credentials: &[NamedCredential]) -> Option<&NamedCredential> {
    credentials.iter().find(|credential| !credential.offer.is_written())
}

/// The region that the machine or the account is set to, where the operator wrote none.
fn usual_region(
    provider: &config::Provider,
    setting: &mut Setting<'_, '_>,
) -> Result<Option<String>, ProviderError> {
    let auth =
        provider.auth.as_ref().or_else(|| provider.credentials.iter().find_map(|row| row.auth.as_ref()));
    let proxies = [None, provider.proxy.as_ref(), setting.proxy];
    let exit = Exit::new(&proxies, provider.tls.as_ref()).map_err(ProviderError::Exit)?;
    let host = Host::new(setting.exits, setting.connect, &exit).map_err(ProviderError::Exit)?;
    Ok(grants::usual_region(&provider.kind, auth, &host))
}

/// Where a server of `dialect` lists its models, behind its version segment.
fn list_tail(dialect: &dyn Dialect) -> Option<&'static str> {
    let list = |endpoint: &&'static Endpoint| endpoint.operation == Operation::ListModels;
    let endpoint = dialect.endpoints().iter().find(list)?;
    Some(&endpoint.path[endpoint.version.len()..])
}
