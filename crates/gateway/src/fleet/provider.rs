//! One configured provider: its site, its credentials, the dialects it speaks.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;
use lockgate_config as config;
use lockgate_protocol::{
    dialect::{Dialect, Endpoint, Operation},
    dialects::DEFAULT,
};
use lockgate_provider::{Proof, Site, SiteError, Terms, Wish};
use lockgate_routing::{Member, Pool};
use tokio_util::task::TaskTracker;
use wildmatch::WildMatch;

use super::strategy;
use crate::{
    discovery::Discovery,
    grants::{self, Host},
    passes::Passes,
    upstream::{Exit, Exits, Upstream},
};

/// One configured provider.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) site: Site,
    pub(crate) credentials: Vec<NamedCredential>,
    /// Its credentials as a pool, for models that are asked for as `provider/model`.
    pub(super) pool: Pool,
    serves: Vec<WildMatch>,
    /// The dialects it speaks, the one to translate to first.
    speaks: Vec<&'static dyn Dialect>,
    pub(crate) discovery: Discovery,
}

/// One key or account.
#[derive(Debug)]
pub(crate) struct NamedCredential {
    pub(super) name: String,
    pub(super) weight: u32,
    /// What its requests show.
    pub(crate) passes: Passes,
    /// Its way out.
    pub(super) exit: Exit,
    /// The same with its connections, within the usual limits.
    pub(super) upstream: Upstream,
}

/// Why a provider cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its place or its keys cannot be meant.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// What its `auth` says cannot be meant.
    #[error("{0}")]
    Auth(String),
    /// Its proxy or its TLS cannot be used.
    #[error("{0}")]
    Exit(String),
}

/// What setting up a credential takes beside its provider.
pub(super) struct Setting<'a> {
    pub(super) exits: &'a mut Exits,
    /// How long a connection may take to open, where a model says nothing else.
    pub(super) connect: Duration,
    /// The proxy for whoever names no other.
    pub(super) proxy: Option<&'a config::Secret>,
    pub(super) tasks: &'a TaskTracker,
}

impl Provider {
    pub(super) fn new(
        name: &str,
        provider: &config::Provider,
        setting: &mut Setting<'_>,
    ) -> Result<Self, ProviderError> {
        let wish = Wish {
            base_url: provider.base_url.as_deref(),
            api_version: provider.api_version.as_deref(),
            region: provider.region.as_deref(),
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
        for (place, row) in rows.iter().enumerate().filter(|(_, row)| !row.disabled) {
            let label = row.name.clone().unwrap_or_else(|| (place + 1).to_string());
            let proxies = [row.proxy.as_ref(), provider.proxy.as_ref(), setting.proxy];
            let exit = Exit::new(&proxies, provider.tls.as_ref()).map_err(ProviderError::Exit)?;
            let passes = passes(format!("{name}#{label}"), provider, row, &site, &exit, setting)?;
            let upstream = setting.exits.get(setting.connect, &exit).map_err(ProviderError::Exit)?;
            credentials.push(NamedCredential { name: label, weight: row.weight, passes, exit, upstream });
        }
        let speaks = speaks(provider, &site);
        let members = credentials.iter().enumerate();
        let members = members.map(|(deployment, row)| Member { deployment, weight: row.weight }).collect();
        Ok(Self {
            name: name.to_owned(),
            pool: Pool::new(strategy(config::Strategy::default()), [members]),
            discovery: Discovery::new(
                provider.models.iter().filter(|name| !name.contains(['*', '?'])).cloned().collect(),
                speaks.first().and_then(|dialect| list_tail(*dialect)),
            ),
            serves: provider.models.iter().map(|glob| WildMatch::new(glob)).collect(),
            speaks,
            site,
            credentials,
        })
    }

    /// The dialect to speak to it on behalf of a client of `client`: the same if it can.
    pub(crate) fn dialect_for(&self, client: &'static dyn Dialect) -> &'static dyn Dialect {
        let same = self.speaks.iter().find(|dialect| dialect.name() == client.name());
        same.or(self.speaks.first()).copied().unwrap_or(DEFAULT)
    }

    pub(super) fn serves(&self, name: &str) -> bool {
        self.serves.iter().any(|glob| glob.matches(name))
    }

    /// The names of the models it lists itself.
    pub(super) async fn listed(&self) -> Arc<[String]> {
        match self.credentials.first() {
            Some(first) => self.discovery.names(&self.site, &first.passes, &first.upstream).await,
            None => Arc::default(),
        }
    }
}

/// What the requests of one credential show: a key's pass, made once, or what a grant gives.
fn passes(
    name: String,
    provider: &config::Provider,
    row: &config::Credential,
    site: &Site,
    exit: &Exit,
    setting: &mut Setting<'_>,
) -> Result<Passes, ProviderError> {
    let headers = pairs(&row.headers);
    if let Some(key) = &row.api_key {
        let proof = Proof::Key(key.expose().to_owned());
        return Ok(Passes::Fixed(Arc::new(site.pass(&proof, &Terms::default(), &headers)?)));
    }
    let wish = grants::Wish {
        kind: &provider.kind,
        auth: row.auth.as_ref(),
        region: provider.region.as_deref(),
        project: provider.project.as_deref(),
    };
    match grants::find(&wish).map_err(ProviderError::Auth)? {
        Some(grant) => {
            let way = setting.exits.get(setting.connect, &exit.elsewhere()).map_err(ProviderError::Exit)?;
            let host = Host::new(way);
            Ok(Passes::granted(name, grant, host, site.clone(), headers, setting.tasks.clone()))
        }
        None => Ok(Passes::Fixed(Arc::new(site.pass(&Proof::Nothing, &Terms::default(), &headers)?))),
    }
}

fn pairs(headers: &IndexMap<String, config::Secret>) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

/// Where a server of `dialect` lists its models, behind its version segment.
fn list_tail(dialect: &dyn Dialect) -> Option<&'static str> {
    let list = |endpoint: &&'static Endpoint| endpoint.operation == Operation::ListModels;
    let endpoint = dialect.endpoints().iter().find(list)?;
    Some(&endpoint.path[endpoint.version.len()..])
}

/// What the config says, else what the kind says.
fn speaks(provider: &config::Provider, site: &Site) -> Vec<&'static dyn Dialect> {
    let kind = site.kind();
    let names = if provider.speaks.is_empty() {
        kind.speaks()
    } else {
        provider.speaks.iter().map(String::as_str).collect()
    };
    names.into_iter().filter_map(lockgate_protocol::dialects::find).collect()
}
