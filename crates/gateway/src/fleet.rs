//! What the config stands for at run time: sites, credentials, and the deployments behind each model name.

mod deployment;
mod provider;

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use lockgate_config::{self as config, Config};
use lockgate_protocol::ir::{Fault, FaultKind};
use lockgate_routing::{Member, Policy, Pool, StrategyRow};
use tokio_util::task::TaskTracker;

use crate::upstream::Exits;
use provider::Setting;

pub(crate) use deployment::Deployment;
pub(crate) use provider::Provider;
pub use provider::ProviderError;

/// Most names offered as a hint for an unknown one.
const HINTS: usize = 3;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A provider cannot be set up.
    #[error("provider `{provider}`: {error}")]
    Provider {
        /// Its name in the config.
        provider: String,
        /// What is wrong with it.
        error: ProviderError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address of the config.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// How long a call may take, step by step.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) policy: Policy,
    /// The whole call.
    pub(crate) timeout: Duration,
    /// Until a streamed answer's head.
    pub(crate) first_byte: Duration,
    /// Between two pieces of a streamed answer.
    pub(crate) stall: Duration,
    /// Whether a request that would lose something in translation is refused.
    pub(crate) rejects_loss: bool,
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
}

impl Fleet {
    /// `tasks` runs what outlives a request.
    pub(crate) fn new(config: &Config, tasks: &TaskTracker) -> Result<Self, StartError> {
        let mut exits = Exits::default();
        let limits = Arc::new(Limits::new(&config.retry));
        let mut providers = Vec::with_capacity(config.providers.len());
        for (name, provider) in &config.providers {
            let (connect, proxy) = (config.retry.connect, config.proxy.as_ref());
            let mut setting = Setting { exits: &mut exits, connect, proxy, tasks };
            let made = Provider::new(name, provider, &mut setting)
                .map_err(|error| StartError::Provider { provider: name.clone(), error })?;
            providers.push(Arc::new(made));
        }
        let mut fleet = Self { providers, models: HashMap::new(), names: Vec::new(), limits };
        for (name, model) in &config.models {
            let retry = match &model.retry {
                Some(over) => over.over(&config.retry),
                None => config.retry.clone(),
            };
            let rejects_loss = model.on_loss == config::OnLoss::Reject;
            let limits = Arc::new(Limits { rejects_loss, ..Limits::new(&retry) });
            let model = Arc::new(fleet.model(model, limits, retry.connect, &mut exits)?);
            for name in std::iter::once(name).chain(&config.models[name].aliases) {
                fleet.names.push(name.clone());
                fleet.models.insert(name.clone(), Arc::clone(&model));
            }
        }
        Ok(fleet)
    }

    fn model(
        &self,
        model: &config::Model,
        limits: Arc<Limits>,
        connect: Duration,
        exits: &mut Exits,
    ) -> Result<Model, StartError> {
        let mut deployments: Vec<Arc<Deployment>> = Vec::new();
        let mut tier = |targets: &[config::Target]| {
            let mut members = Vec::new();
            for target in targets {
                let Some(provider) = self.provider(&target.provider) else { continue };
                for (place, credential) in provider.credentials.iter().enumerate() {
                    let upstream =
                        exits.get(connect, &credential.exit).map_err(|why| StartError::Provider {
                            provider: provider.name.clone(),
                            error: ProviderError::Exit(why),
                        })?;
                    let made = Deployment::new(provider, &target.model, place, upstream);
                    let known = deployments.iter().position(|deployment| deployment.name == made.name);
                    let deployment = known.unwrap_or(deployments.len());
                    if known.is_none() {
                        deployments.push(Arc::new(made));
                    }
                    members
                        .push(Member { deployment, weight: target.weight.saturating_mul(credential.weight) });
                }
            }
            Ok(members)
        };
        let mut tiers = vec![tier(&model.targets)?];
        for target in &model.fallback {
            tiers.push(tier(std::slice::from_ref(target))?);
        }
        Ok(Model { pool: Pool::new(strategy(model.strategy), tiers), deployments, limits })
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
            let text = format!("every credential behind model `{name}` is disabled");
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
            return Some(self.at(&[provider], model));
        }
        let serving: Vec<_> = self.providers.iter().filter(|provider| provider.serves(name)).collect();
        (!serving.is_empty()).then(|| self.at(&serving, name))
    }

    /// `provider/model`, where the provider is configured.
    fn direct<'n>(&self, name: &'n str) -> Option<(&Arc<Provider>, &'n str)> {
        let (provider, model) = name.split_once('/')?;
        Some((self.provider(provider)?, model)).filter(|_| !model.is_empty())
    }

    /// Only a config without models leaves names to the providers' own lists: where somebody wrote down the models,
    /// these are the models.
    async fn discovered(&self, name: &str) -> Option<Plan> {
        if !self.models.is_empty() {
            return None;
        }
        let mut serving = Vec::new();
        for provider in &self.providers {
            if provider.listed().await.iter().any(|listed| listed == name) {
                serving.push(provider);
            }
        }
        (!serving.is_empty()).then(|| self.at(&serving, name))
    }

    /// `model` at each of these providers in turn, over all its credentials.
    fn at(&self, providers: &[&Arc<Provider>], model: &str) -> Plan {
        let deployments = providers.iter().flat_map(|provider| {
            let order = provider.pool.order().into_iter();
            order.map(|place| {
                let upstream = provider.credentials[place].upstream.clone();
                Arc::new(Deployment::new(provider, model, place, upstream))
            })
        });
        Plan { deployments: deployments.collect(), limits: Arc::clone(&self.limits) }
    }

    /// The plan that asks `deployment` and no other.
    pub(crate) fn only(&self, deployment: Arc<Deployment>) -> Plan {
        Plan { deployments: vec![deployment], limits: Arc::clone(&self.limits) }
    }

    /// The names a client may ask for: the configured models, or without any what the providers list.
    pub(crate) async fn names(&self) -> Vec<String> {
        if !self.names.is_empty() {
            return self.names.clone();
        }
        let mut names = Vec::new();
        for provider in &self.providers {
            let listed = provider.listed().await;
            names.extend(listed.iter().filter(|name| !names.contains(*name)).cloned().collect::<Vec<_>>());
        }
        names
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

fn strategy(strategy: config::Strategy) -> &'static StrategyRow {
    let name = match strategy {
        config::Strategy::RoundRobin => "round_robin",
    };
    lockgate_routing::find(name).unwrap_or(&lockgate_routing::STRATEGIES[0])
}

impl Limits {
    fn new(retry: &config::Retry) -> Self {
        Self {
            policy: Policy { attempts: retry.attempts, ..Policy::default() },
            timeout: retry.timeout,
            first_byte: retry.first_byte,
            stall: retry.stall,
            rejects_loss: false,
        }
    }
}
