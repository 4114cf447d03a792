//! One key or account: what its requests show, its way out, what it is asked for and how much of it.

use std::{sync::Arc, time::Duration};

use http::header::AUTHORIZATION;
use indexmap::IndexMap;
use lockgate_config::{self as config, WireApi};
use lockgate_protocol::{dialect::Dialect, dialects};
use lockgate_provider::{Proof, Site, Terms};
use lockgate_routing::Account;
use tokio_util::task::TaskTracker;

use super::{Cloak, ProviderError, cloak::Cloaks, heritage::Heritage, identity::Identity, offer::Offer};
use crate::{
    gauge::Gauge,
    grants::{self, Host},
    passes::Passes,
    upstream::{Exit, Exits, Upstream},
};

/// One key or account.
#[derive(Debug)]
pub(crate) struct NamedCredential {
    pub(super) name: String,
    /// What tells it from others, of this config or of one before.
    pub(crate) identity: Identity,
    pub(super) weight: u32,
    pub(super) priority: i32,
    /// What its requests show.
    pub(crate) passes: Passes,
    /// Its way out.
    pub(super) exit: Exit,
    /// The same with its connections, within the usual limits.
    pub(super) upstream: Upstream,
    pub(super) offer: Offer,
    /// How much it is asked for.
    pub(crate) gauge: Arc<Gauge>,
    /// What is known of it, whatever model it is used for.
    pub(super) account: Arc<Account>,
    /// The dialects it is spoken to in; empty if that is the provider's to say.
    pub(super) speaks: Vec<&'static dyn Dialect>,
    pub(super) timeouts: config::Timeouts,
    /// How its requests are made uniform.
    pub(super) cloak: Option<Arc<Cloak>>,
}

/// What setting up a credential takes beside its provider.
pub(super) struct Setting<'a, 'c> {
    pub(super) exits: &'a mut Exits,
    /// How long a connection may take to open, where a model says nothing else.
    pub(super) connect: Duration,
    /// The proxy for whoever names no other.
    pub(super) proxy: Option<&'a config::Secret>,
    pub(super) cloaks: &'a mut Cloaks<'c>,
    pub(super) tasks: &'a TaskTracker,
    /// What is known already.
    pub(super) heritage: &'a mut Heritage<'c>,
}

impl NamedCredential {
    /// Its name, or its number in the list.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The credential at `place` of the provider's list.
    pub(super) fn new(
        (name, provider): (&str, &config::Provider),
        (place, row): (usize, &config::Credential),
        site: &Site,
        setting: &mut Setting<'_, '_>,
    ) -> Result<Self, ProviderError> {
        let label = row.name.clone().unwrap_or_else(|| (place + 1).to_string());
        let proxies = [row.proxy.as_ref(), provider.proxy.as_ref(), setting.proxy];
        let exit = Exit::new(&proxies, provider.tls.as_ref()).map_err(ProviderError::Exit)?;
        let identity = Identity::of(provider, row);
        let older = setting.heritage.credential(name, &label, identity);
        let had_same_way = setting.heritage.older().is_some_and(|fleet| fleet.connect == setting.connect);
        let passes = match older.filter(|older| had_same_way && older.exit == exit).map(|older| &older.passes)
        {
            // What a grant gave counts on.
            Some(granted @ Passes::Granted(_)) => granted.clone(),
            _ => passes(format!("{name}#{label}"), provider, row, site, &exit, setting)?,
        };
        let timeouts = row.timeouts.clone().unwrap_or_default();
        let connect = timeouts.connect.unwrap_or(setting.connect);
        let upstream = setting.exits.get(connect, &exit).map_err(ProviderError::Exit)?;
        let cloak = setting.cloaks.nearest((name, provider), (&label, row))?;
        Ok(Self {
            cloak,
            name: label,
            identity,
            weight: row.weight,
            priority: row.priority,
            passes,
            exit,
            upstream,
            offer: Offer::new(provider, row),
            gauge: Gauge::new(limits(row), older.map(|older| &*older.gauge)),
            account: older.map_or_else(|| Arc::new(Account::new()), |older| Arc::clone(&older.account)),
            speaks: named_dialects(&row.speaks, row.wire_api),
            timeouts,
        })
    }
}

/// What the requests of one credential show: a key's pass, made once, or what a grant gives.
fn passes(
    name: String,
    provider: &config::Provider,
    row: &config::Credential,
    site: &Site,
    exit: &Exit,
    setting: &mut Setting<'_, '_>,
) -> Result<Passes, ProviderError> {
    let headers = pairs(&row.headers);
    if let Some(key) = &row.api_key {
        let proof = Proof::Key(key.expose().to_owned());
        return Ok(Passes::Fixed(Arc::new(site.pass(&proof, &Terms::default(), &headers)?)));
    }
    let wish = grants::Wish {
        kind: &provider.kind,
        auth: row.auth.as_ref(),
        region: site.region(),
        project: provider.project.as_deref(),
        base_url: provider.base_url.as_deref(),
    };
    // An operator who writes the header that a proof goes into means that, and no machine's identity.
    let is_shown = |headers: &IndexMap<String, config::Secret>| {
        headers.keys().any(|name| name.eq_ignore_ascii_case(AUTHORIZATION.as_str()))
    };
    if row.auth.is_none() && (is_shown(&row.headers) || is_shown(&provider.headers)) {
        return Ok(Passes::Fixed(Arc::new(site.pass(&Proof::Nothing, &Terms::default(), &headers)?)));
    }
    match grants::find(&wish).map_err(ProviderError::Auth)? {
        Some(grant) => {
            let host = Host::new(setting.exits, setting.connect, exit).map_err(ProviderError::Exit)?;
            Ok(Passes::granted(name, grant, host, site.clone(), headers, setting.tasks.clone()))
        }
        None => Ok(Passes::Fixed(Arc::new(site.pass(&Proof::Nothing, &Terms::default(), &headers)?))),
    }
}

pub(super) fn pairs(headers: &IndexMap<String, config::Secret>) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

/// The dialects that the config names, by their names or by the word for one of OpenAI's APIs.
pub(super) fn named_dialects(names: &[String], api: Option<WireApi>) -> Vec<&'static dyn Dialect> {
    let short = api.map(WireApi::dialect);
    names.iter().map(String::as_str).chain(short).filter_map(dialects::find).collect()
}

/// What it may be asked for.
fn limits(row: &config::Credential) -> config::CallerLimits {
    config::CallerLimits { rpm: row.rpm, tpm: row.tpm, max_concurrent: row.max_concurrent }
}
