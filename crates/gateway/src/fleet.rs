//! What the config stands for at run time: sites, credentials, and the deployments behind each model name.

mod checks;
mod cloak;
mod credential;
mod deployment;
mod error;
mod heritage;
mod identity;
mod impromptu;
mod limits;
mod model;
mod offer;
mod plan;
mod pool;
mod price;
mod provider;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use indexmap::{IndexMap, IndexSet};
use lockgate_config::{self as config, Config, Target};
use lockgate_prices::Price;
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Budget, Health, Member};
use tokio_util::task::TaskTracker;
use wildmatch::WildMatch;

use crate::{
    metrics::{Metrics, ModelMeter},
    purses::Allowance,
    upstream::Exits,
};
use cloak::Cloaks;
use credential::{NamedCredential, Setting};
use heritage::{Healths, Heritage};
use impromptu::{Found, Impromptu};
use offer::Offer;
use pool::{Ranked, Tiers, by_priority};
use price::Prices;

pub(crate) use cloak::Cloak;
pub(crate) use deployment::Deployment;
use deployment::{Named, Terms};
pub use error::{ProviderError, StartError};
pub(crate) use limits::{Check, Limits};
pub(crate) use model::{Model, Wanted};
pub(crate) use plan::Plan;
pub(crate) use provider::Provider;

/// Most names offered as a hint for an unknown one.
const HINTS: usize = 3;

/// Whether an alias stands for all names that fit it.
pub(crate) fn is_pattern(alias: &str) -> bool {
    alias.contains(['*', '?'])
}

/// All providers and models.
#[derive(Debug)]
pub(crate) struct Fleet {
    providers: Vec<Arc<Provider>>,
    models: HashMap<String, Arc<Model>>,
    /// Those that answer to names that fit a pattern, in the order of the config.
    patterns: Vec<(WildMatch, Arc<Model>)>,
    /// What credentials are checked with, whatever they are asked for.
    checks: Vec<Arc<Deployment>>,
    /// Those that nobody configured.
    impromptu: Impromptu,
    /// What is known of the deployments of those that somebody did.
    healths: Healths,
    prices: Prices,
    /// The names a client may ask for, in the order of the config.
    names: Vec<String>,
    limits: Arc<Limits>,
    /// Where its calls are counted.
    metrics: Arc<Metrics>,
    /// Of the models that do not name one.
    strategy: config::Strategy,
    /// The ways out, for the fleet after this one.
    exits: Exits,
    /// How long a connection may take to open, where a model says nothing else.
    connect: Duration,
    /// Whether names are left to the providers' own lists: where somebody wrote down the models, these are the models.
    discovers: bool,
}

impl Fleet {
    /// `tasks` runs what outlives a request. What `older` knows of those that are still there is gone on with.
    ///
    /// # Errors
    /// A provider that cannot be set up.
    pub(crate) fn new(
        config: &Config,
        tasks: &TaskTracker,
        metrics: &Arc<Metrics>,
        older: Option<&Self>,
    ) -> Result<Self, StartError> {
        let mut heritage = Heritage::of(older);
        let mut exits = Exits::after(older.map(|older| &older.exits));
        let mut cloaks = Cloaks::new(config.cloak.as_ref());
        let mut providers = Vec::with_capacity(config.providers.len());
        for (name, provider) in &config.providers {
            let (connect, proxy) = (config.retry.connect, config.proxy.as_ref());
            let mut setting = Setting {
                exits: &mut exits,
                cloaks: &mut cloaks,
                connect,
                proxy,
                tasks,
                heritage: &mut heritage,
            };
            let made = Provider::new(name, provider, &mut setting)
                .map_err(|error| StartError::Provider { provider: name.clone(), error })?;
            providers.push(Arc::new(made));
        }
        let mut fleet = Self {
            healths: heritage.healths(&providers),
            providers,
            models: HashMap::new(),
            patterns: Vec::new(),
            checks: Vec::new(),
            impromptu: Impromptu::default(),
            prices: Prices::new(&config.prices),
            names: Vec::new(),
            limits: Arc::new(Limits::usual(&config.retry, &config.health)),
            metrics: Arc::clone(metrics),
            strategy: config.strategy,
            exits: Exits::default(),
            connect: config.retry.connect,
            discovers: config.models.is_empty(),
        };
        for (name, written) in &config.models {
            let retry = match &written.retry {
                Some(over) => over.over(&config.retry),
                None => config.retry.clone(),
            };
            let health = match &written.health {
                Some(over) => over.over(&config.health),
                None => config.health.clone(),
            };
            let limits = Arc::new(Limits::of(written, &retry, &health));
            let budget = heritage.budget(name, &limits);
            let meter = metrics.models.model(name);
            let mut model = fleet.pool(written, limits, (meter, budget), retry.connect, &mut exits)?;
            model.allowance =
                Some(Allowance::of_model(name, written)).filter(|allowance| !allowance.is_open());
            let model = Arc::new(model);
            let (patterns, aliases): (Vec<_>, Vec<_>) =
                written.aliases.iter().partition(|alias| is_pattern(alias));
            let patterns = patterns.into_iter().map(|pattern| WildMatch::new(pattern));
            fleet.patterns.extend(patterns.map(|pattern| (pattern, Arc::clone(&model))));
            for name in std::iter::once(name).chain(aliases) {
                fleet.names.push(name.clone());
                fleet.models.insert(name.clone(), Arc::clone(&model));
            }
        }
        fleet.serve_aliases(&heritage);
        fleet.look_after(config);
        fleet.exits = exits.settled();
        Ok(fleet)
    }

