//! Meters by their names, which come from the config and from created keys only: whatever clients make up is counted under
//! `other`, so that nobody can make the metrics grow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::meters::{DeploymentMeter, KeyMeter, ModelMeter, NOBODY, OTHER};

/// Meters by their names, up to a number; what comes then is counted together. None is ever given up, so that counters go
/// on counting after a reload.
#[derive(Debug)]
pub(crate) struct Register<M> {
    known: Mutex<Known<M>>,
    most: usize,
    pub(crate) other: Arc<M>,
}

/// The meters that there are.
#[derive(Debug)]
struct Known<M> {
    by_name: HashMap<Arc<str>, Arc<M>>,
    in_order: Vec<Arc<M>>,
}

impl<M> Register<M> {
    /// Room for `most` of them beside `other`.
    fn new(most: usize, other: M) -> Self {
        let known = Known { by_name: HashMap::new(), in_order: Vec::new() };
        Self { known: Mutex::new(known), most, other: Arc::new(other) }
    }

    /// The meter of that name, made by `make` with its place if there is none.
    fn named(&self, name: &str, make: impl FnOnce(&str, usize) -> M) -> Arc<M> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { by_name, in_order } = &mut *known;
        if let Some(meter) = by_name.get(name) {
            return Arc::clone(meter);
        }
        if in_order.len() >= self.most {
            return Arc::clone(&self.other);
        }
        let meter = Arc::new(make(name, in_order.len() + NOBODY + 1));
        by_name.insert(name.into(), Arc::clone(&meter));
        in_order.push(Arc::clone(&meter));
        meter
    }

    fn find(&self, name: &str) -> Option<Arc<M>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.by_name.get(name).cloned()
    }

    /// All of them in the order in which they came, and `other`.
    pub(crate) fn all(&self) -> Vec<Arc<M>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.in_order.iter().chain([&self.other]).cloned().collect()
    }
}

impl Register<ModelMeter> {
    pub(super) fn of_models(most: usize) -> Self {
        Self::new(most, ModelMeter::new(OTHER, 0))
    }

    /// The meter of a model of the config.
    pub(crate) fn model(&self, name: &str) -> Arc<ModelMeter> {
        self.named(name, ModelMeter::new)
    }
}

impl Register<KeyMeter> {
    pub(super) fn of_keys(most: usize) -> Self {
        Self::new(most, KeyMeter::new(OTHER, 0))
    }

    /// The meter of a key that the operator named.
    pub(crate) fn key(&self, name: &str) -> Arc<KeyMeter> {
        self.named(name, KeyMeter::new)
    }
}

impl Register<DeploymentMeter> {
    pub(super) fn of_deployments(most: usize) -> Self {
        Self::new(most, DeploymentMeter { name: OTHER.into(), provider: OTHER, place: 0 })
    }

    /// The meter of a deployment of the config at a provider of that kind.
    pub(crate) fn deployment(&self, name: &str, provider: &'static str) -> Arc<DeploymentMeter> {
        self.named(name, |name, place| DeploymentMeter { name: name.into(), provider, place })
    }

    /// The meter of a deployment whose model only a client has named: that of the config, where it has the same, else the
    /// one of all such models of its credential.
    pub(crate) fn of_client(&self, name: &str, provider: &'static str) -> Arc<DeploymentMeter> {
        if let Some(known) = self.find(name) {
            return known;
        }
        let (Some((place, _)), Some((_, credential))) = (name.split_once('/'), name.rsplit_once('#')) else {
            return Arc::clone(&self.other);
        };
        self.deployment(&format!("{place}/{OTHER}#{credential}"), provider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_make_up_is_counted_together() {
        let deployments = Register::of_deployments(3);
        let known = deployments.deployment("a/known#1", "openai");
        assert!(Arc::ptr_eq(&known, &deployments.of_client("a/known#1", "openai")));
        let made_up = deployments.of_client("a/made/up#1#1", "openai");
        assert_eq!((&*made_up.name, made_up.model()), ("a/other#1", "other"));
        assert!(Arc::ptr_eq(&made_up, &deployments.of_client("a/too#1", "openai")));
        deployments.of_client("b/too#1", "openai");
        assert_eq!(&*deployments.deployment("c/full#1", "openai").name, "other");
        assert_eq!(deployments.all().len(), 4);
        assert_eq!(known.model(), "known");
    }
}
