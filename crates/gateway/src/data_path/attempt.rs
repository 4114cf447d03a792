//! What one attempt at one deployment is made with, and how long it may take.

use std::time::{Duration, Instant};

use http::request::Parts;

use crate::{
    Setup, clock,
    data_path::{call::Call, identify::Asked, notes::Notes},
    fleet::{Deployment, Limits},
};

/// How long a stream may take to say something where nothing else is written and somebody else can be asked: so that all
/// of the other's answer can be there within 15 s.
const FIRST_TOKEN: Duration = Duration::from_secs(12);
/// How many times the usual a probe may take.
const PROBE_FACTOR: u32 = 3;
/// The least that a probe may take.
const LEAST_PROBE: Duration = Duration::from_secs(10);
/// How long a probe may take where nothing is known of the deployment.
const MOST_PROBE: Duration = Duration::from_secs(30);

/// One try at one deployment.
pub(crate) struct Attempt<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) call: &'a Call,
    pub(crate) head: &'a Parts,
    pub(crate) asked: &'a Asked,
    pub(crate) deployment: &'a Deployment,
    pub(crate) limits: &'a Limits,
    /// When it began.
    pub(crate) since: Instant,
    /// Whether there is somebody else to ask.
    pub(crate) has_other: bool,
    /// Whether it tries a deployment that has been left alone: until it knows, nobody else is let in.
    pub(crate) is_probe: bool,
    pub(crate) notes: Notes,
}

impl Attempt<'_> {
    /// How long the next piece of a streamed answer may take, which `has_output` already or not.
    pub(crate) fn patience(&self, has_output: bool) -> Duration {
        if has_output {
            return self.deployment.stall.min(self.left_at(clock::now()));
        }
        let limit = match self.limits.first_token {
            _ if self.is_slow() => self.limits.answer,
            Some(limit) => limit,
            // Who is the only one is worth waiting for.
            None if self.has_other => FIRST_TOKEN,
            None => self.limits.answer,
        };
        self.rest_of(limit)
    }

    /// How long an answer that comes whole may take.
    pub(crate) fn answer_limit(&self) -> Duration {
        self.rest_of(self.limits.answer)
    }

    /// What is left of `limit`, which counts from the beginning of the attempt.
    fn rest_of(&self, limit: Duration) -> Duration {
        let limit = if self.is_probe { limit.min(self.probe_limit()) } else { limit };
        let now = clock::now();
        limit.saturating_sub(now - self.since).min(self.left_at(now))
    }

    /// How long a probe may take: some times what is usual for the deployment, since a silent one would keep others out
    /// for minutes.
    fn probe_limit(&self) -> Duration {
        match self.deployment.health.usual_wait() {
            Some(usual) => usual.saturating_mul(PROBE_FACTOR).max(LEAST_PROBE),
            None if self.is_slow() => Duration::MAX,
            None => MOST_PROBE,
        }
    }

    /// Whether it may be silent for minutes.
    pub(crate) fn is_slow(&self) -> bool {
        self.limits.is_slow.unwrap_or(self.deployment.is_slow)
    }

    /// The time the call still has.
    fn left_at(&self, now: Instant) -> Duration {
        self.limits.timeout.saturating_sub(now - self.call.began())
    }
}
