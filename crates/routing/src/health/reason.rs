//! Why a deployment may not be asked, and how it stands.

use std::time::{Duration, Instant};

use lockgate_protocol::ir::FaultKind;

/// Why a deployment may not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It failed too often in a row.
    Open,
    /// The provider asked for a pause.
    Cooling(FaultKind),
    /// The provider refused the credential.
    KeyRefused,
    /// The account behind the credential has nothing left.
    Quota,
    /// The operator took it out.
    Drained,
    /// It is asked as much as the operator allows.
    Full,
}

impl Why {
    pub(crate) fn cooling(kind: FaultKind) -> Self {
        match kind {
            FaultKind::KeyRefused => Self::KeyRefused,
            FaultKind::QuotaExhausted => Self::Quota,
            kind => Self::Cooling(kind),
        }
    }

    /// Whether it is a matter of limits, for which a client is told to slow down.
    pub fn is_limit(self) -> bool {
        matches!(self, Self::Cooling(FaultKind::RateLimited) | Self::Quota | Self::Full)
    }

    /// The name in status and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cooling(kind) => kind.name(),
            Self::KeyRefused => FaultKind::KeyRefused.name(),
            Self::Quota => FaultKind::QuotaExhausted.name(),
            Self::Drained => "drained",
            Self::Full => "full",
        }
    }
}

/// That a deployment may not be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocked {
    /// The reason.
    pub why: Why,
    /// When it may be asked again, as far as that is known.
    pub until: Option<Instant>,
    /// Its rest is over, and the one request that tries it is under way.
    pub is_tried: bool,
}

impl Blocked {
    /// How long a call that has nobody else may wait for it; none where waiting is no use.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let span = self.until.map(|until| until.saturating_duration_since(now));
        span.or(self.is_tried.then_some(Duration::ZERO)).filter(|_| self.why.is_limit())
    }
}

/// How a deployment stands, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not failed since its last answer.
    Well,
    /// It has failed since, and may be asked.
    Failing,
    /// It may not be asked.
    Resting,
}
