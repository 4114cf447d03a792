//! What keys, models and everybody together may ask for and spend. What they have asked for and spent outlives configs.

mod first_minute;
mod restore;

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use lockgate_config::{self as config, CallerLimits};
use tokio::sync::OnceCell;

use crate::{Setup, access::Identity, budgets::Budget, fleet::is_pattern, gauge::Gauge};
use restore::Past;

/// Most owners that are remembered although no config names them any more.
const ROOM: usize = 100_000;

/// Who may ask for so much and spend so much.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// A client's key.
    Key(KeyOwner),
    /// A model, by its name in the config.
    Model(Arc<str>),
    /// Everybody together.
    Everybody,
}

/// A client's key: the same one whatever it is called.
#[derive(Debug, Clone)]
pub(crate) struct KeyOwner {
    id: Arc<str>,
    name: Arc<str>,
}

impl PartialEq for KeyOwner {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for KeyOwner {}

impl Hash for KeyOwner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

/// As refusals begin: "the key `alice`".
impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "the key `{}`", key.name),
            Self::Model(name) => write!(f, "the model `{name}`"),
            Self::Everybody => f.write_str("this gateway"),
        }
    }
}

/// What an owner has: its limits with what counts against them.
#[derive(Debug)]
pub(crate) struct Purse {
    pub(crate) owner: Owner,
    pub(crate) gauge: Arc<Gauge>,
    pub(crate) budgets: Vec<Arc<Budget>>,
}

impl Purse {
    /// Whether one of its budgets is of money, so that prices must be known.
    pub(crate) fn is_of_money(&self) -> bool {
        self.budgets.iter().any(|budget| matches!(budget.limit, crate::budgets::Limit::Money(_)))
    }
}

/// What a config lets an owner ask for and spend, and the purse that it comes to with the first call.
#[derive(Debug)]
pub(crate) struct Allowance {
    owner: Owner,
    /// Which calls on record are its own.
    past: Past,
    limits: CallerLimits,
    budgets: Vec<config::Budget>,
    purse: OnceCell<Arc<Purse>>,
}

impl Allowance {
    /// Of a client's key.
    pub(crate) fn of_key(key: &config::ClientKey, identity: &Identity) -> Self {
        let (name, since_ms): (Arc<str>, _) = (key.name.as_str().into(), identity.since_ms);
        let owner = KeyOwner { id: Arc::clone(&identity.id), name: Arc::clone(&name) };
        Self::new(Owner::Key(owner), Past::Key { name, since_ms }, key.limits(), &key.budget)
    }

    /// Of a key of that name that may ask for nothing, so that nothing has to be limited.
    pub(crate) fn of_nobody(name: &str, identity: &Identity) -> Self {
        let owner = KeyOwner { id: Arc::clone(&identity.id), name: name.into() };
        let past = Past::Key { name: name.into(), since_ms: identity.since_ms };
        Self::new(Owner::Key(owner), past, CallerLimits::default(), &[])
    }

    /// Of the model of that name.
    pub(crate) fn of_model(name: &str, model: &config::Model) -> Self {
        let (patterns, aliases): (Vec<&String>, Vec<_>) =
            model.aliases.iter().partition(|alias| is_pattern(alias));
        let names = std::iter::once(name).chain(aliases.into_iter().map(String::as_str)).map(Arc::from);
        let past = Past::Model { names: names.collect(), has_patterns: !patterns.is_empty() };
        Self::new(Owner::Model(name.into()), past, model.limits(), &model.budget)
    }

    /// Of everybody together.
    pub(crate) fn of_everybody(access: &config::Access) -> Self {
        Self::new(Owner::Everybody, Past::All, access.limits, &access.budget)
    }

    fn new(owner: Owner, past: Past, limits: CallerLimits, budgets: &[config::Budget]) -> Self {
        Self { owner, past, limits, budgets: budgets.to_vec(), purse: OnceCell::new() }
    }

    /// Whether nothing is held to anything.
    pub(crate) fn is_open(&self) -> bool {
        self.limits == CallerLimits::default() && self.budgets.is_empty()
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The limits that are written.
    pub(crate) fn limits(&self) -> CallerLimits {
        self.limits
    }

    /// The budgets that are written.
    pub(crate) fn budgets(&self) -> &[config::Budget] {
        &self.budgets
    }

    /// The purse, if it has been asked for.
    pub(crate) fn known(&self) -> Option<&Arc<Purse>> {
        self.purse.get()
    }

    /// The purse; `None` where nothing is held to anything. What was spent before this process began is looked up when a
    /// budget is first asked for.
    pub(crate) async fn purse(&self, setup: &Arc<Setup>) -> Option<&Arc<Purse>> {
        if self.is_open() {
            return None;
        }
        Some(self.purse.get_or_init(|| setup.gateway.purses.of(self, setup)).await)
    }
}

/// All purses, by their owners.
#[derive(Default)]
pub(crate) struct Purses(Mutex<HashMap<Owner, Arc<Purse>>>);

impl Purses {
    /// The purse of an owner as its config has it now, with what counts against it already.
    async fn of(&self, allowance: &Allowance, setup: &Arc<Setup>) -> Arc<Purse> {
        let (purse, new) = self.made(allowance);
        restore::restore(&purse.owner, &allowance.past, new, setup).await;
        purse
    }

    /// The same, and which of its budgets were not there before.
    fn made(&self, allowance: &Allowance) -> (Arc<Purse>, Vec<Arc<Budget>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let older = all.get(&allowance.owner);
        let known = older.map_or(&[][..], |older| &older.budgets);
        let (mut budgets, mut new) = (Vec::with_capacity(allowance.budgets.len()), Vec::new());
        for written in &allowance.budgets {
            let (budget, is_new) = Budget::new(written, known);
            let budget = Arc::new(budget);
            if is_new {
                new.push(Arc::clone(&budget));
            }
            budgets.push(budget);
        }
        let gauge = Gauge::new(allowance.limits, older.map(|older| &*older.gauge));
        let purse = Arc::new(Purse { owner: allowance.owner.clone(), gauge, budgets });
        if all.len() >= ROOM && older.is_none() {
            // What is still asked from has another owner than this table.
            all.retain(|_, purse| Arc::strong_count(purse) > 1);
        }
        all.insert(allowance.owner.clone(), Arc::clone(&purse));
        (purse, new)
    }
}