    /// The models that only credentials name, each a pool of all that serve it.
    fn serve_aliases(&mut self, heritage: &Heritage<'_>) {
        let mut pools: IndexMap<String, (Tiers, Vec<Ranked>)> = IndexMap::new();
        let providers = self.providers.clone();
        for provider in &providers {
            for (place, credential) in provider.credentials.iter().enumerate() {
                for (name, model) in credential.offer.names() {
                    let upstream = credential.upstream.clone();
                    let price = self.price(provider, model);
                    let health = |name: &str, target: &str, row: &_| self.healths.of(name, target, row);
                    let terms = Terms {
                        limits: &self.limits,
                        price,
                        metrics: &self.metrics,
                        named: Named::ByOperator,
                    };
                    let made = Deployment::new(provider, model, place, upstream, terms, health);
                    let (tiers, ranked) = pools.entry(name.into_owned()).or_default();
                    ranked.push(tiers.member(made, credential.weight));
                }
            }
        }
        for (name, (mut tiers, ranked)) in pools {
            // What somebody configured as a model is that model.
            if self.models.contains_key(&name) {
                continue;
            }
            tiers.main.extend(by_priority(ranked));
            let budget = heritage.budget(&name, &self.limits);
            let meter = self.metrics.models.model(&name);
            let model = Model::new(self.strategy.row(), tiers, Arc::clone(&self.limits), meter, budget);
            self.names.push(name.clone());
            self.models.insert(name, Arc::new(model));
        }
    }

