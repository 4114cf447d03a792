//! What an older fleet knows and the next one goes on with: nothing that is still there starts anew because something
//! else was changed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use lockgate_routing::{Account, Budget, Health, Why};

use super::{Deployment, Fleet, Limits, Provider, credential::NamedCredential, identity::Identity};
use crate::clock;

/// Most deployments whose healths are handed on although the config names them no more.
const ROOM: usize = 10_000;

/// What is taken over from an older fleet, if there is one.
pub(super) struct Heritage<'o> {
    older: Option<&'o Fleet>,
    /// What was taken over so far: no two credentials go on with the same.
    taken: Vec<Arc<Account>>,
}

/// What is known of deployments: the same for all models that name one.
#[derive(Debug, Default)]
pub(super) struct Healths {
    /// Of those that the config names, by their names.
    made: HashMap<String, Arc<Health>>,
    /// What an older fleet knew, by `provider/model`. Which credential's it is, each says itself.
    older: HashMap<String, Vec<Old>>,
    /// The names that the operator took out and whose credential is another one now: they stay out.
    drained: HashSet<String>,
}

/// What was known of one deployment.
#[derive(Debug, Clone)]
struct Old {
    health: Arc<Health>,
    /// It is reached another way now, so that its faults say nothing any more.
    is_moved: bool,
}

impl<'o> Heritage<'o> {
    pub(super) fn of(older: Option<&'o Fleet>) -> Self {
        Self { older, taken: Vec::new() }
    }

    pub(super) fn older(&self) -> Option<&'o Fleet> {
        self.older
    }

    pub(super) fn provider(&self, name: &str) -> Option<&'o Provider> {
        self.older?.provider(name).map(|provider| &**provider)
    }

    /// The credential of that provider that was the same; of several the one of that name.
    pub(super) fn credential(
        &mut self,
        provider: &str,
        label: &str,
        identity: Identity,
    ) -> Option<&'o NamedCredential> {
        let is_free = |row: &&NamedCredential| {
            row.identity == identity && !self.taken.iter().any(|taken| Arc::ptr_eq(taken, &row.account))
        };
        let rows = || self.provider(provider).map(|known| known.credentials.iter()).into_iter().flatten();
        let found = rows().filter(is_free).find(|row| row.name == label).or_else(|| rows().find(is_free))?;
        self.taken.push(Arc::clone(&found.account));
        Some(found)
    }

    /// What the calls of the model of that name may try again, with what they have tried.
    pub(super) fn budget(&self, model: &str, limits: &Limits) -> Option<Arc<Budget>> {
        let known = self.older?.models.get(model)?;
        (known.limits.extra_load == limits.extra_load).then(|| Arc::clone(&known.budget))
    }

    /// What was known of the deployments of those credentials that are still there. Called when all of them are made.
    pub(super) fn healths(&self, providers: &[Arc<Provider>]) -> Healths {
        let mut healths = Healths::default();
        let Some(older) = self.older else { return healths };
        let now: HashMap<&str, &Arc<Provider>> =
            providers.iter().map(|provider| (provider.name.as_str(), provider)).collect();
        for (name, health) in older.known_healths() {
            let Some((target, _)) = name.rsplit_once('#') else { continue };
            let Some((provider, _)) = target.split_once('/') else { continue };
            let row = now
                .get(provider)
                .and_then(|provider| provider.credentials.iter().find(|row| health.is_of(&row.account)));
            match row {
                Some(row) => {
                    let is_moved = older
                        .provider(provider)
                        .and_then(|known| known.credentials.iter().find(|known| health.is_of(&known.account)))
                        .is_none_or(|known| known.exit != row.exit);
                    healths.older.entry(target.to_owned()).or_default().push(Old { health, is_moved });
                }
                None if is_drained(&health) => {
                    healths.drained.insert(name);
                }
                None => {}
            }
        }
        healths
    }
}

impl Fleet {
    /// What is known of each deployment, by its name: of those that the config names, of those that clients named, and of
    /// those that nobody has named since they were handed on, as far as anything is known against them.
    fn known_healths(&self) -> Vec<(String, Arc<Health>)> {
        let mut known = self.healths.made.clone();
        for (_, model) in self.impromptu.all() {
            for Deployment { name, health, .. } in model.deployments.iter().map(|deployment| &**deployment) {
                known.entry(name.to_string()).or_insert_with(|| Arc::clone(health));
            }
        }
        let moment = clock::now();
        let labels = |target: &str, health: &Health| {
            let provider = self.provider(target.split_once('/')?.0)?;
            provider.credentials.iter().find(|row| health.is_of(&row.account)).map(|row| row.name.clone())
        };
        for (target, old) in &self.healths.older {
            for Old { health, is_moved } in old {
                let matters = health.in_flight() > 0 || health.blocked(moment).is_some();
                if matters && !is_moved && known.len() < ROOM {
                    let Some(label) = labels(target, health) else { continue };
                    known.entry(format!("{target}#{label}")).or_insert_with(|| Arc::clone(health));
                }
            }
        }
        known.into_iter().collect()
    }
}

impl Healths {
    /// Of the deployment of that name that the config names: `target` with that credential.
    pub(super) fn of(&mut self, name: &str, target: &str, row: &NamedCredential) -> Arc<Health> {
        if let Some(known) = self.made.get(name) {
            return Arc::clone(known);
        }
        let health = self.before(name, target, row);
        let health = health.unwrap_or_else(|| Arc::new(Health::new(Arc::clone(&row.account))));
        self.made.insert(name.to_owned(), Arc::clone(&health));
        health
    }

    /// The same, if anything is known of it.
    pub(super) fn known(&self, name: &str, target: &str, row: &NamedCredential) -> Option<Arc<Health>> {
        self.made.get(name).cloned().or_else(|| self.before(name, target, row))
    }

    /// What an older fleet knew of it.
    fn before(&self, name: &str, target: &str, row: &NamedCredential) -> Option<Arc<Health>> {
        let old =
            self.older.get(target).and_then(|old| old.iter().find(|old| old.health.is_of(&row.account)));
        let is_out = match old {
            Some(Old { health, is_moved: false }) => return Some(Arc::clone(health)),
            Some(moved) => is_drained(&moved.health),
            None => self.drained.contains(name),
        };
        is_out.then(|| {
            let health = Health::new(Arc::clone(&row.account));
            health.drain(true);
            Arc::new(health)
        })
    }
}

fn is_drained(health: &Health) -> bool {
    health.blocked(clock::now()).is_some_and(|blocked| blocked.why == Why::Drained)
}
