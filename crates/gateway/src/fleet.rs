//! What the config stands for at run time: sites, credentials, and the deployments behind each model name.

mod cloak;
mod credential;
mod deployment;
mod error;
mod offer;
mod pool;
mod provider;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use indexmap::{IndexMap, IndexSet};
use lockgate_config::{self as config, Commit, Config};
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Member, Policy, Pool};
use tokio_util::task::TaskTracker;

use crate::upstream::Exits;
use cloak::Cloaks;
use credential::{NamedCredential, Setting};
use offer::Offer;
use pool::{Ranked, by_priority};

pub(crate) use cloak::Cloak;
pub(crate) use deployment::Deployment;
pub use error::{ProviderError, StartError};
pub(crate) use provider::Provider;

/// Most names offered as a hint for an unknown one.
const HINTS: usize = 3;

/// How long a call may take, step by step.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) policy: Policy,
    /// The whole call.
    pub(crate) timeout: Duration,
    /// Until a streamed answer's head.
    pub(crate) first_byte: Duration,
    /// Until a streamed answer says something; absent where the operator left that to the gateway.
    pub(crate) first_token: Option<Duration>,
    /// Until an answer that is not streamed, or until a slow model says something.
    pub(crate) answer: Duration,
    /// Between two pieces of a streamed answer.
    pub(crate) stall: Duration,
    /// Whether a request that would lose something in translation is refused.
    pub(crate) rejects_loss: bool,
    /// When a streamed answer begins to leave.
    pub(crate) commit: Commit,
    /// Whether the model may be silent for minutes, where the operator says so.
    pub(crate) is_slow: Option<bool>,
}

/// One configured model.
#[derive(Debug)]
struct Model {
    deployments: Vec<Arc<Deployment>>,
    pool: Pool,
    limits: Arc<Limits>,
}

/// The deployments of one call, in the order of asking, and how long it may take.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) deployments: Vec<Arc<Deployment>>,
    pub(crate) limits: Arc<Limits>,
}

/// All providers and models.
#[derive(Debug)]
pub(crate) struct Fleet {
    providers: Vec<Arc<Provider>>,
    models: HashMap<String, Arc<Model>>,
    /// The names a client may ask for, in the order of the config.
    names: Vec<String>,
    limits: Arc<Limits>,
    /// Of the models that do not name one.
    strategy: config::Strategy,
    /// Whether names are left to the providers' own lists: where somebody wrote down the models, these are the models.
    discovers: bool,
}

impl Fleet {
    /// `tasks` runs what outlives a request.
    pub(crate) fn new(config: &Config, tasks: &TaskTracker) -> Result<Self, StartError> {
        let mut exits = Exits::default();
        let mut cloaks = Cloaks::new(config.cloak.as_ref());
        let limits = Arc::new(Limits::new(&config.retry));
        let mut providers = Vec::with_capacity(config.providers.len());
        for (name, provider) in &config.providers {
            let (connect, proxy) = (config.retry.connect, config.proxy.as_ref());
            let mut setting = Setting { exits: &mut exits, cloaks: &mut cloaks, connect, proxy, tasks };
            let made = Provider::new(name, provider, &mut setting)
                .map_err(|error| StartError::Provider { provider: name.clone(), error })?;
            providers.push(Arc::new(made));
        }
        let mut fleet = Self {
            providers,
            models: HashMap::new(),
            names: Vec::new(),
            limits,
            strategy: config.strategy,
            discovers: config.models.is_empty(),
        };
        for (name, model) in &config.models {
            let retry = match &model.retry {
                Some(over) => over.over(&config.retry),
                None => config.retry.clone(),
            };
            let rejects_loss = model.on_loss == config::OnLoss::Reject;
            let (commit, is_slow) = (model.commit, model.slow);
            let limits = Arc::new(Limits { rejects_loss, commit, is_slow, ..Limits::new(&retry) });
            let model = Arc::new(fleet.model(model, limits, retry.connect, &mut exits)?);
            for name in std::iter::once(name).chain(&config.models[name].aliases) {
                fleet.names.push(name.clone());
                fleet.models.insert(name.clone(), Arc::clone(&model));
            }
        }
        fleet.serve_aliases();
        Ok(fleet)
    }

    /// The models that only credentials name, each a pool of all that serve it.
    fn serve_aliases(&mut self) {
        let mut members: IndexMap<String, Vec<(Arc<Deployment>, &NamedCredential)>> = IndexMap::new();
        let providers = self.providers.clone();
        for provider in &providers {
            for (place, credential) in provider.credentials.iter().enumerate() {
                for name in credential.offer.names() {
                    let Some(model) = credential.offer.bare(&name) else { continue };
                    let upstream = credential.upstream.clone();
                    let deployment = Deployment::new(provider, model, place, upstream, &self.limits);
                    members.entry(name.into_owned()).or_default().push((Arc::new(deployment), credential));
                }
            }
        }
        for (name, members) in members {
            // What somebody configured as a model is that model.
            if self.models.contains_key(&name) {
                continue;
            }
            let ranked = members.iter().enumerate().map(|(deployment, (_, credential))| Ranked {
                priority: credential.priority,
                member: Member { deployment, weight: credential.weight },
            });
            let pool = Pool::new(self.strategy.row(), by_priority(ranked.collect()));
            let deployments = members.into_iter().map(|(deployment, _)| deployment).collect();
            let model = Model { deployments, pool, limits: Arc::clone(&self.limits) };
            self.names.push(name.clone());
            self.models.insert(name, Arc::new(model));
        }
    }

