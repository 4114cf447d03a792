//! What a fault teaches about the deployment that it happened at.

use lockgate_protocol::ir::{Blame, Fault, FaultKind, Scope};

/// What a fault teaches.
pub(super) enum Lesson {
    /// Nothing: the provider was not asked, or the client went away.
    Nothing,
    /// The provider is at work: it refused this request in its own words.
    Answers,
    /// It has to be left alone for a time.
    Cools,
    /// It failed.
    Counts,
}

impl Lesson {
    pub(super) fn of(fault: &Fault) -> Self {
        use FaultKind::{ContentFilter, ContextLength, KeyRefused, QuotaExhausted, RateLimited, Refused};
        match (fault.scope, fault.kind) {
            (Scope::Request, ContentFilter | ContextLength | Refused) => Self::Answers,
            (Scope::Request, kind) if kind.blame() == Blame::Upstream => Self::Answers,
            (Scope::Request, _) => Self::Nothing,
            (_, KeyRefused | QuotaExhausted | RateLimited) => Self::Cools,
            _ => Self::Counts,
        }
    }
}
