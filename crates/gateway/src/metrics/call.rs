//! Where one call is counted: its cells are found once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use lockgate_protocol::{dialect::Operation, ir::FaultKind};
use lockgate_store::Ended;

use super::{
    cells::Counter,
    meters::{self, DeploymentMeter, ModelMeter, OTHER, Pair, SecondTry},
};

/// What became of a try that another one overtook.
pub(crate) const GIVEN_UP: &str = "given_up";

/// The cells of one call.
#[derive(Debug, Default)]
pub(crate) struct CallMeter {
    model: Option<Arc<ModelMeter>>,
    operation: Option<&'static str>,
    /// Of the deployment that was asked last, and when that began.
    pair: Option<(Arc<Pair>, Instant)>,
}

impl CallMeter {
    /// What is asked for, and by which model of the config, if it is one's.
    pub(crate) fn asks(&mut self, operation: Operation, model: Option<&Arc<ModelMeter>>) {
        self.operation = Some(meters::operation(operation));
        self.model = model.cloned();
    }

    /// Who answers it.
    pub(crate) fn is_for(&mut self, model: &Arc<ModelMeter>) {
        self.model = Some(Arc::clone(model));
    }

    /// What is asked for, by its name in metrics and traces.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation.unwrap_or(OTHER)
    }

    /// Something is done to save it.
    pub(crate) fn tries_again(&self, how: SecondTry) {
        if let Some(model) = &self.model {
            model.tries_again(how);
        }
    }

    /// A deployment was asked, and has begun to answer or not.
    pub(crate) fn attempted(
        &mut self,
        deployment: &Arc<DeploymentMeter>,
        since: Instant,
        took: Duration,
        fault: Option<&'static str>,
    ) {
        let Some(model) = &self.model else { return };
        let pair = model.pair(deployment, self.operation());
        pair.attempted(micros(took), fault);
        self.pair = Some((pair, since));
    }

    /// A deployment was asked, and another one beside it had something to say first.
    pub(crate) fn gave_up(&self, deployment: &Arc<DeploymentMeter>, took: Duration) {
        if let Some(model) = &self.model {
            model.pair(deployment, self.operation()).attempted(micros(took), Some(GIVEN_UP));
        }
    }

    /// The answer broke off.
    pub(crate) fn broke(&self, kind: FaultKind) {
        if let Some((pair, _)) = &self.pair {
            pair.broken.of(kind.name(), Counter::default).add(1);
        }
    }

    /// Where it is counted; `other` and `nobody` are for what it did not come to.
    pub(super) fn pair(&self, other: &Arc<ModelMeter>, nobody: &Arc<DeploymentMeter>) -> Arc<Pair> {
        match &self.pair {
            Some((pair, _)) => Arc::clone(pair),
            None => self.model.as_ref().unwrap_or(other).pair(nobody, self.operation()),
        }
    }

    /// Notes how long whoever was asked last took in all, if there was an answer.
    pub(super) fn has_answered(&self, pair: &Pair, ended: Ended, now: Instant) {
        if let Some((_, since)) = self.pair.as_ref().filter(|_| ended == Ended::Answered) {
            pair.answers.record(micros(now.saturating_duration_since(*since)));
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
