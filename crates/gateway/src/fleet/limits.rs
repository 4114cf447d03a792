//! How long a call may take, step by step, and when those who answer it are left alone.

use std::{sync::Arc, time::Duration};

use lockgate_config::{self as config, CheckMethod, Commit, OnLoss};
use lockgate_routing::{Policy, Rules};

/// How deployments are looked after in the background.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) every: Duration,
    pub(crate) method: CheckMethod,
}

/// What holds for the calls of one model.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) policy: Policy,
    /// When deployments are left alone.
    pub(crate) rules: Rules,
    /// How they are looked after in between, if they are.
    pub(crate) check: Option<Check>,
    /// The provider's model that checks are made with, where that is not the deployment's own.
    pub(crate) check_model: Option<Arc<str>>,
    /// How many more requests than clients ask for may be made because others failed, in per cent.
    pub(super) extra_load: u32,
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
    /// After how long without output somebody else is asked too.
    pub(crate) hedge_after: Option<Duration>,
    /// When a streamed answer begins to leave.
    pub(crate) commit: Commit,
    /// Whether an answer that broke off is gone on with by somebody else.
    pub(crate) resumes: bool,
    /// Whether the model may be silent for minutes, where the operator says so.
    pub(crate) is_slow: Option<bool>,
    /// Whether a request that would lose something in translation is refused.
    pub(crate) rejects_loss: bool,
}

impl Limits {
    /// Of models that say nothing themselves.
    pub(super) fn usual(retry: &config::Retry, health: &config::Health) -> Self {
        Self {
            policy: Policy {
                attempts: retry.attempts,
                within: retry.retry_on_failure_within,
                ..Policy::default()
            },
            rules: Rules {
                error_threshold: health.error_threshold,
                error_window: health.error_window,
                max_cooldown: health.max_cooldown,
                cooldown: health.cooldown,
            },
            check: health.check().map(|(every, method)| Check { every, method }),
            check_model: health.check_model.as_deref().map(Arc::from),
            extra_load: retry.extra_load,
            timeout: retry.timeout,
            first_byte: retry.first_byte,
            first_token: retry.first_token,
            answer: retry.answer,
            stall: retry.stall,
            hedge_after: None,
            commit: Commit::default(),
            resumes: false,
            is_slow: None,
            rejects_loss: false,
        }
    }

    /// For a check in the place of a client: whatever a dialect makes of so small a request, nothing that matters is lost.
    pub(crate) fn of_checks(&self) -> Self {
        Self { rejects_loss: false, commit: Commit::default(), ..self.clone() }
    }

    /// For the checks of credentials, which are made with models of their own.
    pub(crate) fn of_credentials(&self) -> Self {
        Self { check_model: None, ..self.clone() }
    }

    /// Of one configured model.
    pub(super) fn of(model: &config::Model, retry: &config::Retry, health: &config::Health) -> Self {
        Self {
            hedge_after: model.hedge_after,
            commit: model.commit,
            resumes: model.resume,
            is_slow: model.slow,
            rejects_loss: model.on_loss == OnLoss::Reject,
            ..Self::usual(retry, health)
        }
    }
}
