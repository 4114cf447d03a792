//! Models that no config names: what a client asks for as `provider/model`, or what only a provider lists.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use lockgate_routing::Health;

use super::Model;

/// Most names that are remembered; clients make them up.
const ROOM: usize = 1000;

/// Who answers such a name: provider, credential, and the model's name there.
pub(super) type Found<'n> = Vec<(usize, usize, &'n str)>;

/// What is known of a deployment of that name that was met before.
pub(super) type Known<'k> = &'k dyn Fn(&str) -> Option<Arc<Health>>;

/// The models made so far, so that their turns and what is known of their deployments last from call to call.
#[derive(Debug, Default)]
pub(super) struct Impromptu(Mutex<HashMap<String, Made>>);

#[derive(Debug)]
struct Made {
    found: Vec<(usize, usize, String)>,
    model: Arc<Model>,
}

impl Impromptu {
    /// The model of that name, made anew if others answer it than before.
    pub(super) fn model(
        &self,
        name: &str,
        found: &Found<'_>,
        make: impl FnOnce(Known<'_>) -> Model,
    ) -> Arc<Model> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &Made| {
            known.found.len() == found.len()
                && known.found.iter().zip(found).all(|(a, b)| (a.0, a.1, a.2.as_str()) == *b)
        };
        if let Some(known) = known.get(name).filter(|known| is_same(known)) {
            return Arc::clone(&known.model);
        }
        if known.len() >= ROOM {
            known.clear();
        }
        // One deployment may answer several of these names; what is known of it is known for all of them.
        let model = Arc::new(make(&|name| {
            let mut deployments = known.values().flat_map(|known| &known.model.deployments);
            let found = deployments.find(|deployment| *deployment.name == *name);
            found.map(|deployment| Arc::clone(&deployment.health))
        }));
        let found = found.iter().map(|(provider, row, name)| (*provider, *row, (*name).to_owned())).collect();
        known.insert(name.to_owned(), Made { found, model: Arc::clone(&model) });
        model
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<(String, Arc<Model>)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, known)| (name.clone(), Arc::clone(&known.model))).collect()
    }
}