    fn pool(
        &mut self,
        model: &config::Model,
        limits: Arc<Limits>,
        (meter, budget): (Arc<ModelMeter>, Option<Arc<Budget>>),
        connect: Duration,
        exits: &mut Exits,
    ) -> Result<Model, StartError> {
        let mut tiers = Tiers::default();
        let mut members = |targets: &[Target], tiers: &mut Tiers| -> Result<Vec<Vec<Member>>, StartError> {
            let mut ranked = Vec::new();
            for target in targets {
                let named = self.providers.iter().find(|provider| provider.name == target.provider);
                let Some(provider) = named else { continue };
                for (place, credential) in provider.credentials.iter().enumerate() {
                    let Some(name) = credential.offer.direct(&target.model) else { continue };
                    let connect = credential.timeouts.connect.unwrap_or(connect);
                    let upstream =
                        exits.get(connect, &credential.exit).map_err(|why| StartError::Provider {
                            provider: provider.name.clone(),
                            error: ProviderError::Exit(why),
                        })?;
                    let health = |name: &str, target: &str, row: &_| self.healths.of(name, target, row);
                    let price = self.prices.of((&provider.name, provider.kind()), name, model.price.as_ref());
                    let terms =
                        Terms { limits: &limits, price, metrics: &self.metrics, named: Named::ByOperator };
                    let made = Deployment::new(provider, name, place, upstream, terms, health);
                    let weight = target.weight.saturating_mul(credential.weight);
                    ranked.push(tiers.member(made, weight));
                }
            }
            Ok(by_priority(ranked).collect())
        };
        let mut one_after_the_other = |targets: &[Target], tiers: &mut Tiers| {
            let each = targets.iter().map(|target| members(std::slice::from_ref(target), tiers));
            Ok::<_, StartError>(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        tiers.on_context_length = one_after_the_other(&model.on_context_length, &mut tiers)?;
        tiers.on_content_filter = one_after_the_other(&model.on_content_filter, &mut tiers)?;
        let fallback = one_after_the_other(&model.fallback, &mut tiers)?;
        tiers.main = members(&model.targets, &mut tiers)?;
        tiers.main.extend(fallback);
        Ok(Model::new(model.strategy.unwrap_or(self.strategy).row(), tiers, limits, meter, budget))
    }

    /// What the model costs that `provider` has under that name, where nothing is said of the one that clients ask for.
    fn price(&self, provider: &Provider, model: &str) -> Option<Arc<Price>> {
        self.prices.of((&provider.name, provider.kind()), model, None)
    }

    fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The model that answers to `name`. Names resolve in this order: configured model or alias, `provider/model`, a bare
    /// name that a provider serves.
    pub(crate) async fn model(&self, name: &str) -> Result<Arc<Model>, Fault> {
        let model = match self.known(name) {
            Some(model) => model,
            None => self.discovered(name).await.ok_or_else(|| self.unknown(name))?,
        };
        if model.deployments.is_empty() {
            let text = format!(
                "no credential behind model `{name}` is to be asked for it: all are disabled or exclude it"
            );
            return Err(Fault::new(FaultKind::NoDeployment, text));
        }
        Ok(model)
    }

    /// Where the calls of a model of the config are counted.
    pub(crate) fn meter(&self, name: &str) -> Option<&Arc<ModelMeter>> {
        self.models.get(name).map(|model| &model.meter)
    }

    /// Where the calls of models are counted that only clients have named.
    fn other(&self) -> Arc<ModelMeter> {
        Arc::clone(&self.metrics.models.other)
    }

    /// True if `name` resolves from the config alone, not counting providers that serve any name.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.models.contains_key(name) || self.direct(name).is_some()
    }

    /// The model that the config alone gives that name, or makes of it.
    pub(crate) fn known(&self, name: &str) -> Option<Arc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(Arc::clone(model));
        }
        if let Some((provider, model)) = self.direct(name) {
            let of_provider = |known: &Arc<Provider>, offer| {
                if Arc::ptr_eq(known, provider) { Offer::direct(offer, model) } else { None }
            };
            return Some(self.impromptu(name, of_provider));
        }
        // A prefix names its credentials, whatever others take any name.
        let mut offers = self.providers.iter().flat_map(|provider| &provider.credentials);
        let model = match offers.any(|row| row.offer.prefixed(name).is_some()) {
            true => self.impromptu(name, |_, offer| offer.prefixed(name)),
            false => self.impromptu(name, |_, offer| offer.bare(name)),
        };
        if !model.deployments.is_empty() {
            return Some(model);
        }
        let fitting = self.patterns.iter().find(|(pattern, _)| pattern.matches(name));
        fitting.map(|(_, model)| Arc::clone(model))
    }

    /// The model of the config that calls of `name` count for, by its name or an alias; `None` where a provider has a model
    /// of that name, or nobody answers to it.
    pub(crate) fn counts_for(&self, name: &str) -> Option<&Arc<Model>> {
        if let Some(model) = self.models.get(name) {
            return Some(model);
        }
        let offers = self.providers.iter().flat_map(|provider| &provider.credentials).map(|row| &row.offer);
        let is_offered = |offer: &Offer| offer.prefixed(name).is_some() || offer.bare(name).is_some();
        if self.direct(name).is_some() || offers.into_iter().any(is_offered) {
            return None;
        }
        self.patterns.iter().find(|(pattern, _)| pattern.matches(name)).map(|(_, model)| model)
    }

    /// `provider/model`, where the provider is configured.
    fn direct<'n>(&self, name: &'n str) -> Option<(&Arc<Provider>, &'n str)> {
        let (provider, model) = name.split_once('/')?;
        Some((self.provider(provider)?, model)).filter(|_| !model.is_empty())
    }

    /// The model of a name that some provider lists itself.
    async fn discovered(&self, name: &str) -> Option<Arc<Model>> {
        if !self.discovers {
            return None;
        }
        let mut serving = Vec::new();
        for provider in &self.providers {
            if provider.listed().await.iter().any(|listed| listed == name) {
                serving.push(provider);
            }
        }
        let is_serving = |known: &Arc<Provider>| serving.iter().any(|provider| Arc::ptr_eq(provider, known));
        let model =
            self.impromptu(name, |known, offer| if is_serving(known) { offer.direct(name) } else { None });
        (!model.deployments.is_empty()).then_some(model)
    }

    /// All credentials for which `named` has the provider's name of a model, whoever has a higher priority first.
    fn impromptu<'n>(
        &'n self,
        name: &str,
        named: impl Fn(&'n Arc<Provider>, &'n Offer) -> Option<&'n str>,
    ) -> Arc<Model> {
        let mut found: Found<'_> = Vec::new();
        for (place, provider) in self.providers.iter().enumerate() {
            for (row, credential) in provider.credentials.iter().enumerate() {
                found.extend(named(provider, &credential.offer).map(|model| (place, row, model)));
            }
        }
        self.impromptu.model(name, &found, |met| {
            let mut tiers = Tiers::default();
            let mut ranked = Vec::with_capacity(found.len());
            for (place, row, model) in &found {
                let provider = &self.providers[*place];
                let credential = &provider.credentials[*row];
                let upstream = credential.upstream.clone();
                let health = |name: &str, target: &str, row: &NamedCredential| {
                    // What was met since then is what was known before, too.
                    let known = met(name).or_else(|| self.healths.known(name, target, row));
                    known.unwrap_or_else(|| Arc::new(Health::new(Arc::clone(&row.account))))
                };
                let price = self.price(provider, model);
                let terms =
                    Terms { limits: &self.limits, price, metrics: &self.metrics, named: Named::ByClient };
                let made = Deployment::new(provider, model, *row, upstream, terms, health);
                ranked.push(tiers.member(made, credential.weight));
            }
            tiers.main.extend(by_priority(ranked));
            Model::new(self.strategy.row(), tiers, Arc::clone(&self.limits), self.other(), None)
        })
    }

    /// Has the providers asked for their lists before somebody needs them.
    pub(crate) fn discover(&self) {
        if self.discovers {
            for provider in &self.providers {
                provider.discover();
            }
        }
    }

    /// A deployment of this config or of one before, as it is now; `None` if its provider or its credential is gone.
    pub(crate) fn present(&self, known: &Arc<Deployment>) -> Option<Arc<Deployment>> {
        let provider = self.provider(&known.provider.name)?;
        if Arc::ptr_eq(provider, &known.provider) {
            return Some(Arc::clone(known));
        }
        let identity = known.credential().identity;
        let place = provider.credentials.iter().position(|row| row.identity == identity)?;
        let upstream = provider.credentials[place].upstream.clone();
        let health = |name: &str, target: &str, row: &NamedCredential| {
            let known = self.healths.known(name, target, row);
            known.unwrap_or_else(|| Arc::new(Health::new(Arc::clone(&row.account))))
        };
        let price = self.price(provider, &known.model);
        let terms = Terms { limits: &self.limits, price, metrics: &self.metrics, named: Named::ByClient };
        let made = Deployment::new(provider, &known.model, place, upstream, terms, health);
        Some(Arc::new(made))
    }

    /// The plan that asks `deployment` and no other.
    pub(crate) fn only(&self, deployment: Arc<Deployment>, wanted: Wanted) -> Plan {
        Arc::new(Model::only(deployment, Arc::clone(&self.limits), self.other())).plan(wanted)
    }

    /// The names a client may ask for: the configured models, what credentials are said to serve, and where nothing is
    /// configured what the providers list; only what a provider answers that `allows` names.
    pub(crate) async fn names(&self, allows: &(dyn Fn(&str) -> bool + Sync)) -> Vec<String> {
        let is_allowed = |name: &&String| {
            let model = self.models.get(*name);
            // A model that nobody answers is shown to everybody, who then reads why.
            model.is_none_or(|model| model.deployments.is_empty() || model.is_answered_by(allows))
        };
        let mut names: IndexSet<String> = self.names.iter().filter(is_allowed).cloned().collect();
        if self.discovers {
            for provider in self.providers.iter().filter(|provider| allows(&provider.name)) {
                let listed = provider.listed().await;
                for credential in &provider.credentials {
                    let shown = listed.iter().filter(|name| !credential.offer.excludes(name));
                    names.extend(shown.flat_map(|name| credential.offer.called(name)).map(Cow::into_owned));
                }
            }
        }
        names.into_iter().collect()
    }

    /// Every model of the config by each of its names, in the order of the config.
    pub(crate) fn configured(&self) -> impl Iterator<Item = (&str, &Arc<Model>)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.models.get(name)?)))
    }

    /// The same, and those that only clients have named so far.
    pub(crate) fn all(&self) -> Vec<(String, Arc<Model>)> {
        let mut impromptu = self.impromptu.all();
        impromptu.sort_by(|a, b| a.0.cmp(&b.0));
        let configured = self.configured().map(|(name, model)| (name.to_owned(), Arc::clone(model)));
        configured.chain(impromptu).collect()
    }

    /// What is told whoever asks for a name that nobody has, with those that come close.
    pub(crate) fn unknown(&self, name: &str) -> Fault {
        let mut near: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for known in &self.names {
            let distance = strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
            let related = known.contains(name) || name.contains(known.as_str());
            if distance <= (name.chars().count() / 2).max(2) || related {
                near.entry(distance).or_default().push(known);
            }
        }
        let hints: Vec<String> =
            near.into_values().flatten().take(HINTS).map(|hint| format!("`{hint}`")).collect();
        let hint = if hints.is_empty() {
            "GET /v1/models lists the names".to_owned()
        } else {
            format!("did you mean {}?", hints.join(" or "))
        };
        Fault::new(FaultKind::UnknownModel, format!("the model `{name}` does not exist here: {hint}"))
    }

    /// How many providers there are.
    pub(crate) fn providers(&self) -> usize {
        self.providers.len()
    }
}
