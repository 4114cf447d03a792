//! Models that no config names: what a client asks for as `provider/model`, or what only a provider lists.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::Model;

/// Most names that are remembered; clients make them up.
const ROOM: usize = 1000;

/// Who answers such a name: provider, credential, and the model's name there.
pub(super) type Found<'n> = Vec<(usize, usize, &'n str)>;

/// The models made so far, so that their turns and what is known of their deployments last from call to call.
#[derive(Debug, Default)]
pub(super) struct Impromptu(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    found: Vec<(usize, usize, String)>,
    model: Arc<Model>,
}

impl Impromptu {
    /// The model of that name, made anew if others answer it than before.
    pub(super) fn model(&self, name: &str, found: &Found<'_>, make: impl FnOnce() -> Model) -> Arc<Model> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |known: &Known| {
            known.found.len() == found.len()
                && known.found.iter().zip(found).all(|(a, b)| (a.0, a.1, a.2.as_str()) == *b)
        };
        if let Some(known) = known.get(name).filter(|known| is_same(known)) {
            return Arc::clone(&known.model);
        }
        if known.len() >= ROOM {
            known.clear();
        }
        let model = Arc::new(make());
        let found = found.iter().map(|(provider, row, name)| (*provider, *row, (*name).to_owned())).collect();
        known.insert(name.to_owned(), Known { found, model: Arc::clone(&model) });
        model
    }

    /// All of them, by name.
    pub(super) fn all(&self) -> Vec<(String, Arc<Model>)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, known)| (name.clone(), Arc::clone(&known.model))).collect()
    }
}
