//! Credentials that are checked by a model of their own, whatever they are asked for.

use std::sync::Arc;

use lockgate_config::Config;

use super::{
    Deployment, Fleet, Limits,
    deployment::{Named, Terms},
};

impl Fleet {
    /// What is asked of the credentials that are checked by a model of their own.
    pub(super) fn look_after(&mut self, config: &Config) {
        let providers = self.providers.clone();
        for (provider, written) in providers.iter().zip(config.providers.values()) {
            let rows = written.credentials.iter().filter(|row| !row.disabled);
            for (place, row) in rows.enumerate() {
                let Some(model) = &row.check_model else { continue };
                let upstream = provider.credentials[place].upstream.clone();
                let health = |name: &str, target: &str, row: &_| self.healths.of(name, target, row);
                let terms = Terms {
                    limits: &self.limits,
                    price: None,
                    metrics: &self.metrics,
                    named: Named::ByOperator,
                };
                let made = Deployment::new(provider, model, place, upstream, terms, health);
                self.checks.push(Arc::new(made));
            }
        }
    }

    /// What credentials are checked with, whatever they are asked for.
    pub(crate) fn checks(&self) -> &[Arc<Deployment>] {
        &self.checks
    }

    /// Of the models that say nothing themselves.
    pub(crate) fn usual_limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// All else that the credential of a deployment is asked for, as far as that is known.
    pub(crate) fn beside(&self, deployment: &Deployment) -> Vec<Arc<Deployment>> {
        let mut found: Vec<Arc<Deployment>> = Vec::new();
        for (_, model) in self.all() {
            for other in &model.deployments {
                let is_beside = Arc::ptr_eq(&other.provider, &deployment.provider)
                    && other.credential == deployment.credential
                    && !Arc::ptr_eq(&other.health, &deployment.health);
                if is_beside && !found.iter().any(|known| Arc::ptr_eq(&known.health, &other.health)) {
                    found.push(Arc::clone(other));
                }
            }
        }
        found
    }
}