    fn model(
        &self,
        model: &config::Model,
        limits: Arc<Limits>,
        connect: Duration,
        exits: &mut Exits,
    ) -> Result<Model, StartError> {
        let mut deployments: Vec<Arc<Deployment>> = Vec::new();
        let mut tiers = Vec::new();
        let pool = std::iter::once(model.targets.as_slice());
        for targets in pool.chain(model.fallback.iter().map(std::slice::from_ref)) {
            let mut ranked = Vec::new();
            for target in targets {
                let Some(provider) = self.provider(&target.provider) else { continue };
                for (place, credential) in provider.credentials.iter().enumerate() {
                    let Some(name) = credential.offer.direct(&target.model) else { continue };
                    let connect = credential.timeouts.connect.unwrap_or(connect);
                    let upstream =
                        exits.get(connect, &credential.exit).map_err(|why| StartError::Provider {
                            provider: provider.name.clone(),
                            error: ProviderError::Exit(why),
                        })?;
                    let made = Deployment::new(provider, name, place, upstream, &limits);
                    let known = deployments.iter().position(|deployment| deployment.name == made.name);
                    let deployment = known.unwrap_or(deployments.len());
                    if known.is_none() {
                        deployments.push(Arc::new(made));
                    }
                    let weight = target.weight.saturating_mul(credential.weight);
                    ranked.push(Ranked {
                        priority: credential.priority,
                        member: Member { deployment, weight },
                    });
                }
            }
            tiers.extend(by_priority(ranked));
        }
        Ok(Model {
            pool: Pool::new(model.strategy.unwrap_or(self.strategy).row(), tiers),
            deployments,
            limits,
        })
    }

    fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// The plan for a call that asks for `name`. Names resolve in this order: configured model or alias,
    /// `provider/model`, a bare name that a provider serves.
    pub(crate) async fn plan(&self, name: &str) -> Result<Plan, Fault> {
        let plan = match self.known(name) {
            Some(plan) => plan,
            None => self.discovered(name).await.ok_or_else(|| self.unknown(name))?,
        };
        if plan.deployments.is_empty() {
            let text = format!(
                "no credential behind model `{name}` is to be asked for it: all are disabled or exclude it"
            );
            return Err(Fault::new(FaultKind::NoDeployment, text));
        }
        Ok(plan)
    }

    /// True if `name` resolves from the config alone, not counting providers that serve any name.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.models.contains_key(name) || self.direct(name).is_some()
    }

    fn known(&self, name: &str) -> Option<Plan> {
        if let Some(model) = self.models.get(name) {
            let order = model.pool.order();
            let deployments = order.into_iter().map(|place| Arc::clone(&model.deployments[place])).collect();
            return Some(Plan { deployments, limits: Arc::clone(&model.limits) });
        }
        if let Some((provider, model)) = self.direct(name) {
            return Some(
                self.at(|known, offer| if Arc::ptr_eq(known, provider) { offer.direct(model) } else { None }),
            );
        }
        let plan = self.at(|_, offer| offer.bare(name));
        (!plan.deployments.is_empty()).then_some(plan)
    }

    /// `provider/model`, where the provider is configured.
    fn direct<'n>(&self, name: &'n str) -> Option<(&Arc<Provider>, &'n str)> {
        let (provider, model) = name.split_once('/')?;
        Some((self.provider(provider)?, model)).filter(|_| !model.is_empty())
    }

    /// The plan for a name that some provider lists itself.
    async fn discovered(&self, name: &str) -> Option<Plan> {
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
        let plan = self.at(|known, offer| if is_serving(known) { offer.direct(name) } else { None });
        (!plan.deployments.is_empty()).then_some(plan)
    }

    /// All credentials for which `named` has the provider's name of a model, provider after provider, but whoever has a
    /// higher priority first.
    fn at<'n>(&'n self, named: impl Fn(&'n Arc<Provider>, &'n Offer) -> Option<&'n str>) -> Plan {
        let mut found = Vec::new();
        for provider in &self.providers {
            for place in provider.pool.order() {
                let credential = &provider.credentials[place];
                let Some(model) = named(provider, &credential.offer) else { continue };
                let upstream = credential.upstream.clone();
                let made = Deployment::new(provider, model, place, upstream, &self.limits);
                found.push((credential.priority, Arc::new(made)));
            }
        }
        found.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        let deployments = found.into_iter().map(|(_, deployment)| deployment).collect();
        Plan { deployments, limits: Arc::clone(&self.limits) }
    }

    /// Has the providers asked for their lists before somebody needs them.
    pub(crate) fn discover(&self) {
        if self.discovers {
            for provider in &self.providers {
                provider.discover();
            }
        }
    }

    /// The plan that asks `deployment` and no other.
    pub(crate) fn only(&self, deployment: Arc<Deployment>) -> Plan {
        Plan { deployments: vec![deployment], limits: Arc::clone(&self.limits) }
    }

    /// The names a client may ask for: the configured models, what credentials are said to serve, and where nothing is
    /// configured what the providers list.
    pub(crate) async fn names(&self) -> Vec<String> {
        let mut names: IndexSet<String> = self.names.iter().cloned().collect();
        if self.discovers {
            for provider in &self.providers {
                let listed = provider.listed().await;
                for credential in &provider.credentials {
                    let shown = listed.iter().filter(|name| !credential.offer.excludes(name));
                    names.extend(shown.flat_map(|name| credential.offer.called(name)).map(Cow::into_owned));
                }
            }
        }
        names.into_iter().collect()
    }

    fn unknown(&self, name: &str) -> Fault {
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

impl Limits {
    fn new(retry: &config::Retry) -> Self {
        Self {
            policy: Policy { attempts: retry.attempts, ..Policy::default() },
            timeout: retry.timeout,
            first_byte: retry.first_byte,
            first_token: retry.first_token,
            answer: retry.answer,
            stall: retry.stall,
            rejects_loss: false,
            commit: Commit::default(),
            is_slow: None,
        }
    }
}
