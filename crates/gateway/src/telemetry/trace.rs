//! The part that one call has in a trace: its own span, and one for each attempt.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue};

use super::{
    context::{self, Context},
    sampler::Sampler,
};
use crate::{fleet::Deployment, ids::scramble};

/// Most attempts that have a span: those of one call are few.
const MOST: usize = 64;

/// A call's part in a trace.
pub(crate) struct Trace {
    /// The trace, and the call's own span in it.
    pub(super) own: Context,
    /// The span that asked for it.
    pub(super) parent: Option<u64>,
    pub(super) state: Vec<HeaderValue>,
    pub(super) attempts: Vec<Tried>,
}

/// One attempt.
pub(super) struct Tried {
    pub(super) span: u64,
    pub(super) deployment: Arc<str>,
    /// The model's name at its provider.
    pub(super) model: Arc<str>,
    /// The provider's kind, by OpenTelemetry's conventions.
    pub(super) provider: &'static str,
    pub(super) since: Instant,
    /// Absent as long as it answers.
    pub(super) until: Option<Instant>,
    pub(super) fault: Option<&'static str>,
}

impl Trace {
    /// Of a request with these headers, kept as `sampler` has it.
    pub(super) fn of(headers: &HeaderMap, ids: impl Fn() -> u64, sampler: Sampler) -> Self {
        // No id is nothing but zeros.
        let span = ids() | 1;
        match Context::read(headers) {
            Some(asked) => Self {
                own: asked.with(span).kept(sampler.keeps(asked.trace, Some(asked.is_kept()))),
                parent: Some(asked.span),
                state: context::state(headers),
                attempts: Vec::new(),
            },
            None => {
                let trace = u128::from(ids()) << 64 | u128::from(ids() | 1);
                let own = Context::new(trace, span, sampler.keeps(trace, None));
                Self { own, parent: None, state: Vec::new(), attempts: Vec::new() }
            }
        }
    }

    /// The span of the attempt at `deployment` that began so long after the call: the same whoever asks.
    fn span(&self, deployment: &Deployment, after: Duration) -> u64 {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        scramble(self.own.span ^ deployment.identity.rotate_left(32) ^ scramble(nanos)) | 1
    }

    /// Says in `out` that the attempt is what asks.
    pub(crate) fn carry(&self, deployment: &Deployment, after: Duration, out: &mut HeaderMap) {
        self.own.with(self.span(deployment, after)).carry(&self.state, out);
    }

    /// An attempt has begun to answer, or has ended in a fault by `now`. It began at `since`, so long `after` the call.
    pub(crate) fn attempted(
        &mut self,
        deployment: &Deployment,
        (since, after): (Instant, Duration),
        now: Instant,
        fault: Option<&'static str>,
    ) {
        if !self.own.is_kept() || self.attempts.len() >= MOST {
            return;
        }
        let span = self.span(deployment, after);
        self.attempts.push(Tried {
            span,
            deployment: Arc::clone(&deployment.name),
            model: Arc::clone(&deployment.model),
            provider: deployment.meter.provider,
            since,
            until: fault.is_some().then_some(now),
            fault,
        });
    }

    /// The answer of the latest one broke off.
    pub(crate) fn broke(&mut self, now: Instant, fault: &'static str) {
        if let Some(tried) = self.attempts.iter_mut().rev().find(|tried| tried.until.is_none()) {
            (tried.until, tried.fault) = (Some(now), Some(fault));
        }
    }

    /// Whether it is kept, so that it is worth saying what became of it.
    pub(crate) fn is_kept(&self) -> bool {
        self.own.is_kept()
    }
}
